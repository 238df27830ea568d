// A decrypted chain: the first octet is the type of the first payload, the rest the plaintext with
// its padding.
#include "cmake/fuzz/fuzz_one.h"
#include "ike/wire/decode.h"
#include "ike/wire/encode.h"
#include "ike/wire/fuzz_check.h"

void fuzz_one(std::span<const std::uint8_t> input) {
  using namespace espalier::ike::wire;
  if (input.empty()) return;
  const auto plaintext = strip_padding(input.subspan(1));
  if (!plaintext) return;
  const auto decoded = decode_payloads(static_cast<PayloadType>(input[0]), *plaintext, "IKE_AUTH");
  if (!decoded) {
    must(!decoded.error().error.where.empty() && decoded.error().notify);
    return;
  }
  must(decoded->size() <= kMaxPayloads);
  must(all<Notify>(*decoded).size() <= kMaxNotifies);
  must(all<Ke>(*decoded).size() <= 1 && all<Idi>(*decoded).size() <= 1);
  (void)find_error(*decoded);
}
