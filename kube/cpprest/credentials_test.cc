#include "kube/cpprest/credentials.h"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace espalier::kube {
namespace {

using namespace std::chrono_literals;
constexpr TimePoint kStart{1h};

std::string text(const SecretBytes& secret) {
  return to_text(secret.view());
}

Status check(const TlsMaterial& material) {
  if (text(material.ca) == "half a file") return fail(Code::kInvalid, "CA certificate", "no PEM");
  return {};
}

class CredentialsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/espalier-credentials.XXXXXX";
    folder_ = mkdtemp(name);
    access_.ca.file = folder_ + "/ca.crt";
    access_.token.file = folder_ + "/token";
    write("ca.crt", "one");
    write("token", "first\n");
    ASSERT_TRUE(credentials_.load(kStart));
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  void write(const std::string& file, const std::string& content) const {
    std::ofstream(folder_ + "/" + file) << content;
  }
  std::string ca() const { return text(credentials_.state().tls->ca); }
  std::string token() const { return text(*credentials_.state().token); }

  std::string folder_;
  Access access_;
  Credentials credentials_{access_, check};
};

TEST_F(CredentialsTest, AreReadAgainEverySixtySeconds) {
  write("ca.crt", "two");
  write("token", "second\n");
  EXPECT_TRUE(credentials_.refresh(kStart + 59s, false));
  EXPECT_EQ(token(), "first");
  EXPECT_TRUE(credentials_.refresh(kStart + 60s, false));
  EXPECT_EQ(token(), "second");
  EXPECT_EQ(ca(), "two");
}

TEST_F(CredentialsTest, OrAtOnce) {
  write("token", "second");
  EXPECT_TRUE(credentials_.refresh(kStart, true));
  EXPECT_EQ(token(), "second");
}

TEST_F(CredentialsTest, TheSameAgainIsTheSamePointer) {
  const CredentialState before = credentials_.state();
  write("ca.crt", "one");
  EXPECT_TRUE(credentials_.refresh(kStart, true));
  EXPECT_EQ(credentials_.state().tls, before.tls);
  EXPECT_EQ(credentials_.state().token, before.token);
  write("token", "second");
  EXPECT_TRUE(credentials_.refresh(kStart, true));
  EXPECT_EQ(credentials_.state().tls, before.tls);
  EXPECT_NE(credentials_.state().token, before.token);
}

TEST_F(CredentialsTest, WhatIsBrokenLeavesTheOldInUse) {
  write("ca.crt", "half a file");
  auto refreshed = credentials_.refresh(kStart, true);
  ASSERT_FALSE(refreshed);
  EXPECT_EQ(refreshed.error().to_string(), "CA certificate: no PEM");
  EXPECT_EQ(ca(), "one");
  std::filesystem::remove(folder_ + "/token");
  write("ca.crt", "two");
  refreshed = credentials_.refresh(kStart, true);
  ASSERT_FALSE(refreshed);
  EXPECT_THAT(refreshed.error().to_string(), ::testing::HasSubstr("/token: No such file"));
  EXPECT_EQ(token(), "first");
  EXPECT_EQ(ca(), "two") << "one that is broken does not hold up the others";
  write("token", "");
  EXPECT_FALSE(credentials_.refresh(kStart, true));
  EXPECT_EQ(token(), "first");
}

}  // namespace
}  // namespace espalier::kube
