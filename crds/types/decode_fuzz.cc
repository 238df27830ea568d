// One object as the API server might hand it out, and the small syntaxes inside: durations, blocks.
#include "cmake/fuzz/fuzz_one.h"
#include "crds/types/base64.h"
#include "crds/types/decode.h"
#include "crds/types/duration.h"

void fuzz_one(std::span<const std::uint8_t> input) {
  using namespace espalier;
  const std::string_view text(reinterpret_cast<const char*>(input.data()), input.size());
  crds::Document document;
  document.json = crds::Json::parse(text, nullptr, false);
  if (!document.json.is_discarded()) (void)crds::decode(std::move(document));
  if (const auto duration = crds::parse_duration(text)) {
    // Fractions of less than a nanosecond aside, what was read is what is written.
    if (crds::parse_duration(crds::format_duration(*duration)) != duration) __builtin_trap();
  }
  if (const auto prefix = Prefix::parse(text)) {
    if (Prefix::parse(prefix->to_string()) != prefix) __builtin_trap();
  }
  (void)crds::decode_base64(text);
  (void)crds::key_bytes(input);
}
