// Requests and certificates as anybody may send them, in DER and in PEM. What was read is
// consistent with what it was read from.
#include <cstdlib>

#include "base/time_text.h"
#include "cmake/fuzz/fuzz_one.h"
#include "operator/certificates/certificate.h"
#include "operator/certificates/certificate_request.h"

using namespace espalier;
using namespace espalier::certificates;

namespace {

void must(bool holds) {
  if (!holds) std::abort();
}

void name(const Name& read) {
  auto again = decode_name(encode_name(read), "name");
  must(again.has_value() && *again == read);
}

void request(const Result<CertificateRequest>& read) {
  if (!read) {
    must(!read.error().where.empty() && !read.error().detail.empty());
    return;
  }
  name(read->subject);
  must(!read->signature.empty() && read->info.size() < kMaxRequest);
  must(decode_public_key(read->key.info) == read->key);
}

void certificate(const Result<Certificate>& read) {
  if (!read) {
    must(!read.error().where.empty() && !read.error().detail.empty());
    return;
  }
  name(read->subject);
  name(read->issuer);
  auto again = decode_certificate_pem(to_pem(*read));
  must(again.has_value() && *again == *read);
  must(!time_text(read->not_after).empty() && !encode_time(read->not_after).empty());
}

}  // namespace

void fuzz_one(std::span<const std::uint8_t> input) {
  const std::string_view text(reinterpret_cast<const char*>(input.data()), input.size());
  request(decode_request(input));
  request(decode_request_pem(text));
  certificate(decode_certificate(input));
  certificate(decode_certificate_pem(text));
  if (auto names = decode_alt_names(input)) must(names->size() <= 64);
  (void)is_dns_name(text);
}
