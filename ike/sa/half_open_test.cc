// How many IKE SAs an address may have half-open before it is asked for a cookie (RFC 7296
// section 2.6). What a cookie is worth is tested where requests bring one: ike/testing.
#include "ike/sa/half_open.h"

#include <gtest/gtest.h>

namespace espalier::ike {
namespace {

const IpAddress kOne = *IpAddress::parse("192.0.2.1");
const IpAddress kOther = *IpAddress::parse("2001:db8::1");

Settings limits(std::size_t per_address, std::size_t all_together) {
  Settings settings;
  settings.half_open_per_address = per_address;
  settings.half_open_before_cookies = all_together;
  return settings;
}

void add(HalfOpen& half_open, const IpAddress& remote, int count) {
  for (int i = 0; i < count; ++i) half_open.add(remote);
}

TEST(HalfOpen, AnAddressIsAskedForACookieOnceItsLimitIsReached) {
  const Settings settings = limits(16, 256);
  HalfOpen half_open;
  add(half_open, kOne, 15);
  EXPECT_FALSE(half_open.wants_cookie(kOne, settings, false)) << "the sixteenth comes without";
  half_open.add(kOne);
  EXPECT_TRUE(half_open.wants_cookie(kOne, settings, false)) << "the seventeenth does not";
  EXPECT_FALSE(half_open.wants_cookie(kOther, settings, false));
  half_open.remove(kOne);
  EXPECT_FALSE(half_open.wants_cookie(kOne, settings, false));
}

TEST(HalfOpen, AllTogetherHaveALimitOfTheirOwn) {
  const Settings settings = limits(16, 4);
  HalfOpen half_open;
  add(half_open, kOne, 3);
  EXPECT_FALSE(half_open.wants_cookie(kOther, settings, false));
  half_open.add(kOther);
  EXPECT_TRUE(half_open.wants_cookie(*IpAddress::parse("198.51.100.7"), settings, false));
  EXPECT_EQ(half_open.total(), 4U);
  half_open.remove(kOther);
  EXPECT_FALSE(half_open.wants_cookie(kOther, settings, false));
}

TEST(HalfOpen, EverybodyIsAskedWhileTheCryptoPoolIsBehind) {
  const HalfOpen half_open;
  EXPECT_TRUE(half_open.wants_cookie(kOne, limits(16, 256), true));
  EXPECT_FALSE(half_open.wants_cookie(kOne, limits(16, 256), false));
}

TEST(HalfOpen, WhatWasNotCountedInIsNotCountedOut) {
  const Settings settings = limits(1, 256);
  HalfOpen half_open;
  half_open.add(kOne);
  half_open.remove(kOther);
  EXPECT_EQ(half_open.total(), 1U);
  EXPECT_TRUE(half_open.wants_cookie(kOne, settings, false));
  half_open.remove(kOne);
  half_open.remove(kOne);
  EXPECT_EQ(half_open.total(), 0U);
  EXPECT_FALSE(half_open.wants_cookie(kOne, settings, false));
}

}  // namespace
}  // namespace espalier::ike
