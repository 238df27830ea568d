#include "nodeagent/identity/files/file_store.h"

#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace espalier::identity {
namespace {

using ::testing::HasSubstr;

class FileStoreTest : public ::testing::Test {
 protected:
  FileStoreTest() {
    auto opened = FileStore::open(folder_.string());
    EXPECT_TRUE(opened) << opened.error().to_string();
    store_.emplace(std::move(*opened));
  }
  ~FileStoreTest() override { std::filesystem::remove_all(folder_.parent_path()); }

  static unsigned mode_of(const std::filesystem::path& path) {
    struct stat state {};
    EXPECT_EQ(::stat(path.c_str(), &state), 0) << path;
    return state.st_mode & 0777U;
  }
  std::string loaded(Slot slot) {
    auto text = store_->load(slot);
    if (!text) return text.error().to_string();
    return *text ? to_text((*text)->view()) : "nothing";
  }
  Status save(Slot slot, std::string_view text) {
    return store_->save(slot, SecretBytes(as_bytes(text)));
  }

  std::filesystem::path folder_ = std::filesystem::temp_directory_path() /
                                  fmt::format("espalier-identity-{}", getpid()) / "state" /
                                  "identity";
  std::optional<FileStore> store_;
};

TEST_F(FileStoreTest, KeepsTwoTextsForItsOwnerAlone) {
  EXPECT_EQ(loaded(Slot::kCurrent), "nothing");
  ASSERT_TRUE(save(Slot::kCurrent, "one"));
  ASSERT_TRUE(save(Slot::kNext, "two"));
  EXPECT_EQ(loaded(Slot::kCurrent), "one");
  EXPECT_EQ(loaded(Slot::kNext), "two");
  EXPECT_EQ(mode_of(folder_), 0700U);
  EXPECT_EQ(mode_of(folder_ / "identity.pem"), 0600U);
  ASSERT_TRUE(save(Slot::kCurrent, "three"));
  EXPECT_EQ(loaded(Slot::kCurrent), "three");
  ASSERT_TRUE(store_->remove(Slot::kNext));
  ASSERT_TRUE(store_->remove(Slot::kNext));
  EXPECT_EQ(loaded(Slot::kNext), "nothing");
}

TEST_F(FileStoreTest, AWriteThatWasCutShortHarmsNothing) {
  ASSERT_TRUE(save(Slot::kCurrent, "one"));
  std::ofstream(folder_ / "identity.pem.new") << "hal";
  EXPECT_EQ(loaded(Slot::kCurrent), "one");
  ASSERT_TRUE(save(Slot::kCurrent, "two"));
  EXPECT_EQ(loaded(Slot::kCurrent), "two");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "identity.pem.new"));
}

TEST_F(FileStoreTest, TakesNoFileThatOthersMayReadOrThatIsNone) {
  ASSERT_TRUE(save(Slot::kCurrent, "one"));
  ASSERT_EQ(::chmod((folder_ / "identity.pem").c_str(), 0640), 0);
  EXPECT_THAT(loaded(Slot::kCurrent), HasSubstr("may be read by others"));
  ASSERT_TRUE(save(Slot::kCurrent, "two"));
  EXPECT_EQ(loaded(Slot::kCurrent), "two");
  std::filesystem::create_symlink(folder_ / "identity.pem", folder_ / "identity-next.pem");
  EXPECT_THAT(loaded(Slot::kNext), HasSubstr("open"));
  std::filesystem::remove(folder_ / "identity-next.pem");
  std::filesystem::create_directory(folder_ / "identity-next.pem");
  EXPECT_THAT(loaded(Slot::kNext), HasSubstr("no plain file"));
  EXPECT_FALSE(save(Slot::kNext, "x"));
}

TEST_F(FileStoreTest, SaysWhatItCannotDo) {
  std::filesystem::remove_all(folder_);
  const Status saved = save(Slot::kCurrent, "one");
  ASSERT_FALSE(saved);
  EXPECT_EQ(saved.error().code, Code::kIo);
  EXPECT_THAT(saved.error().to_string(), HasSubstr("identity.pem.new: open: No such file"));
  std::ofstream(folder_) << "a file";
  EXPECT_FALSE(FileStore::open(folder_.string()));
}

}  // namespace
}  // namespace espalier::identity
