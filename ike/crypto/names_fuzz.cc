// Whatever a certificate, an ID or an AUTH payload holds as a name, a subjectAltName or an
// AlgorithmIdentifier, and whatever a Secret holds as PEM. What was read reads back as itself.
#include <cstdlib>

#include "cmake/fuzz/fuzz_one.h"
#include "ike/crypto/distinguished_name.h"
#include "ike/crypto/identity_proof.h"
#include "ike/crypto/pem.h"
#include "ike/crypto/signature_algorithm.h"

using namespace espalier;
using namespace espalier::ike::crypto;

namespace {

void must(bool holds) {
  if (!holds) std::abort();
}

void name(ByteView input) {
  const auto text = dn_to_text(input);
  if (!text) return;
  must(same_name(input, input) || text->empty());
  if (text->empty()) return;
  const auto der = dn_to_der(*text);
  if (der) must(dn_to_text(*der).has_value());
}

void text(ByteView input) {
  const std::string_view words(reinterpret_cast<const char*>(input.data()), input.size());
  if (const auto der = dn_to_der(words)) must(dn_to_text(*der).has_value());
  if (const auto blocks = decode_pem(words)) {
    if (const auto key = private_key_info(*blocks)) (void)with_public_point(key->view(), input);
  }
}

}  // namespace

void fuzz_one(std::span<const std::uint8_t> input) {
  name(input);
  text(input);
  if (const auto names = decode_subject_alt_names(input)) {
    for (const auto& identity : names->identities) {
      must(same_identity(identity, identity) || identity.type == ike::wire::IdType::kDerAsn1Dn);
      (void)proves(input, names->identities, identity);
    }
  }
  if (const auto algorithm = find_signature_algorithm(input)) {
    must(find_signature_algorithm(algorithm_identifier(*algorithm)) == algorithm);
  }
}
