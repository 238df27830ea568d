// An identity that is accepted as text can be sent, and is shown as a text that means the same.
#include <string>
#include <variant>

#include "cmake/fuzz/fuzz_one.h"
#include "ike/wire/fuzz_check.h"
#include "ike/wire/identification.h"

void fuzz_one(std::span<const std::uint8_t> input) {
  using namespace espalier;
  using namespace espalier::ike::wire;
  const std::string text = to_text(input);
  const auto parsed = parse_identity(text);
  if (!parsed) {
    must(!parsed.error().detail.empty());
    return;
  }
  const auto* id = std::get_if<Identification>(&*parsed);
  if (!id) return;
  must(check(*id).has_value());
  const auto again = parse_identity(to_string(*id));
  if (!again) {
    // Shown in hexadecimal it may have become longer than what is read.
    must(to_string(*id).size() > kMaxIdentityText);
    return;
  }
  must(*again == *parsed);
}
