// A header that is accepted says of the datagram what is true, and is written back the same.
#include "cmake/fuzz/fuzz_one.h"
#include "ike/wire/decode.h"
#include "ike/wire/encode.h"
#include "ike/wire/fuzz_check.h"

void fuzz_one(std::span<const std::uint8_t> input) {
  using namespace espalier::ike::wire;
  const auto header = decode_header(input);
  if (!header) {
    must(!header.error().error.where.empty());
    return;
  }
  must(header->length == input.size());
  Message message;
  message.header = *header;
  const auto encoded = encode_clear(message);
  must(encoded.has_value());
  const auto again = decode_header(*encoded);
  must(again.has_value());
  must(again->spi_i == header->spi_i && again->message_id == header->message_id);
  must(again->initiator == header->initiator && again->response == header->response);
}
