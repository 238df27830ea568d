// Certificates, CRLs and PKCS #12 files as NSS and this adapter read them.
#include <cstdlib>

#include "cmake/fuzz/fuzz_one.h"
#include "ike/crypto/nss/certificate.h"
#include "ike/crypto/nss/credentials.h"
#include "ike/crypto/nss/crl.h"
#include "ike/crypto/nss/nss_provider.h"
#include "ike/crypto/nss/path.h"

using namespace espalier;
using namespace espalier::ike::crypto;

namespace {

// NSS stays open until the process ends.
const nss::Secrets& secrets() {
  static auto provider = nss::NssProvider::open({});
  static auto opened = nss::Secrets::open();
  if (!provider || !opened) std::abort();
  return *opened;
}

}  // namespace

void fuzz_one(std::span<const std::uint8_t> input) {
  const nss::Secrets& opened = secrets();
  const WallTime now{std::chrono::seconds(1795521600)};
  if (auto certificate = nss::decode_certificate(input)) {
    (void)nss::find_path(*certificate, {to_bytes(input), to_bytes(input)}, {*certificate}, now);
    (void)nss::find_path(*certificate, {to_bytes(input)}, {}, now);
  }
  if (auto crl = nss::decode_crl(input)) (void)(*crl)->serials.size();
  (void)nss::credential_from_pkcs12(opened, input, "secret", now);
}
