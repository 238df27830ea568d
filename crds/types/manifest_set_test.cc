#include "crds/types/manifest_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crds/types/folder_reading.h"

namespace espalier::crds {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

NodeEndpoint endpoint(const char* name, const char* address, const char* block, int line) {
  NodeEndpoint made;
  made.meta.name = name;
  made.meta.origin = {"nodes.yaml", {line, 1}};
  made.spec.addresses = {*IpAddress::parse(address)};
  made.spec.pod_cidrs = {*Prefix::parse(block)};
  made.spec.identity = std::string(name) + ".example";
  return made;
}

std::vector<std::string> told(const ManifestSet& set) {
  std::vector<std::string> lines;
  for (const Problem& problem : check_together(set)) lines.push_back(problem.to_string());
  return lines;
}

TEST(CheckTogether, NamesBothPlacesOfWhatIsGivenTwice) {
  ManifestSet set;
  set.add(Object(endpoint("a", "10.0.0.1", "10.1.0.0/24", 1)));
  set.add(Object(endpoint("a", "10.0.0.2", "10.2.0.0/24", 9)));
  EXPECT_THAT(
      told(set),
      ElementsAre("nodes.yaml:9:1: NodeEndpoint a: is given twice: there is already one of this "
                  "name (nodes.yaml:1:1)"));
}

TEST(CheckTogether, ASecretWithoutANamespaceIsTheOperators) {
  ManifestSet set;
  for (const char* ns : {"", "espalier-system", "edge"}) {
    Secret secret;
    secret.meta.name = "s";
    secret.meta.ns = ns;
    set.add(Object(std::move(secret)));
  }
  EXPECT_THAT(told(set), ElementsAre(HasSubstr("Secret espalier-system/s: is given twice")));
}

TEST(CheckTogether, NodesShareNothing) {
  ManifestSet set;
  set.add(Object(endpoint("a", "10.0.0.1", "10.1.0.0/16", 1)));
  set.add(Object(endpoint("b", "10.0.0.1", "10.2.0.0/16", 2)));
  set.add(Object(endpoint("c", "10.0.0.3", "10.1.3.0/24", 3)));
  set.add(Object(endpoint("d", "10.2.0.9", "10.4.0.0/16", 4)));
  NodeEndpoint same = endpoint("e", "10.0.0.5", "10.5.0.0/16", 5);
  same.spec.identity = "a.example";
  set.add(Object(std::move(same)));
  set.add(Object(endpoint("f", "10.0.0.6", "10.0.0.0/7", 6)));
  EXPECT_THAT(told(set),
              ElementsAre(HasSubstr("nodes.yaml:2:1: NodeEndpoint b: spec.addresses[0]: 10.0.0.1 "
                                    "also belongs to NodeEndpoint a"),
                          HasSubstr("nodes.yaml:3:1: NodeEndpoint c: spec.podCIDRs[0]: 10.1.3.0/24 "
                                    "overlaps a block of NodeEndpoint a"),
                          HasSubstr("nodes.yaml:4:1: NodeEndpoint d: spec.addresses: 10.2.0.9 lies "
                                    "in the pod block 10.2.0.0/16 of NodeEndpoint b"),
                          HasSubstr("nodes.yaml:5:1: NodeEndpoint e: spec.identity: a.example is "
                                    "also the identity of NodeEndpoint a"),
                          HasSubstr("nodes.yaml:6:1: NodeEndpoint f: spec.podCIDRs[0]: 10.0.0.0/7 "
                                    "overlaps a block of NodeEndpoint")));
}

TEST(FindValue, SaysWhatIsMissingWithoutTellingValues) {
  ManifestSet set;
  Secret secret;
  secret.meta = {"edge", "db", {}, {"db.yaml", {3, 1}}};
  secret.data.emplace("psk", SecretBytes(as_bytes("geheim")));
  set.add(Object(std::move(secret)));
  EXPECT_EQ(to_text((*set.find_value("edge", "db", "psk"))->view()), "geheim");
  EXPECT_EQ(set.find_value("edge", "db", "other").error().to_string(),
            "Secret edge/db (db.yaml:3:1): it has no key other; it has: psk");
  EXPECT_EQ(set.find_value("edge", "none", "psk").error().to_string(),
            "Secret edge/none: there is no such Secret");
  EXPECT_FALSE(set.find_value("espalier-system", "db", "psk"));
}

FileReading file(const char* path, std::vector<NodeEndpoint> endpoints) {
  FileReading made;
  made.path = path;
  int line = 0;
  for (NodeEndpoint& one : endpoints) {
    one.meta.origin = {path, {++line, 1}};
    made.objects.add(Object(std::move(one)));
  }
  return made;
}

std::vector<std::string> names(const FolderReading& reading) {
  std::vector<std::string> all;
  for (const auto& one : reading.all().endpoints) all.push_back(one->meta.name);
  return all;
}

TEST(KeepLastGood, AClashTakesTheLaterFileBack) {
  const NodeEndpoint a = endpoint("a", "10.0.0.1", "10.1.0.0/24", 0);
  const NodeEndpoint b = endpoint("b", "10.0.0.2", "10.2.0.0/24", 0);
  const NodeEndpoint clash = endpoint("c", "10.0.0.1", "10.3.0.0/24", 0);
  FolderReading before;
  before.files = {file("1.yaml", {a}), file("2.yaml", {b})};
  FolderReading now;
  now.files = {file("1.yaml", {a}), file("2.yaml", {clash, b})};
  const FolderReading kept = keep_last_good(now, before);
  EXPECT_THAT(names(kept), ElementsAre("a", "b"));
  ASSERT_EQ(kept.files[1].problems.size(), 1U);
  EXPECT_THAT(kept.files[1].problems[0].detail,
              HasSubstr("10.0.0.1 also belongs to NodeEndpoint a"));
  EXPECT_EQ(kept.all_problems().size(), 1U);
}

TEST(KeepLastGood, AtTheFirstReadingOnlyTheClashingObjectIsLeftOut) {
  const NodeEndpoint a = endpoint("a", "10.0.0.1", "10.1.0.0/24", 0);
  FolderReading now;
  now.files = {file("1.yaml", {a}),
               file("2.yaml", {a, endpoint("b", "10.0.0.2", "10.2.0.0/24", 0)})};
  const FolderReading kept = keep_last_good(now, {});
  EXPECT_THAT(names(kept), ElementsAre("a", "b"));
  EXPECT_EQ(kept.all_problems().size(), 1U);
  EXPECT_TRUE(kept.files[0].good());
}

}  // namespace
}  // namespace espalier::crds
