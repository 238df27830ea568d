#include "base/base64.h"

#include <string>

#include <gtest/gtest.h>

namespace espalier {
namespace {

std::string base64(std::string_view text) {
  auto data = decode_base64(text);
  return data ? to_text(data->view()) : "refused";
}

TEST(Base64, GivesRfc4648sExamples) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("Zg=="), "f");
  EXPECT_EQ(base64("Zm8="), "fo");
  EXPECT_EQ(base64("Zm9v"), "foo");
  EXPECT_EQ(base64("Zm9vYg=="), "foob");
  EXPECT_EQ(base64("Zm9vYmE="), "fooba");
  EXPECT_EQ(base64("Zm9v\r\n YmFy\n"), "foobar");
  EXPECT_EQ(base64("Zm9v\n  YmFy\n"), "foobar");
}

TEST(Base64, IsStrict) {
  for (const char* bad : {"Z", "Zg", "Zg=", "Zg===", "=", "Zg==Zg==", "Zm9=v",
                          "Zm9v=", "====", "Zh==", "Zm9=", "Zm-v", "Zm_v", "Zm9v!"}) {
    EXPECT_EQ(base64(bad), "refused") << bad;
  }
}

TEST(Base64, IsWrittenAsRfc4648HasIt) {
  const auto written = [](std::string_view text) {
    return to_text(encode_base64(as_bytes(text)).view());
  };
  EXPECT_EQ(written(""), "");
  EXPECT_EQ(written("f"), "Zg==");
  EXPECT_EQ(written("fo"), "Zm8=");
  EXPECT_EQ(written("foo"), "Zm9v");
  EXPECT_EQ(written("foob"), "Zm9vYg==");
  EXPECT_EQ(written("\xfb\xff\xbf"), "+/+/");
}

}  // namespace
}  // namespace espalier
