// A datagram that is accepted has its encrypted part inside itself, and its clear payloads come
// back the same when written and read again.
#include "cmake/fuzz/fuzz_one.h"
#include "ike/wire/decode.h"
#include "ike/wire/encode.h"
#include "ike/wire/fuzz_check.h"

void fuzz_one(std::span<const std::uint8_t> input) {
  using namespace espalier::ike::wire;
  const auto message = decode_clear(input);
  if (!message) {
    must(!message.error().error.where.empty());
    must(message.error().critical_type.has_value() ==
         (message.error().notify == NotifyType::kUnsupportedCriticalPayload));
    return;
  }
  must(message->payloads.size() <= kMaxPayloads);
  if (message->encrypted) {
    const Encrypted& part = *message->encrypted;
    must(part.offset + part.length == input.size());
    must(part.associated_data_length == part.offset);
    must(part.fragment_number >= 1 && part.fragment_number <= part.total_fragments);
  }
  const auto encoded = encode_clear(*message);
  if (!encoded) return;  // selectors of unknown types only
  const auto again = decode_clear(*encoded);
  must(again.has_value());
  if (message->encrypted) must(!again->encrypted);
  must(again->payloads.size() == message->payloads.size());
}
