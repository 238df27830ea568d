#include "ike/sa/selectors.h"

#include <random>
#include <string>

#include <gtest/gtest.h>

#include "ike/wire/limits.h"

namespace espalier::ike {
namespace {

using wire::TrafficSelector;
using List = std::vector<TrafficSelector>;

IpAddress ip(std::string_view text) {
  return IpAddress::parse(text).value();
}

TrafficSelector net(std::string_view prefix, std::uint8_t protocol = 0, std::uint16_t port = 0) {
  return TrafficSelector::from_prefix(Prefix::parse(prefix).value(), protocol, port);
}

TrafficSelector range(std::string_view start, std::string_view end, std::uint8_t protocol = 0,
                      std::uint16_t start_port = 0, std::uint16_t end_port = 65535) {
  return {protocol, start_port, end_port, ip(start), ip(end)};
}

TrafficSelector opaque(std::string_view prefix, std::uint8_t protocol) {
  TrafficSelector selector = net(prefix, protocol);
  selector.start_port = 65535;
  selector.end_port = 0;
  return selector;
}

std::string text(const List& list) {
  std::string all;
  for (const auto& one : list) all += (all.empty() ? "" : ", ") + one.to_string();
  return all;
}

TEST(Selectors, Intersect) {
  const struct {
    TrafficSelector a, b;
    std::string_view both;  // empty: nothing
  } kCases[] = {
      {net("10.0.0.0/8"), net("10.1.0.0/16"), "10.1.0.0/16"},
      {net("0.0.0.0/0"), net("10.1.0.0/16", 6, 443), "10.1.0.0/16 tcp 443"},
      {net("10.0.0.0/8"), net("11.0.0.0/8"), ""},
      {net("0.0.0.0/0"), net("::/0"), ""},
      {range("10.0.0.5", "10.0.0.20"), range("10.0.0.10", "10.0.0.30"), "10.0.0.10-10.0.0.20"},
      {range("10.0.0.5", "10.0.0.10"), range("10.0.0.10", "10.0.0.30"), "10.0.0.10/32"},
      {net("10.0.0.0/8", 6), net("10.0.0.0/8", 17), ""},
      {net("10.0.0.0/8", 17), net("10.0.0.0/8"), "10.0.0.0/8 udp"},
      {range("10.0.0.0", "10.0.0.9", 6, 80, 100), range("10.0.0.0", "10.0.0.9", 6, 90, 200),
       "10.0.0.0-10.0.0.9 tcp 90-100"},
      {range("10.0.0.0", "10.0.0.9", 6, 80, 89), range("10.0.0.0", "10.0.0.9", 6, 90, 200), ""},
      {opaque("10.0.0.0/8", 17), net("10.0.0.0/8"), "10.0.0.0/8 udp opaque"},
      {opaque("10.0.0.0/8", 17), opaque("10.1.0.0/16", 17), "10.1.0.0/16 udp opaque"},
      {opaque("10.0.0.0/8", 17), net("10.0.0.0/8", 17, 53), ""},
      {net("2001:db8::/32"), net("2001:db8:1::/48"), "2001:db8:1::/48"},
      {net("10.0.0.0/8", 1), range("10.0.0.0", "10.255.255.255", 1, 0x0800, 0x08ff),
       "10.0.0.0/8 icmp 2048-2303"},
  };
  for (const auto& c : kCases) {
    for (const auto& both : {intersect(c.a, c.b), intersect(c.b, c.a)}) {
      EXPECT_EQ(both ? both->to_string() : "", c.both)
          << c.a.to_string() << " and " << c.b.to_string();
    }
  }
}

TEST(Selectors, Contains) {
  EXPECT_TRUE(contains(net("10.0.0.0/8"), net("10.1.0.0/16", 6, 80)));
  EXPECT_TRUE(contains(net("10.0.0.0/8"), opaque("10.0.0.0/8", 6)));
  EXPECT_TRUE(contains(net("10.0.0.0/8"), net("10.0.0.0/8")));
  EXPECT_FALSE(contains(net("10.0.0.0/8", 6), net("10.0.0.0/8")));
  EXPECT_FALSE(contains(net("10.0.0.0/8", 6, 80), net("10.0.0.0/8", 6)));
  EXPECT_FALSE(contains(net("10.0.0.0/16"), net("10.0.0.0/8")));
  EXPECT_FALSE(contains(opaque("10.0.0.0/8", 6), net("10.0.0.0/8", 6)));
  EXPECT_FALSE(contains(net("0.0.0.0/0"), net("::/0")));
}

// RFC 7296 section 2.9.
TEST(Narrowing, IsWhatBothAllowInTheOrderAsked) {
  const struct {
    std::string_view what;
    List asked, allowed;
    std::string_view narrowed;
  } kCases[] = {
      {"the same", {net("10.1.0.0/16")}, {net("10.1.0.0/16")}, "10.1.0.0/16"},
      {"a wide initiator",
       {net("0.0.0.0/0")},
       {net("10.1.0.0/16"), net("10.2.0.0/16")},
       "10.1.0.0/16, 10.2.0.0/16"},
      {"a wide responder", {net("10.1.0.0/16", 6)}, {net("0.0.0.0/0")}, "10.1.0.0/16 tcp"},
      {"nothing in common", {net("10.1.0.0/16")}, {net("10.2.0.0/16")}, ""},
      {"one family of two",
       {net("10.1.0.0/16"), net("fd00::/8")},
       {net("fd00:1::/32")},
       "fd00:1::/32"},
      {"the packet first, then the subnet that holds it",
       {range("10.1.0.7", "10.1.0.7", 6, 443, 443), net("10.1.0.0/16")},
       {net("10.1.0.0/16")},
       "10.1.0.0/16"},
      {"the packet decides between what is allowed",
       {net("10.2.0.7/32", 6, 443), net("0.0.0.0/0")},
       {net("10.1.0.0/16"), net("10.2.0.0/16")},
       "10.2.0.0/16, 10.1.0.0/16"},
      {"the packet is not allowed, the rest is",
       {net("10.3.0.7/32"), net("10.1.0.0/16")},
       {net("10.1.0.0/16")},
       "10.1.0.0/16"},
      {"no repetition",
       {net("10.1.0.0/16"), net("10.1.0.0/16")},
       {net("10.0.0.0/8")},
       "10.1.0.0/16"},
      {"overlapping bounds",
       {net("10.1.0.0/16")},
       {net("10.1.0.0/24"), net("10.0.0.0/8")},
       "10.1.0.0/16"},
  };
  for (const auto& c : kCases) EXPECT_EQ(text(narrow(c.asked, c.allowed)), c.narrowed) << c.what;
}

TEST(Narrowing, StaysWithinWhatAMessageHolds) {
  List many;
  for (int i = 0; i < 64; ++i) {
    many.push_back(net("0.0.0.0/0", 6, static_cast<std::uint16_t>(1000 + i)));
  }
  List bounds;
  for (int i = 0; i < 64; ++i) bounds.push_back(net("10." + std::to_string(i) + ".0.0/16"));
  const List narrowed = narrow(many, bounds);
  EXPECT_EQ(narrowed.size(), wire::kMaxSelectors);
  EXPECT_TRUE(covers(many, narrowed));
  EXPECT_TRUE(covers(bounds, narrowed));
}

TEST(Covers, IsAboutTheUnion) {
  const List halves = {net("10.0.0.128/25"), net("10.0.0.0/25")};
  EXPECT_TRUE(covers(halves, {net("10.0.0.0/24")}));
  EXPECT_TRUE(same_packets(halves, {net("10.0.0.0/24")}));
  EXPECT_FALSE(covers({halves[0]}, {net("10.0.0.0/24")}));
  EXPECT_FALSE(covers({net("10.0.0.0/25"), net("10.0.0.129/32")}, {net("10.0.0.0/24")}));
  EXPECT_TRUE(covers(
      {range("10.0.0.0", "10.0.0.9", 6, 0, 1000), range("10.0.0.5", "10.0.0.20", 6, 500, 2000)},
      {range("10.0.0.5", "10.0.0.9", 6, 200, 1500)}));
  EXPECT_TRUE(covers({net("10.0.0.0/8")}, {}));
  EXPECT_FALSE(covers({}, {net("10.0.0.0/8")}));
  // All numbered ports are not ANY: OPAQUE is missing.
  EXPECT_FALSE(covers({range("10.0.0.0", "10.0.0.9", 17, 0, 32767),
                       range("10.0.0.0", "10.0.0.9", 17, 32768, 65535)},
                      {range("10.0.0.0", "10.0.0.9", 17)}));
  // The ends of the address space.
  EXPECT_TRUE(covers({net("0.0.0.0/1"), net("128.0.0.0/1")}, {net("0.0.0.0/0")}));
  EXPECT_TRUE(covers({net("8000::/1"), net("::/1")}, {net("::/0")}));
  EXPECT_FALSE(covers({net("8000::/1"), net("::/2")}, {net("::/0")}));
}

TEST(Covers, OrderAndSpellingDoNotMatter) {
  const List a = {net("10.0.0.0/24"), net("10.0.2.0/24"), net("fd00::/64")};
  const List b = {net("fd00::/64"), range("10.0.2.0", "10.0.2.255"), net("10.0.0.0/24")};
  EXPECT_TRUE(same_packets(a, b));
  EXPECT_FALSE(same_packets(a, {b[0], b[1]}));
}

// A peer that tries to make the answer long gets "no".
TEST(Covers, HasABound) {
  List points;
  for (int i = 0; i < 128; ++i) {
    const auto port = static_cast<std::uint16_t>(2 * i + 1);
    points.push_back(range("10." + std::to_string(2 * i) + ".0.0",
                           "10." + std::to_string(2 * i) + ".0.9",
                           static_cast<std::uint8_t>(2 * i + 1), port, port));
  }
  EXPECT_FALSE(covers(points, List(128, net("0.0.0.0/0"))));
}

// Against counting packets one by one, in a small world of random lists.
TEST(Covers, AgreesWithCounting) {
  std::mt19937 random(7);
  const auto below = [&random](int limit) {
    return static_cast<int>(random() % static_cast<unsigned>(limit));
  };
  const auto selector = [&below] {
    TrafficSelector one;
    const int a = below(6), b = below(6), p = below(5), q = below(5);
    one.start = IpAddress::v4(static_cast<std::uint32_t>(std::min(a, b)));
    one.end = IpAddress::v4(static_cast<std::uint32_t>(std::max(a, b)));
    one.protocol = static_cast<std::uint8_t>(below(3));
    one.start_port = static_cast<std::uint16_t>(std::min(p, q));
    one.end_port = static_cast<std::uint16_t>(std::max(p, q));
    if (below(4) == 0) one.end_port = 65535, one.start_port = 0;
    return one;
  };
  const auto holds = [](const List& list, int address, int protocol, int port) {
    for (const auto& one : list) {
      const IpAddress at = IpAddress::v4(static_cast<std::uint32_t>(address));
      if (at < one.start || one.end < at) continue;
      if (one.protocol != 0 && one.protocol != protocol) continue;
      if (port >= one.start_port && port <= one.end_port) return true;
    }
    return false;
  };
  int yes = 0;
  for (int round = 0; round < 3000; ++round) {
    List outer, inner;
    for (int i = 0; i <= below(5); ++i) outer.push_back(selector());
    for (int i = 0; i <= below(2); ++i) inner.push_back(selector());
    bool counted = true;
    const List narrowed = narrow(inner, outer);
    for (int address = 0; address < 6; ++address) {
      for (int protocol = 1; protocol < 4; ++protocol) {
        for (int port = 0; port < 6; ++port) {
          const bool in = holds(inner, address, protocol, port);
          const bool out = holds(outer, address, protocol, port);
          if (in && !out) counted = false;
          EXPECT_EQ(holds(narrowed, address, protocol, port), in && out);
        }
      }
    }
    EXPECT_EQ(covers(outer, inner), counted) << text(outer) << " | " << text(inner);
    yes += counted;
  }
  EXPECT_GT(yes, 100);
  EXPECT_LT(yes, 2900);
}

TEST(Prefixes, AreTheFewestThatAreTheRange) {
  const struct {
    std::string_view start, end;
    std::vector<std::string> prefixes;
  } kCases[] = {
      {"10.0.0.0", "10.0.0.255", {"10.0.0.0/24"}},
      {"10.0.0.1", "10.0.0.1", {"10.0.0.1/32"}},
      {"0.0.0.0", "255.255.255.255", {"0.0.0.0/0"}},
      {"10.0.0.1", "10.0.0.6", {"10.0.0.1/32", "10.0.0.2/31", "10.0.0.4/31", "10.0.0.6/32"}},
      {"255.255.255.254", "255.255.255.255", {"255.255.255.254/31"}},
      {"::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", {"::/0"}},
      {"2001:db8::ffff", "2001:db8::1:0", {"2001:db8::ffff/128", "2001:db8::1:0/128"}},
  };
  for (const auto& c : kCases) {
    std::vector<std::string> found;
    for (const Prefix& prefix : prefixes_of(ip(c.start), ip(c.end))) {
      found.push_back(prefix.to_string());
    }
    EXPECT_EQ(found, c.prefixes) << c.start;
  }
  EXPECT_EQ(prefixes_of(ip("0.0.0.1"), ip("255.255.255.254")).size(), 62U);
  EXPECT_EQ(prefixes_of(ip("::1"), ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe")).size(), 254U);
  EXPECT_TRUE(prefixes_of(ip("10.0.0.2"), ip("10.0.0.1")).empty());
  EXPECT_TRUE(prefixes_of(ip("10.0.0.2"), ip("::1")).empty());
}

}  // namespace
}  // namespace espalier::ike
