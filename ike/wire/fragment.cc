#include "ike/wire/fragment.h"

#include <algorithm>

#include <fmt/format.h>

namespace espalier::ike::wire {

Reassembly::Outcome Reassembly::check(std::uint16_t number, std::uint16_t total) const {
  if (number == 0 || number > total || total > kMaxFragments) return Outcome::kInvalid;
  if (total < total_) return Outcome::kStale;
  if (total == total_ && slots_[number - 1U].filled) return Outcome::kDuplicate;
  return Outcome::kStored;
}

Reassembly::Outcome Reassembly::add(std::uint16_t number, std::uint16_t total, PayloadType first,
                                    ByteView plaintext) {
  const Outcome outcome = check(number, total);
  if (outcome != Outcome::kStored) return outcome;
  if (number != 1 && first != PayloadType::kNone) return Outcome::kInvalid;
  const std::size_t kept = total == total_ ? octets_ : 0;
  if (plaintext.size() > kMaxMessage - kept) return Outcome::kInvalid;
  if (total > total_) {
    slots_.assign(total, Slot{});
    total_ = total;
    received_ = 0;
    octets_ = 0;
    first_ = PayloadType::kNone;
  }
  Slot& slot = slots_[number - 1U];
  slot.filled = true;
  slot.bytes = to_bytes(plaintext);
  octets_ += plaintext.size();
  if (number == 1) first_ = first;
  ++received_;
  return complete() ? Outcome::kComplete : Outcome::kStored;
}

Bytes Reassembly::plaintext() const {
  Bytes whole;
  whole.reserve(octets_);
  for (const Slot& slot : slots_) append(whole, slot.bytes);
  return whole;
}

Result<std::vector<Fragment>> split(ByteView plaintext, PayloadType first,
                                    std::size_t max_fragment_plaintext) {
  if (max_fragment_plaintext == 0) {
    return fail(Code::kInvalid, "fragment", "no room for any octet of the message");
  }
  const std::size_t total =
      std::max<std::size_t>(1, plaintext.size() / max_fragment_plaintext +
                                   (plaintext.size() % max_fragment_plaintext != 0));
  if (total > kMaxFragments) {
    return fail(Code::kInvalid, "fragment",
                fmt::format("{} octets in fragments of {} are more than {} of them",
                            plaintext.size(), max_fragment_plaintext, kMaxFragments));
  }
  std::vector<Fragment> fragments(total);
  for (std::size_t i = 0; i < total; ++i) {
    const std::size_t at = i * max_fragment_plaintext;
    fragments[i].number = static_cast<std::uint16_t>(i + 1);
    fragments[i].total = static_cast<std::uint16_t>(total);
    fragments[i].first = i == 0 ? first : PayloadType::kNone;
    fragments[i].plaintext =
        plaintext.subspan(at, std::min(max_fragment_plaintext, plaintext.size() - at));
  }
  return fragments;
}

}  // namespace espalier::ike::wire
