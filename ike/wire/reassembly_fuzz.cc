// Fragments in any order, with any numbers: the input is a row of (number, total, first, size). The
// bounds hold, and a complete message is as long as its parts.
#include "cmake/fuzz/fuzz_one.h"
#include "ike/wire/fragment.h"
#include "ike/wire/fuzz_check.h"
#include "ike/wire/reader.h"

void fuzz_one(std::span<const std::uint8_t> input) {
  using namespace espalier;
  using namespace espalier::ike::wire;
  using Outcome = Reassembly::Outcome;
  static const Bytes octets(70000, 7);
  Reassembly reassembly;
  Reader reader(input, "script");
  for (int i = 0; i < 300 && reader.remaining() >= 7; ++i) {
    const std::uint16_t number = reader.u16("number");
    const std::uint16_t total = reader.u16("total");
    const auto first = static_cast<PayloadType>(reader.u8("first"));
    const std::size_t size = reader.u16("size");
    const auto before = reassembly.received();
    const auto total_before = reassembly.total();
    const Outcome expected = reassembly.check(number, total);
    const Outcome outcome = reassembly.add(number, total, first, ByteView(octets).first(size));
    const bool added = outcome == Outcome::kStored || outcome == Outcome::kComplete;
    must(expected == outcome || expected == Outcome::kStored);
    if (!added) must(reassembly.received() == before && reassembly.total() == total_before);
    must(reassembly.total() <= kMaxFragments && reassembly.received() <= reassembly.total());
    must(reassembly.plaintext().size() <= kMaxMessage);
    must((outcome == Outcome::kComplete) == (added && reassembly.complete()));
  }
}
