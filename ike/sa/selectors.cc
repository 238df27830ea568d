#include "ike/sa/selectors.h"

#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>

#include "ike/wire/limits.h"

namespace espalier::ike {

namespace {

using wire::TrafficSelector;

// Enough for an address, as one number.
struct Wide {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  friend auto operator<=>(const Wide&, const Wide&) = default;
};

Wide wide(const IpAddress& address) {
  Wide number;
  for (const std::uint8_t octet : address.bytes()) {
    number.high = number.high << 8 | number.low >> 56;
    number.low = number.low << 8 | octet;
  }
  return number;
}

Wide after(Wide number) {
  if (++number.low == 0) ++number.high;
  return number;
}

Wide before(Wide number) {
  if (number.low-- == 0) --number.high;
  return number;
}

// The lowest `count` bits (0 to 128) of a number, and the number with all of them set.
Wide low_mask(int count) {
  constexpr std::uint64_t kAll = ~std::uint64_t{0};
  if (count >= 128) return {kAll, kAll};
  if (count >= 64) return {count == 64 ? 0 : kAll >> (128 - count), kAll};
  return {0, count == 0 ? 0 : kAll >> (64 - count)};
}

Wide low_bits_of(Wide number, int count) {
  const Wide mask = low_mask(count);
  return {number.high & mask.high, number.low & mask.low};
}

Wide block_end(Wide number, int count) {
  const Wide mask = low_mask(count);
  return {number.high | mask.high, number.low | mask.low};
}

IpAddress address_of(Wide number, IpFamily family) {
  std::array<std::uint8_t, 16> octets{};
  const std::size_t size = family == IpFamily::kV4 ? 4 : 16;
  for (std::size_t i = size; i-- > 0;) {
    octets[i] = static_cast<std::uint8_t>(number.low);
    number.low = number.low >> 8 | number.high << 56;
    number.high >>= 8;
  }
  return IpAddress::from_bytes({octets.data(), size}).value_or(IpAddress{});
}

// A selector as a box: addresses, protocols 0 to 255, ports 0 to 65535 with OPAQUE as one more
// port above them. Both ends are inside.
struct Interval {
  Wide low;
  Wide high;
};
struct Box {
  IpFamily family = IpFamily::kV4;
  std::array<Interval, 3> sides;
};

constexpr std::uint64_t kOpaquePort = 65536;
constexpr std::uint64_t kLastProtocol = 255;

Box box_of(const TrafficSelector& selector) {
  Box box;
  box.family = selector.family();
  box.sides[0] = {wide(selector.start), wide(selector.end)};
  if (selector.protocol == 0) {
    box.sides[1] = {{0, 0}, {0, kLastProtocol}};
  } else {
    box.sides[1] = {{0, selector.protocol}, {0, selector.protocol}};
  }
  if (selector.any_port()) {
    box.sides[2] = {{0, 0}, {0, kOpaquePort}};
  } else if (selector.opaque_ports()) {
    box.sides[2] = {{0, kOpaquePort}, {0, kOpaquePort}};
  } else {
    box.sides[2] = {{0, selector.start_port}, {0, selector.end_port}};
  }
  return box;
}

bool meet(const Box& a, const Box& b) {
  if (a.family != b.family) return false;
  for (std::size_t i = 0; i < a.sides.size(); ++i) {
    if (a.sides[i].high < b.sides[i].low || b.sides[i].high < a.sides[i].low) return false;
  }
  return true;
}

bool inside(const Box& inner, const Box& outer) {
  if (inner.family != outer.family) return false;
  for (std::size_t i = 0; i < inner.sides.size(); ++i) {
    if (inner.sides[i].low < outer.sides[i].low) return false;
    if (outer.sides[i].high < inner.sides[i].high) return false;
  }
  return true;
}

// Adds to `rest` what of `box` is outside `taken`: at most two pieces per side.
void subtract(Box box, const Box& taken, std::vector<Box>& rest) {
  if (!meet(box, taken)) {
    rest.push_back(box);
    return;
  }
  for (std::size_t i = 0; i < box.sides.size(); ++i) {
    Interval& side = box.sides[i];
    if (side.low < taken.sides[i].low) {
      Box below = box;
      below.sides[i].high = before(taken.sides[i].low);
      rest.push_back(below);
      side.low = taken.sides[i].low;
    }
    if (taken.sides[i].high < side.high) {
      Box above = box;
      above.sides[i].low = after(taken.sides[i].high);
      rest.push_back(above);
      side.high = taken.sides[i].high;
    }
  }
}

// An authenticated peer chooses the lists, and pieces can multiply; no honest list needs as many.
constexpr std::size_t kMaxPieces = 1024;

bool covered(const Box& box, const std::vector<Box>& outer) {
  const auto whole = [&box](const Box& one) { return inside(box, one); };
  if (std::any_of(outer.begin(), outer.end(), whole)) return true;
  std::vector<Box> left = {box};
  std::vector<Box> rest;
  for (const Box& taken : outer) {
    rest.clear();
    for (const Box& piece : left) subtract(piece, taken, rest);
    left.swap(rest);
    if (left.empty()) return true;
    if (left.size() > kMaxPieces) return false;
  }
  return false;
}

}  // namespace

std::optional<TrafficSelector> intersect(const TrafficSelector& a, const TrafficSelector& b) {
  if (!meet(box_of(a), box_of(b))) return std::nullopt;
  TrafficSelector both;
  both.start = std::max(a.start, b.start);
  both.end = std::min(a.end, b.end);
  both.protocol = a.protocol != 0 ? a.protocol : b.protocol;
  if (a.any_port()) {
    both.start_port = b.start_port;
    both.end_port = b.end_port;
  } else if (b.any_port() || a.opaque_ports()) {
    both.start_port = a.start_port;
    both.end_port = a.end_port;
  } else {
    both.start_port = std::max(a.start_port, b.start_port);
    both.end_port = std::min(a.end_port, b.end_port);
  }
  return both;
}

bool contains(const TrafficSelector& outer, const TrafficSelector& inner) {
  return inside(box_of(inner), box_of(outer));
}

std::vector<TrafficSelector> narrow(const std::vector<TrafficSelector>& asked,
                                    const std::vector<TrafficSelector>& allowed) {
  std::vector<TrafficSelector> result;
  for (const TrafficSelector& one : asked) {
    for (const TrafficSelector& bound : allowed) {
      const auto both = intersect(one, bound);
      if (!both) continue;
      const auto held = [&](const TrafficSelector& other) { return contains(other, *both); };
      if (std::any_of(result.begin(), result.end(), held)) continue;
      // The wider one takes the place of what it holds: the packet that came first stays first.
      const auto wider = [&](const TrafficSelector& other) { return contains(*both, other); };
      const auto place = std::find_if(result.begin(), result.end(), wider);
      if (place != result.end()) {
        *place = *both;
        result.erase(std::remove_if(place + 1, result.end(), wider), result.end());
      } else if (result.size() < wire::kMaxSelectors) {
        result.push_back(*both);
      }
    }
  }
  return result;
}

bool covers(const std::vector<TrafficSelector>& outer, const std::vector<TrafficSelector>& inner) {
  std::vector<Box> boxes;
  boxes.reserve(outer.size());
  for (const TrafficSelector& one : outer) boxes.push_back(box_of(one));
  return std::all_of(inner.begin(), inner.end(),
                     [&boxes](const TrafficSelector& one) { return covered(box_of(one), boxes); });
}

bool same_packets(const std::vector<TrafficSelector>& a, const std::vector<TrafficSelector>& b) {
  return covers(a, b) && covers(b, a);
}

std::vector<Prefix> prefixes_of(const IpAddress& start, const IpAddress& end) {
  std::vector<Prefix> prefixes;
  if (start.family() != end.family() || end < start) return prefixes;
  const Wide last = wide(end);
  const int bits = start.bits();
  for (Wide at = wide(start);;) {
    // The largest block that begins here, by its alignment, and ends inside.
    int host_bits = bits;
    while (low_bits_of(at, host_bits) != Wide{} || last < block_end(at, host_bits)) --host_bits;
    prefixes.emplace_back(address_of(at, start.family()), bits - host_bits);
    const Wide last_of_block = block_end(at, host_bits);
    if (last_of_block == last) return prefixes;
    at = after(last_of_block);
  }
}

}  // namespace espalier::ike
