#include "operator/commands.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/source_dir.h"

namespace espalier::operator_cli {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

struct Output {
  int status = 0;
  std::string out;
  std::string err;
};

Output run(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "espalier-operator");
  std::vector<const char*> argv;
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  std::ostringstream out;
  std::ostringstream err;
  const int status = run_command_line(static_cast<int>(argv.size()), argv.data(), out, err);
  return {status, out.str(), err.str()};
}

// A folder with the example of a mesh and of a node's own manifests, keys put in.
class Commands : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) /
              (std::string("espalier_commands_") +
               testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    copy("mesh.yaml", "", "");
    copy("node.yaml", "<PEM",
         R"(-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\nhidden)");
  }
  void TearDown() override { fs::remove_all(folder_); }

  void copy(const char* name, const std::string& from, const std::string& to) const {
    std::ifstream stream(espalier::source_dir() + "/crds/testdata/examples/" + name);
    std::string text((std::istreambuf_iterator<char>(stream)), {});
    ASSERT_FALSE(text.empty());
    for (std::size_t at = from.empty() ? std::string::npos : text.find(from);
         at != std::string::npos; at = text.find(from, at + to.size())) {
      text.replace(at, from.size(), to);
    }
    std::ofstream(folder_ / name) << text;
  }

  [[nodiscard]] std::string folder() const { return folder_.string(); }

 private:
  fs::path folder_;
};

TEST_F(Commands, RenderPrintsEveryNodeAndNoSecret) {
  const Output all = run({"render", "--manifests", folder()});
  EXPECT_EQ(all.status, kDone) << all.err;
  EXPECT_EQ(all.err, "");
  EXPECT_THAT(all.out, StartsWith("node: node1\n"));
  EXPECT_THAT(all.out, HasSubstr("---\nnode: node2\n"));
  EXPECT_THAT(all.out, HasSubstr("espalier-system/cluster-ppk:ppk-2026-11"));
  EXPECT_THAT(all.out, Not(HasSubstr("5d1f0a6c")));
  EXPECT_THAT(all.out, Not(HasSubstr("BEGIN")));
  const Output one = run({"render", "--manifests", folder(), "--node", "node2", "--json"});
  EXPECT_EQ(one.status, kDone) << one.err;
  EXPECT_THAT(one.out, StartsWith("{\"node\":\"node2\""));
  EXPECT_EQ(std::count(one.out.begin(), one.out.end(), '\n'), 1);
}

TEST_F(Commands, AProblemStopsUnlessToldToGoOn) {
  copy("offload.yaml", "", "");
  const Output stopped = run({"render", "--manifests", folder()});
  EXPECT_EQ(stopped.status, kBadManifests);
  EXPECT_EQ(stopped.out, "");
  EXPECT_THAT(stopped.err,
              HasSubstr("offload.yaml:9:12: IPsecPolicy storage: spec.offload: not yet"));
  EXPECT_THAT(stopped.err, HasSubstr("2 problems in " + folder() + "; nothing was planned\n"));
  const Output going = run({"render", "--manifests", folder(), "--keep-going"});
  EXPECT_EQ(going.status, kBadManifests) << "what is wrong stays wrong";
  EXPECT_THAT(going.out, StartsWith("node: node1\n"));
}

TEST_F(Commands, AMissingSecretIsAWarningForTheNodeThatNeedsIt) {
  copy("node.yaml", "name: cluster-ppk", "name: other");
  const Output output = run({"render", "--manifests", folder(), "--node", "node1", "--keep-going"});
  EXPECT_THAT(output.err, HasSubstr("warning: IPsecPolicy cluster: Secret "
                                    "espalier-system/cluster-ppk: there is no such Secret"));
}

TEST_F(Commands, ExplainNamesTheWinner) {
  const Output output = run({"explain", "--manifests", folder(), "node1", "node2"});
  EXPECT_EQ(output.status, kDone) << output.err;
  EXPECT_THAT(output.out, HasSubstr("IPsecPolicy cluster decides"));
  EXPECT_EQ(run({"explain", "--manifests", folder(), "node1", "node7"}).status, kBadManifests);
}

TEST_F(Commands, WhatIsNotThereIsTold) {
  const Output unknown = run({"render", "--manifests", folder(), "--node", "node3"});
  EXPECT_EQ(unknown.status, kBadManifests);
  EXPECT_THAT(unknown.err, HasSubstr("node3: no NodeEndpoint and no Tunnel names this node, did "
                                     "you mean `node1`?; nodes: node1, node2"));
  const Output none = run({"render", "--manifests", folder() + "/nowhere"});
  EXPECT_EQ(none.status, kBadManifests);
  EXPECT_THAT(none.err, HasSubstr("the folder cannot be read"));
  fs::create_directories(folder() + "/empty");
  EXPECT_THAT(run({"render", "--manifests", folder() + "/empty"}).err,
              HasSubstr("holds no manifests"));
}

TEST(CommandLine, HelpVersionAndMistakes) {
  const Output help = run({"--help"});
  EXPECT_EQ(help.status, kDone);
  EXPECT_THAT(help.out, HasSubstr("Exit status:"));
  EXPECT_EQ(run({"render", "--help"}).status, kDone);
  EXPECT_THAT(run({"--version"}).out, StartsWith("espalier-operator "));
  EXPECT_EQ(run({}).status, kBadUsage);
  EXPECT_EQ(run({"rendr"}).status, kBadUsage);
  EXPECT_EQ(run({"render"}).status, kBadUsage);
  EXPECT_EQ(run({"render", "--manifests", "x", "--nod", "y"}).status, kBadUsage);
  EXPECT_EQ(run({"run", "--pod-network", "Flat"}).status, kBadUsage);
  EXPECT_EQ(run({"run", "--service-cidr", "10.96.0.0/12,fd00::/129"}).status, kBadUsage);
  // No bad usage: the file may come to be there.
  EXPECT_EQ(run({"run", "--kubeconfig", "/nowhere/kubeconfig"}).status, 1);
}

}  // namespace
}  // namespace espalier::operator_cli
