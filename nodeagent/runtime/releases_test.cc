#include "nodeagent/runtime/releases.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>

namespace espalier::runtime {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class KeptReleasesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "releases_XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    plan_.connections.resize(1);
    plan_.connections[0].name = "node2/v4";
    plan_.connections[0].peer = "node2";
    plan_.connections[0].owner = {"IPsecPolicy", "", "cluster"};
    plan_.connections[0].children.resize(1);
  }
  void TearDown() override { fs::remove_all(folder_); }
  KeptReleases open() {
    auto kept = KeptReleases::open(folder_);
    EXPECT_TRUE(kept.has_value()) << kept.error().to_string();
    return std::move(*kept);
  }
  static rpc::ReleaseWish wish(const std::string& name, bool end = false) {
    return {name, end, false, end ? "" : "a drill"};
  }

  std::string folder_;
  plan::NodePlan plan_;
  const WallTime now_{std::chrono::seconds(1'795'543'200)};
};

TEST_F(KeptReleasesTest, AReleaseOutlivesTheAgentUntilItIsEnded) {
  const auto released = open().change(wish("node2"), &plan_, now_);
  ASSERT_TRUE(released);
  ASSERT_EQ(released->releases.size(), 1U);
  EXPECT_THAT(released->releases[0].connections, ElementsAre("node2/v4"));
  EXPECT_EQ(released->not_kept, "");

  KeptReleases again = open();
  ASSERT_EQ(again.in_force().size(), 1U);
  EXPECT_EQ(again.in_force()[0].why, "a drill");
  EXPECT_EQ(again.in_force()[0].since, now_);
  const auto ended = again.change(wish("node2", true), &plan_, now_);
  ASSERT_TRUE(ended);
  EXPECT_THAT(ended->ended, ElementsAre("node2"));
  EXPECT_THAT(ended->releases, IsEmpty());
  EXPECT_THAT(open().in_force(), IsEmpty());
}

TEST_F(KeptReleasesTest, EndingWithoutANameEndsAll) {
  KeptReleases kept = open();
  ASSERT_TRUE(kept.change(wish(""), &plan_, now_));
  ASSERT_TRUE(kept.change(wish("cluster"), &plan_, now_));
  ASSERT_TRUE(kept.change(wish("cluster"), &plan_, now_)) << "again: takes the place of the first";
  const auto ended = kept.change(wish("", true), &plan_, now_);
  ASSERT_TRUE(ended);
  EXPECT_THAT(ended->ended, ElementsAre("", "cluster"));
}

TEST_F(KeptReleasesTest, ANameThatNothingHasIsRefused) {
  KeptReleases kept = open();
  EXPECT_EQ(kept.change(wish("nobody"), &plan_, now_).error().code, Code::kNotFound);
  EXPECT_EQ(kept.change(wish("node2", true), &plan_, now_).error().code, Code::kNotFound);
  EXPECT_EQ(kept.change(wish("", true), &plan_, now_).error().code, Code::kNotFound);
  EXPECT_EQ(kept.change(wish("node2"), nullptr, now_).error().code, Code::kUnavailable);
  EXPECT_TRUE(kept.change(wish(""), nullptr, now_)) << "the whole node needs no plan";
}

TEST_F(KeptReleasesTest, WhatCannotBeWrittenHoldsAndIsSaid) {
  KeptReleases kept = open();
  fs::create_directory(folder_ + "/releases");  // nothing can be renamed onto it
  const auto released = kept.change(wish(""), &plan_, now_);
  ASSERT_TRUE(released);
  EXPECT_THAT(released->not_kept, HasSubstr("releases"));
  EXPECT_EQ(kept.in_force().size(), 1U);
}

TEST_F(KeptReleasesTest, AFileThatCannotBeReadReleasesNothingAndIsSaid) {
  std::ofstream(folder_ + "/releases") << "everything\n";
  const KeptReleases kept = open();
  ASSERT_TRUE(kept.unread());
  EXPECT_EQ(kept.unread()->where, "releases:1");
  EXPECT_THAT(kept.in_force(), IsEmpty());
}

}  // namespace
}  // namespace espalier::runtime
