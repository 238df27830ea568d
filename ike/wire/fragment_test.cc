#include "ike/wire/fragment.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "ike/wire/samples.h"

namespace espalier::ike::wire {
namespace {

using Outcome = Reassembly::Outcome;
constexpr PayloadType kFirst = PayloadType::kIdi;

Outcome add(Reassembly& reassembly, const Fragment& fragment) {
  return reassembly.add(fragment.number, fragment.total, fragment.first, fragment.plaintext);
}

TEST(Split, CutsIntoEqualPiecesAndARest) {
  const Bytes plaintext = counting(250);
  const auto fragments = split(plaintext, kFirst, 100).value();
  ASSERT_EQ(fragments.size(), 3U);
  EXPECT_EQ(fragments[0].first, kFirst);
  EXPECT_EQ(fragments[1].first, PayloadType::kNone);
  EXPECT_EQ(fragments[2].plaintext.size(), 50U);
  EXPECT_EQ(fragments[2].number, 3);
  EXPECT_EQ(fragments[2].total, 3);
  EXPECT_EQ(split(plaintext, kFirst, 250).value().size(), 1U);
  EXPECT_EQ(split(plaintext, kFirst, 125).value().size(), 2U);
  EXPECT_EQ(split({}, kFirst, 100).value().size(), 1U);
}

TEST(Split, RefusesWhatTakesTooMany) {
  const Bytes plaintext = counting(kMaxFragments + 1);
  EXPECT_FALSE(split(plaintext, kFirst, 0));
  EXPECT_FALSE(split(plaintext, kFirst, 1));
  EXPECT_TRUE(split(plaintext, kFirst, 2));
}

TEST(Reassembly, TakesAnyOrder) {
  const Bytes plaintext = counting(250);
  auto fragments = split(plaintext, kFirst, 70).value();
  ASSERT_EQ(fragments.size(), 4U);
  std::sort(fragments.begin(), fragments.end(),
            [](const Fragment& a, const Fragment& b) { return a.number < b.number; });
  int orders = 0;
  do {
    Reassembly reassembly;
    for (std::size_t i = 0; i < fragments.size(); ++i) {
      EXPECT_FALSE(reassembly.complete());
      EXPECT_EQ(add(reassembly, fragments[i]), i == 3 ? Outcome::kComplete : Outcome::kStored);
    }
    EXPECT_TRUE(reassembly.complete());
    EXPECT_EQ(reassembly.first(), kFirst);
    EXPECT_EQ(reassembly.plaintext(), plaintext);
    ++orders;
  } while (std::next_permutation(
      fragments.begin(), fragments.end(),
      [](const Fragment& a, const Fragment& b) { return a.number < b.number; }));
  EXPECT_EQ(orders, 24);
}

TEST(Reassembly, ADuplicateChangesNothing) {
  Reassembly reassembly;
  EXPECT_EQ(reassembly.add(1, 2, kFirst, counting(3)), Outcome::kStored);
  EXPECT_EQ(reassembly.check(1, 2), Outcome::kDuplicate);
  EXPECT_EQ(reassembly.add(1, 2, kFirst, counting(3, 50)), Outcome::kDuplicate);
  EXPECT_EQ(reassembly.add(2, 2, PayloadType::kNone, counting(3, 3)), Outcome::kComplete);
  EXPECT_EQ(reassembly.plaintext(), counting(6));
  EXPECT_EQ(reassembly.add(2, 2, PayloadType::kNone, counting(3)), Outcome::kDuplicate);
  EXPECT_EQ(reassembly.plaintext(), counting(6));
}

// RFC 7383 section 2.6: the sender has found a smaller MTU.
TEST(Reassembly, AHigherTotalStartsOverAndALowerOneIsStale) {
  Reassembly reassembly;
  EXPECT_EQ(reassembly.add(1, 2, kFirst, counting(10)), Outcome::kStored);
  EXPECT_EQ(reassembly.add(2, 3, PayloadType::kNone, counting(5, 5)), Outcome::kStored);
  EXPECT_EQ(reassembly.received(), 1);
  EXPECT_EQ(reassembly.add(2, 2, PayloadType::kNone, counting(10)), Outcome::kStale);
  EXPECT_EQ(reassembly.add(3, 3, PayloadType::kNone, counting(5, 10)), Outcome::kStored);
  EXPECT_EQ(reassembly.add(1, 3, kFirst, counting(5)), Outcome::kComplete);
  EXPECT_EQ(reassembly.plaintext(), counting(15));
}

TEST(Reassembly, IgnoresNumbersThatCannotBe) {
  Reassembly reassembly;
  for (const auto& [number, total] :
       {std::pair{0, 1}, {1, 0}, {0, 0}, {3, 2}, {1, int{kMaxFragments} + 1}, {65535, 65535}}) {
    const auto n = static_cast<std::uint16_t>(number);
    const auto t = static_cast<std::uint16_t>(total);
    EXPECT_EQ(reassembly.check(n, t), Outcome::kInvalid);
    EXPECT_EQ(reassembly.add(n, t, kFirst, {}), Outcome::kInvalid);
  }
  EXPECT_EQ(reassembly.total(), 0);
  // Section 2.5: the first payload's type belongs to fragment 1.
  EXPECT_EQ(reassembly.add(2, 2, kFirst, counting(1)), Outcome::kInvalid);
  EXPECT_EQ(reassembly.total(), 0);
}

TEST(Reassembly, IsBoundedAlsoWhenItStartsOver) {
  const Bytes half(kMaxMessage / 2);
  const Bytes whole(kMaxMessage);
  Reassembly reassembly;
  EXPECT_EQ(reassembly.add(1, 3, kFirst, half), Outcome::kStored);
  EXPECT_EQ(reassembly.add(2, 3, PayloadType::kNone, half), Outcome::kStored);
  EXPECT_EQ(reassembly.add(3, 3, PayloadType::kNone, half), Outcome::kInvalid);
  EXPECT_EQ(reassembly.received(), 2);
  EXPECT_EQ(reassembly.add(3, 3, PayloadType::kNone, counting(1)), Outcome::kComplete);
  EXPECT_EQ(reassembly.add(1, 4, kFirst, whole), Outcome::kStored);
  EXPECT_EQ(reassembly.add(2, 4, PayloadType::kNone, counting(1)), Outcome::kInvalid);
  EXPECT_EQ(reassembly.add(1, 5, kFirst, Bytes(kMaxMessage + 1)), Outcome::kInvalid);
  EXPECT_EQ(reassembly.total(), 4);
}

TEST(Reassembly, OfOneFragmentAndOfEmptyOnes) {
  Reassembly one;
  EXPECT_EQ(one.add(1, 1, kFirst, counting(3)), Outcome::kComplete);
  EXPECT_EQ(one.plaintext(), counting(3));
  Reassembly empty;
  EXPECT_EQ(empty.add(1, 2, PayloadType::kNone, {}), Outcome::kStored);
  EXPECT_EQ(empty.add(2, 2, PayloadType::kNone, {}), Outcome::kComplete);
  EXPECT_TRUE(empty.plaintext().empty());
}

}  // namespace
}  // namespace espalier::ike::wire
