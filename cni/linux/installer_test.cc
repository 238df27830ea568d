#include "cni/linux/installer.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cni/install/conflist.h"

namespace espalier::cni {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;

const std::string kNet = R"({"cniVersion":"1.1.0","name":"net","plugins":[{"type":"ptp"}]})";

class InstallerTest : public testing::Test {
 protected:
  InstallerTest() {
    std::string pattern = (fs::temp_directory_path() / "cni-install-XXXXXX").string();
    root_ = ::mkdtemp(pattern.data());
    folders_ = {root_ / "bin", root_ / "net.d"};
    fs::create_directory(folders_.programs);
    fs::create_directory(folders_.networks);
  }
  ~InstallerTest() override { fs::remove_all(root_); }

  static std::string read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }
  void write_net(const std::string& text) { std::ofstream(net_path()) << text; }
  [[nodiscard]] std::string net_path() const { return folders_.networks + "/10-net.conflist"; }
  [[nodiscard]] std::string program() const { return folders_.programs + "/espalier-cni"; }
  [[nodiscard]] static Json entry() {
    return entry_of("/run/espalier/pods.sock", std::chrono::seconds(15), {"a"});
  }

  fs::path root_;
  InstallFolders folders_;
};

TEST_F(InstallerTest, PutsInProgramAndEntryAndTakesThemOut) {
  write_net(kNet);
  fs::permissions(net_path(), fs::perms::owner_read | fs::perms::group_read);
  EXPECT_EQ(check_installed(folders_, entry()).error().code, Code::kUnavailable);
  const auto done = install(folders_, entry());
  ASSERT_TRUE(done) << done.error().to_string();
  EXPECT_THAT(*done, ElementsAre(program() + " is written", net_path() + " is written"));
  EXPECT_EQ(read(net_path()), *with_entry(kNet, entry()));
  EXPECT_EQ(fs::status(net_path()).permissions(), fs::perms::owner_read | fs::perms::group_read);
  EXPECT_EQ(read(program()), read("/proc/self/exe"));
  EXPECT_EQ(fs::status(program()).permissions(), fs::perms(0755));
  EXPECT_TRUE(check_installed(folders_, entry()));
  EXPECT_THAT(*install(folders_, entry()), IsEmpty());

  EXPECT_THAT(*uninstall(folders_),
              ElementsAre(net_path() + " is written", program() + " is removed"));
  EXPECT_EQ(read(net_path()), kNet);
  EXPECT_FALSE(fs::exists(program()));
  EXPECT_THAT(*uninstall(folders_), IsEmpty());
  EXPECT_EQ(std::distance(fs::directory_iterator(folders_.networks), {}), 1) << "nothing is left";
}

TEST_F(InstallerTest, DriftIsPutRight) {
  write_net(kNet);
  ASSERT_TRUE(install(folders_, entry()));
  write_net(kNet);
  std::ofstream(program()) << "another";
  EXPECT_FALSE(check_installed(folders_, entry()));
  EXPECT_THAT(*install(folders_, entry()),
              ElementsAre(program() + " is written", net_path() + " is written"));
  fs::permissions(program(), fs::perms::owner_read);
  EXPECT_THAT(*install(folders_, entry()), ElementsAre(program() + " is written"));
}

TEST_F(InstallerTest, WithoutANetworkTheProgramIsThereAlready) {
  EXPECT_THAT(*install(folders_, entry()), ElementsAre(program() + " is written"));
  EXPECT_EQ(install(folders_, entry()).error().code, Code::kNotFound);
  EXPECT_EQ(check_installed(folders_, entry()).error().code, Code::kNotFound);
}

TEST_F(InstallerTest, ErrorsNameTheFile) {
  write_net("{");
  EXPECT_EQ(install(folders_, entry()).error().to_string(), net_path() + ": is no JSON");
  folders_.programs = root_ / "nowhere";
  write_net(kNet);
  EXPECT_THAT(install(folders_, entry()).error().to_string(), testing::HasSubstr("nowhere"));
  EXPECT_EQ(read(net_path()), kNet) << "no entry without its program";
}

}  // namespace
}  // namespace espalier::cni
