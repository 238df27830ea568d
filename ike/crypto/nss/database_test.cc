// Opening NSS: with a database and its password file, without, twice, and again.
#include <cstdio>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ike/crypto/nss/nss_provider.h"
#include "ike/crypto/nss/testing/vectors.h"
#include "ike/crypto/pem.h"

namespace espalier::ike::crypto::nss {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr WallTime kNow{std::chrono::seconds(1795521600)};  // 2026-11-24T12:00:00Z

const std::string kDatabase = test_file("certificates/nssdb");
const std::string kPasswords = kDatabase + "/nsspassword";

// A file of its own for one test, gone with it.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& content) {
    path_ = testing::TempDir() + "/espalier-nsspassword-" + std::to_string(::getpid());
    std::ofstream(path_, std::ios::binary) << content;
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() { std::remove(path_.c_str()); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

void close(std::unique_ptr<Provider>& provider) {
  const Status closed = provider->close();
  EXPECT_TRUE(closed) << closed.error().to_string();
  provider.reset();
}

Bytes certificate(const std::string& name) {
  auto blocks = decode_pem(read_test_file("certificates/" + name + ".pem"));
  EXPECT_TRUE(blocks);
  return to_bytes(blocks->front().data.view());
}

TEST(NssProvider, FindsCredentialsInTheDatabase) {
  auto provider = NssProvider::open({kDatabase, kPasswords, false});
  ASSERT_TRUE(provider) << provider.error().to_string();
  auto node1 = (*provider)->add_from_database("node1", kNow);
  ASSERT_TRUE(node1) << node1.error().to_string();
  EXPECT_EQ((*provider)->certificate_chain(*node1)->front(), certificate("node1"));
  EXPECT_EQ((*provider)->credential_info(*node1)->subject, "C=CH, O=Espalier Test, CN=node1");
  const Outcome signature =
      (*provider)->run(Sign{*node1, {HashId::kSha2_256}, to_bytes(as_bytes("text"))});
  EXPECT_TRUE(std::holds_alternative<Signature>(signature));

  auto below = (*provider)->add_from_database("below the intermediate", kNow);
  ASSERT_TRUE(below) << below.error().to_string();
  auto chain = (*provider)->certificate_chain(*below);
  ASSERT_GE(chain->size(), 2U);
  EXPECT_EQ((*chain)[0], certificate("below"));
  EXPECT_EQ((*chain)[1], certificate("intermediate"));

  EXPECT_THAT((*provider)->add_from_database("root", kNow).error().to_string(),
              AllOf(HasSubstr("\"root\" in the NSS database"), HasSubstr("no private key")));
  EXPECT_THAT((*provider)->add_from_database("nobody", kNow).error().to_string(),
              AllOf(HasSubstr("\"nobody\""), HasSubstr("no such certificate")));
  // What comes from elsewhere works beside it.
  EXPECT_TRUE((*provider)->add_credential(read_test_file("certificates/node2.pem"),
                                          read_test_file("certificates/node2-key.pem"), kNow));
  close(*provider);
}

TEST(NssProvider, SaysWhatIsWrongWithTheDatabase) {
  auto missing = NssProvider::open({"/nonexistent/nssdb", std::nullopt, false});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::kIo);
  EXPECT_THAT(missing.error().to_string(), HasSubstr("/nonexistent/nssdb"));

  auto unasked = NssProvider::open({kDatabase, std::nullopt, false});
  ASSERT_FALSE(unasked);
  EXPECT_EQ(unasked.error().code, Code::kDenied);
  EXPECT_THAT(unasked.error().to_string(),
              AllOf(HasSubstr(kDatabase), HasSubstr("NSS Certificate DB:PASSWORD")));

  const TemporaryFile wrong("NSS Certificate DB:wrong\n");
  auto denied = NssProvider::open({kDatabase, wrong.path(), false});
  ASSERT_FALSE(denied);
  EXPECT_EQ(denied.error().code, Code::kDenied);
  EXPECT_THAT(denied.error().to_string(), HasSubstr("is wrong"));

  auto no_file = NssProvider::open({kDatabase, "/nonexistent/nsspassword", false});
  ASSERT_FALSE(no_file);
  EXPECT_EQ(no_file.error().code, Code::kIo);
}

TEST(NssProvider, ReadsThePasswordFileLineByLine) {
  const TemporaryFile good("# comment\r\n\nOther Token:x\r\nNSS Certificate DB:secret\r\n");
  auto provider = NssProvider::open({kDatabase, good.path(), false});
  ASSERT_TRUE(provider) << provider.error().to_string();
  close(*provider);

  const TemporaryFile bad("NSS Certificate DB:secret\nno colon\n");
  auto refused = NssProvider::open({kDatabase, bad.path(), false});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().to_string(), HasSubstr(bad.path() + ":2"));

  const TemporaryFile long_file(std::string(5000, '#'));
  EXPECT_THAT(NssProvider::open({kDatabase, long_file.path(), false}).error().to_string(),
              HasSubstr("longer than 4096"));
}

TEST(NssProvider, IsOnePerProcessAndComesBack) {
  for (int round = 0; round < 2; ++round) {
    auto first = NssProvider::open({});
    ASSERT_TRUE(first) << first.error().to_string();
    auto second = NssProvider::open({});
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Code::kExists);
    EXPECT_FALSE((*first)->fips());
    std::array<std::uint8_t, 8> octets{};
    EXPECT_TRUE((*first)->random(octets));
    close(*first);
  }
}

TEST(NssProvider, ClosesByItselfWhenDestroyed) {
  { ASSERT_TRUE(NssProvider::open({})); }
  auto next = NssProvider::open({});
  ASSERT_TRUE(next);
  close(*next);
}

TEST(NssProvider, SwitchesToFipsMode) {
  auto provider = NssProvider::open({std::nullopt, std::nullopt, true});
  ASSERT_TRUE(provider) << provider.error().to_string();
  EXPECT_TRUE((*provider)->fips());
  close(*provider);
}

}  // namespace
}  // namespace espalier::ike::crypto::nss
