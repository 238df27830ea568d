#include "ike/wire/reader.h"

#include <gtest/gtest.h>

namespace espalier::ike::wire {
namespace {

const Bytes kCounting = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

TEST(Reader, ReadsBigEndian) {
  Reader reader(kCounting, "test");
  EXPECT_EQ(reader.u8("a"), 0x00);
  EXPECT_EQ(reader.u16("b"), 0x0102);
  EXPECT_EQ(reader.u32("c"), 0x03040506U);
  EXPECT_EQ(reader.u64("d"), 0x0708090a0b0c0d0eU);
  EXPECT_EQ(reader.remaining(), 1U);
  EXPECT_EQ(to_bytes(reader.rest()), Bytes{15});
  reader.expect_end();
  EXPECT_TRUE(reader.ok());
}

TEST(Reader, TheFirstFailureStaysAndReadsGiveNothingAfterIt) {
  Reader reader(ByteView(kCounting).first(3), "test");
  EXPECT_EQ(reader.u32("first"), 0U);
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.remaining(), 0U);
  EXPECT_EQ(reader.u8("second"), 0);
  EXPECT_TRUE(reader.bytes(1, "third").empty());
  EXPECT_TRUE(reader.rest().empty());
  reader.fail("fourth", Code::kInternal, "later");
  EXPECT_EQ(reader.error(), (Error{Code::kTruncated, "test.first", "needs 4 octets, 3 are left"}));
}

TEST(Reader, ASubreaderStaysInsideAndNamesItsPath) {
  Reader reader(kCounting, "IKE_AUTH");
  Reader payload = reader.sub(6, "TSi");
  Reader selector = payload.sub(2, "selector", 1);
  EXPECT_EQ(selector.u16("start_port"), 0x0001);
  EXPECT_EQ(selector.u16("end_port"), 0);
  EXPECT_EQ(selector.error().where, "IKE_AUTH.TSi.selector[1].end_port");
  EXPECT_FALSE(reader.ok());
  EXPECT_FALSE(payload.ok());
  EXPECT_EQ(payload.remaining(), 0U);
}

TEST(Reader, ASubreaderThatDoesNotFitIsNamedWithItsIndex) {
  Reader reader(ByteView(kCounting).first(4), "IKE_AUTH");
  Reader part = reader.sub(5, "N", 7);
  EXPECT_EQ(part.u8("x"), 0);
  EXPECT_EQ(reader.error(),
            (Error{Code::kTruncated, "IKE_AUTH.N[7]", "needs 5 octets, 4 are left"}));
}

TEST(Reader, LeftoversAreAFailureOfTheStructure) {
  Reader reader(kCounting, "IKE_AUTH");
  Reader part = reader.sub(3, "KE");
  part.u8("x");
  part.expect_end();
  EXPECT_EQ(reader.error(), (Error{Code::kInvalid, "IKE_AUTH.KE", "2 octets after its end"}));
}

TEST(Reader, HugeCountsDoNotWrap) {
  Reader reader(kCounting, "test");
  reader.u8("skip");
  EXPECT_TRUE(reader.bytes(SIZE_MAX, "huge").empty());
  EXPECT_EQ(reader.error().code, Code::kTruncated);
}

}  // namespace
}  // namespace espalier::ike::wire
