// A peer's selectors against ours: what is narrowed lies inside both, whatever the peer asks for,
// and ranges are cut into prefixes that are exactly them.
#include "cmake/fuzz/fuzz_one.h"
#include "ike/sa/selectors.h"
#include "ike/wire/decode.h"
#include "ike/wire/fuzz_check.h"

namespace {

std::vector<espalier::ike::wire::TrafficSelector> our_selectors() {
  using espalier::Prefix;
  using espalier::ike::wire::TrafficSelector;
  std::vector<TrafficSelector> list;
  for (const char* text : {"10.0.0.0/8", "10.1.0.0/25", "192.0.2.0/30", "fd00::/8"}) {
    if (const auto prefix = Prefix::parse(text))
      list.push_back(TrafficSelector::from_prefix(*prefix));
  }
  list[1].protocol = 6;
  list[2].protocol = 17;
  list[2].start_port = 100;
  list[2].end_port = 200;
  return list;
}

}  // namespace

void fuzz_one(std::span<const std::uint8_t> input) {
  using namespace espalier;
  using namespace espalier::ike;
  using wire::must;
  static const auto ours = our_selectors();
  if (input.size() > 65000) return;
  const std::size_t length = input.size() + wire::kGenericHeaderSize;
  Bytes chain = {0, 0, static_cast<std::uint8_t>(length >> 8), static_cast<std::uint8_t>(length)};
  append(chain, input);
  const auto decoded = wire::decode_payloads(wire::PayloadType::kTsi, chain, "IKE_AUTH");
  if (!decoded) return;
  const auto& asked = std::get<wire::Tsi>(decoded->front()).selectors;
  const auto narrowed = narrow(asked, ours);
  must(narrowed.size() <= wire::kMaxSelectors);
  must(covers(ours, narrowed) && covers(asked, narrowed));
  for (std::size_t i = 0; i < narrowed.size(); ++i) {
    for (std::size_t j = 0; j < narrowed.size(); ++j) {
      must(i == j || !contains(narrowed[i], narrowed[j]));
    }
  }
  (void)covers(asked, ours);
  for (const auto& one : asked) {
    const auto prefixes = prefixes_of(one.start, one.end);
    must(!prefixes.empty() && prefixes.size() <= 254);
    must(prefixes.front().first() == one.start && prefixes.back().last() == one.end);
    for (std::size_t i = 1; i < prefixes.size(); ++i) {
      must(prefixes[i - 1].last().next() == prefixes[i].first());
    }
  }
}
