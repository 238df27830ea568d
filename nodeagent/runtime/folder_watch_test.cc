#include "nodeagent/runtime/folder_watch.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>

namespace espalier::runtime {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

TEST(Debounce, WaitsForQuietButNotForever) {
  Debounce debounce(milliseconds(250), milliseconds(1000));
  const TimePoint start{};
  EXPECT_EQ(debounce.due(), kNever);
  debounce.on_event(start);
  EXPECT_EQ(debounce.due(), start + milliseconds(250));
  debounce.on_event(start + milliseconds(200));
  EXPECT_EQ(debounce.due(), start + milliseconds(450));
  debounce.on_event(start + milliseconds(900));
  EXPECT_EQ(debounce.due(), start + milliseconds(1000)) << "the first event's limit";
  debounce.on_action();
  EXPECT_EQ(debounce.due(), kNever);
  debounce.on_event(start + milliseconds(5000));
  EXPECT_EQ(debounce.due(), start + milliseconds(5250));
}

class FolderWatchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "folder_watch_XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
    folder_ = root_ / "manifests";
    fs::create_directory(folder_);
    auto loop = Loop::create();
    ASSERT_TRUE(loop.has_value());
    loop_ = std::move(*loop);
  }
  void TearDown() override {
    watch_.reset();
    fs::remove_all(root_);
  }

  void open() {
    auto watch = FolderWatch::open(
        *loop_, folder_.string(),
        {.quiet = milliseconds(1), .longest = milliseconds(50), .look_again = milliseconds(1)},
        [this] {
          ++changes_;
          loop_->stop();
        });
    ASSERT_TRUE(watch.has_value()) << watch.error().to_string();
    watch_ = std::move(*watch);
  }
  // Does the thing and returns once a change was told.
  void expect_change(const std::function<void()>& thing) {
    loop_->post(thing);
    loop_->run();
  }
  static void write(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }

  fs::path root_;
  fs::path folder_;
  std::unique_ptr<Loop> loop_;
  std::unique_ptr<FolderWatch> watch_;
  int changes_ = 0;
};

TEST_F(FolderWatchTest, AMissingFolderIsAnError) {
  auto watch = FolderWatch::open(*loop_, (root_ / "nowhere").string(), {}, [] {});
  ASSERT_FALSE(watch.has_value());
  EXPECT_EQ(watch.error().code, Code::kNotFound);
  EXPECT_THAT(watch.error().where, ::testing::HasSubstr("nowhere"));
}

TEST_F(FolderWatchTest, TellsOfWritesRenamesAndDeletes) {
  open();
  expect_change([this] { write(folder_ / "a.yaml", "one"); });
  expect_change([this] {
    write(root_ / "new", "two");
    fs::rename(root_ / "new", folder_ / "a.yaml");
  });
  expect_change([this] { fs::remove(folder_ / "a.yaml"); });
  EXPECT_GE(changes_, 3);
}

TEST_F(FolderWatchTest, TellsOfAVolumesSwap) {
  fs::create_directory(folder_ / "..one");
  fs::create_directory(folder_ / "..two");
  fs::create_symlink("..one", folder_ / "..data");
  fs::create_symlink("..data/a.yaml", folder_ / "a.yaml");
  open();
  expect_change([this] {
    fs::create_symlink("..two", folder_ / "..data_tmp");
    fs::rename(folder_ / "..data_tmp", folder_ / "..data");
  });
  EXPECT_EQ(changes_, 1);
}

TEST(FolderWatch, OverlooksHiddenFiles) {
  EXPECT_TRUE(FolderWatch::counts("mesh.yaml"));
  EXPECT_TRUE(FolderWatch::counts("..data"));
  EXPECT_FALSE(FolderWatch::counts("..data_tmp"));
  EXPECT_FALSE(FolderWatch::counts("..2026_11_24"));
  EXPECT_FALSE(FolderWatch::counts(".mesh.yaml.swp"));
}

TEST_F(FolderWatchTest, FindsTheFolderAgainAfterItWasReplaced) {
  open();
  fs::rename(folder_, root_ / "away");
  expect_change([this] { fs::create_directory(folder_); });
  expect_change([this] { write(folder_ / "a.yaml", "one"); });
  EXPECT_GE(changes_, 2);
}

}  // namespace
}  // namespace espalier::runtime
