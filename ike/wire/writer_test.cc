#include "ike/wire/writer.h"

#include <gtest/gtest.h>

namespace espalier::ike::wire {
namespace {

TEST(Writer, WritesBigEndian) {
  Writer writer;
  writer.u8(0x00);
  writer.u16(0x0102);
  writer.u32(0x03040506);
  writer.u64(0x0708090a0b0c0d0e);
  writer.zeros(2);
  writer.count8(255, "a");
  writer.count16(65535, "b");
  EXPECT_EQ(to_hex(writer.take().value()), "000102030405060708090a0b0c0d0e0000ffffff");
}

TEST(Writer, ALengthCountsFromWhereItIsTold) {
  Writer writer;
  writer.u8(9);
  {
    const std::size_t start = writer.size();
    writer.u16(0xabcd);
    const auto length = writer.length16(start, "outer");
    {
      const auto inner = writer.length16(writer.size(), "inner");
      writer.u8(1);
    }
    writer.u8(2);
  }
  EXPECT_EQ(to_hex(writer.take().value()), "09abcd000800030102");
}

TEST(Writer, WhatDoesNotFitFailsAndIsNamed) {
  Writer count;
  count.count8(256, "N.spi_size");
  EXPECT_EQ(count.take().error().where, "N.spi_size");

  Writer count16;
  count16.count16(65536, "D.num_of_spis");
  EXPECT_EQ(count16.take().error().where, "D.num_of_spis");

  Writer length;
  {
    const auto scope = length.length16(0, "KE");
    length.zeros(65534);
  }
  EXPECT_EQ(length.take().error(), (Error{Code::kInvalid, "KE", "65536 octets do not fit"}));

  Writer fits;
  {
    const auto scope = fits.length16(0, "KE");
    fits.zeros(65533);
  }
  EXPECT_EQ(fits.take().value().size(), 65535U);
}

TEST(Writer, TheFirstFailureStays) {
  Writer writer;
  writer.fail("first", "a");
  writer.fail("second", "b");
  EXPECT_FALSE(writer.ok());
  EXPECT_EQ(writer.take().error().where, "first");
}

TEST(Writer, APatchOutsideIsNothing) {
  Writer writer;
  writer.u8(1);
  writer.patch8(0, 7);
  writer.patch8(5, 9);
  EXPECT_EQ(writer.take().value(), Bytes{7});
}

}  // namespace
}  // namespace espalier::ike::wire
