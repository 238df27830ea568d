#include "kube/rate_limit.h"

#include <gtest/gtest.h>

namespace espalier::kube {
namespace {

using namespace std::chrono_literals;
constexpr TimePoint kStart{1h};

TEST(TokenBucket, ABurstThenTheRate) {
  TokenBucket bucket(10, 5);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(bucket.take(kStart), kStart);
  EXPECT_EQ(bucket.take(kStart), kStart + 100ms);
  EXPECT_EQ(bucket.take(kStart), kStart + 200ms);
  EXPECT_EQ(bucket.take(kStart + 1h), kStart + 1h);
}

TEST(TokenBucket, FillsUpToTheBurstAndNoFurther) {
  TokenBucket bucket(10, 3);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(bucket.try_take(kStart));
  EXPECT_FALSE(bucket.try_take(kStart));
  EXPECT_FALSE(bucket.try_take(kStart + 99ms));
  EXPECT_TRUE(bucket.try_take(kStart + 100ms));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(bucket.try_take(kStart + 1h));
  EXPECT_FALSE(bucket.try_take(kStart + 1h));
}

TEST(RetryAfterGate, TheLongestStands) {
  RetryAfterGate gate;
  EXPECT_LE(gate.open_at(), kStart);
  gate.told(kStart, 10s);
  gate.told(kStart + 1s, 2s);
  EXPECT_EQ(gate.open_at(), kStart + 10s);
}

}  // namespace
}  // namespace espalier::kube
