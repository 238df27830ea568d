// The examples that fix the API's spelling, word for word: what is there today is decoded, and what
// is not says so by name.
#include <filesystem>
#include <fstream>
#include <iterator>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crds/yamlcpp/manifest_folder.h"
#include "tests/source_dir.h"

namespace espalier::crds {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::string kExamples = source_dir() + "/crds/testdata/examples/";

std::string read(const std::string& name) {
  std::ifstream stream(kExamples + name);
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::vector<std::string> told(const FileReading& reading) {
  std::vector<std::string> lines;
  for (const Problem& problem : reading.problems) lines.push_back(problem.to_string());
  return lines;
}

std::vector<std::string> problems_of(const std::string& name) {
  return told(read_manifests(read(name), name));
}

// The example with `from` replaced, for one that needs something real in its place.
FileReading with(const std::string& name, const std::string& from, const std::string& to) {
  std::string text = read(name);
  for (std::size_t at = text.find(from); at != std::string::npos;
       at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return read_manifests(text, name);
}

TEST(Examples, Mesh) {
  const FileReading reading = read_manifests(read("mesh.yaml"), "mesh.yaml");
  ASSERT_THAT(told(reading), ElementsAre());
  ASSERT_EQ(reading.objects.policies.size(), 1U);
  const IPsecPolicy& policy = *reading.objects.policies[0];
  EXPECT_EQ(policy.meta.name, "cluster");
  const IPsecPolicySpec& spec = policy.spec;
  EXPECT_EQ(spec.enforcement, Enforcement::kRequired);
  EXPECT_THAT(spec.traffic,
              ElementsAre(Traffic::kNodeToNode, Traffic::kPodToPod, Traffic::kPodToNode));
  EXPECT_EQ(spec.ppk.mode, PpkMode::kInsist);
  ASSERT_EQ(spec.ppk.keys.size(), 2U);
  EXPECT_EQ(spec.ppk.keys[0], (PpkKey{"ppk-2026-11", {"cluster-ppk", "ppk-2026-11"}}));
  EXPECT_THAT(spec.ike.proposals,
              ElementsAre("aes256gcm16-prfsha384-ecp384", "aes128gcm16-prfsha256-ecp256"));
  EXPECT_THAT(spec.esp.proposals, ElementsAre("aes256gcm16", "aes128gcm16"));
  EXPECT_EQ(spec.esp.esn, true);
  EXPECT_EQ(spec.esp.lifetime, std::chrono::hours(1));
  ASSERT_EQ(spec.exemptions.size(), 1U);
  EXPECT_EQ(spec.exemptions[0], (Exemption{"outer-dns",
                                           *Prefix::parse("10.0.0.53/32"),
                                           {{PortProtocol::kUdp, 53}},
                                           "resolver outside the cluster"}));
}

TEST(Examples, NodeWithItsPlaceholders) {
  EXPECT_THAT(
      problems_of("node.yaml"),
      ElementsAre(AllOf(HasSubstr("node.yaml:22:23: Secret espalier-node: stringData[tls.crt]: key "
                                  "tls.crt of Secret espalier-node"),
                        HasSubstr("placeholder")),
                  AllOf(HasSubstr("node.yaml:22:41: Secret espalier-node: stringData[tls.key]: key "
                                  "tls.key of Secret espalier-node"),
                        HasSubstr("placeholder")),
                  AllOf(HasSubstr("node.yaml:28:22: Secret espalier-trust: stringData[ca.crt]: key "
                                  "ca.crt of Secret espalier-trust"),
                        HasSubstr("placeholder"))));
}

TEST(Examples, NodeWithRealKeys) {
  std::string text = read("node.yaml");
  const auto put = [&text](const std::string& from, const std::string& to) {
    const std::size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
  };
  put("tls.crt: \"<PEM>\"",
      R"(tls.crt: "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n")");
  put("tls.key: \"<PEM>\"",
      R"(tls.key: "-----BEGIN PRIVATE KEY-----\nMA==\n-----END PRIVATE KEY-----\n")");
  put("\"<PEM bundle>\"", R"("-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n")");
  const FileReading reading = read_manifests(text, "node.yaml");
  ASSERT_THAT(told(reading), ElementsAre());
  ASSERT_EQ(reading.objects.endpoints.size(), 2U);
  const NodeEndpoint& node = *reading.objects.endpoints[0];
  EXPECT_EQ(node.meta.name, "node1");
  EXPECT_EQ(node.meta.labels.at("role"), "storage");
  EXPECT_THAT(node.spec.addresses,
              ElementsAre(*IpAddress::parse("10.10.0.11"), *IpAddress::parse("fd00:10::11")));
  EXPECT_THAT(node.spec.pod_cidrs,
              ElementsAre(*Prefix::parse("10.244.1.0/24"), *Prefix::parse("fd00:244:1::/64")));
  EXPECT_EQ(node.spec.identity, "node1.nodes.example.com");
  const auto ppk = reading.objects.find_value(kOperatorNamespace, "cluster-ppk", "ppk-2026-11");
  ASSERT_TRUE(ppk);
  EXPECT_EQ(key_bytes((*ppk)->view())->size(), 32U);
}

TEST(Examples, SiteToSite) {
  EXPECT_THAT(problems_of("site-to-site.yaml"),
              ElementsAre("site-to-site.yaml:19:55: Tunnel edge/branch: "
                          "spec.remote.authentication.x509.revocation: not yet: "
                          "this release has no revocation lists (CRL)"));
  const FileReading reading =
      with("site-to-site.yaml", ", revocation: {mode: Strict, crlRef: {name: branch-crl}}", "");
  ASSERT_THAT(told(reading), ElementsAre());
  const TunnelSpec& spec = reading.objects.tunnels.at(0)->spec;
  EXPECT_EQ(spec.local.node, "gateway1");
  EXPECT_EQ(spec.local.authentication.secret, (SecretKeyRef{"gateway1", ""}));
  EXPECT_EQ(spec.remote.authentication.secret, (SecretKeyRef{"branch-ca", "ca.crt"}));
  EXPECT_EQ(spec.remote.identity, "branch.example.com");
  EXPECT_EQ(spec.remote.subnets.size(), 2U);
  EXPECT_EQ(spec.liveness.action, LivenessAction::kRestart);
  EXPECT_EQ(spec.liveness.timeout, std::chrono::seconds(120));
}

TEST(Examples, PskHostToHost) {
  EXPECT_THAT(problems_of("psk-host-to-host.yaml"),
              ElementsAre("psk-host-to-host.yaml:9:42: Tunnel edge/db: "
                          "spec.encapsulation.tcp.mode: not yet: this release has no "
                          "ESP and IKE in TCP (RFC 9329); allowed now: Never"));
  const FileReading reading = with("psk-host-to-host.yaml", "mode: Fallback", "mode: Never");
  ASSERT_THAT(told(reading), ElementsAre());
  const TunnelSpec& spec = reading.objects.tunnels.at(0)->spec;
  EXPECT_EQ(spec.mode, TunnelMode::kTransport);
  EXPECT_EQ(spec.establish, Establish::kOnDemand);
  EXPECT_EQ(spec.local.authentication.type, TunnelAuthentication::Type::kPsk);
  EXPECT_TRUE(reading.objects.find_value("edge", "db-psk", "psk"));
}

TEST(Examples, WhatIsNotThereYetSaysSo) {
  EXPECT_THAT(
      problems_of("rawkey.yaml"),
      ElementsAre(HasSubstr("rawkey.yaml:11:28: Tunnel edge/raw: spec.local.authentication.type: "
                            "not yet: this release has no raw public keys"),
                  HasSubstr("rawkey.yaml:16:13: Tunnel edge/raw: spec.remote.authentication.type: "
                            "not yet: this release has no raw public keys")));
  EXPECT_THAT(
      problems_of("remote-access.yaml"),
      ElementsAre(
          HasSubstr(
              "remote-access.yaml:14:16: Tunnel edge/road-warriors: spec.addressPool: not yet"),
          HasSubstr("remote-access.yaml:16:11: Tunnel edge/road-warriors: spec.mobike: not yet")));
  EXPECT_THAT(problems_of("offload.yaml"),
              ElementsAre(HasSubstr("IPsecPolicy storage: spec.offload: not yet: this release has "
                                    "no hardware offload; allowed now: Auto, None"),
                          HasSubstr("IPsecPolicy storage: spec.underlayMTU: not yet")));
  EXPECT_THAT(problems_of("mesh-groups.yaml"),
              ElementsAre(HasSubstr("mesh-groups.yaml:26:13: IPsecPolicy private-or-clear: "
                                    "spec.authentication.remote: not yet")));
}

TEST(Examples, Namespaces) {
  const FileReading reading = read_manifests(read("namespaces.yaml"), "namespaces.yaml");
  ASSERT_THAT(told(reading), ElementsAre());
  ASSERT_EQ(reading.objects.policies.size(), 1U);
  const IPsecPolicySpec& spec = reading.objects.policies[0]->spec;
  EXPECT_EQ(spec.namespace_selector, (LabelSelector{{{"confidential", "true"}}, {}}));
  EXPECT_FALSE(spec.pod_selector);
  EXPECT_TRUE(spec.selects_pods());
}

// A bad document costs nobody else: the other two groups of the file are read.
TEST(Examples, MeshGroups) {
  const FileReading reading = read_manifests(read("mesh-groups.yaml"), "mesh-groups.yaml");
  ASSERT_EQ(reading.objects.policies.size(), 2U);
  const IPsecPolicySpec& clear = reading.objects.policies[1]->spec;
  EXPECT_EQ(clear.enforcement, Enforcement::kBypass);
  EXPECT_EQ(clear.priority, 200);
  EXPECT_EQ(clear.peers.size(), 2U);
}

TEST(ReadFolder, ABadFileKeepsItsLastGoodContent) {
  namespace fs = std::filesystem;
  const fs::path folder = fs::path(testing::TempDir()) / "espalier_read_folder";
  fs::remove_all(folder);
  fs::create_directories(folder / "below.yaml");
  const auto write = [&](const char* name, const std::string& text) {
    std::ofstream(folder / name) << text;
  };
  write("b.yaml", read("mesh.yaml"));
  write("a.json",
        R"({"apiVersion":"espalier.io/v1alpha1","kind":"NodeEndpoint","metadata":{"name":"a"},
                      "spec":{"addresses":["10.0.0.1"],"identity":"a"}})");
  write(".hidden.yaml", "nonsense: [");
  write("notes.txt", "nonsense: [");
  FolderReading first = read_folder(folder.string());
  ASSERT_EQ(first.files.size(), 3U);
  EXPECT_FALSE(first.files[2].good()) << "a folder with a file's name is told";
  fs::remove(folder / "below.yaml");
  first = read_folder(folder.string());
  ASSERT_THAT(first.all_problems(), ElementsAre());
  EXPECT_EQ(first.all().policies.size(), 1U);

  write("b.yaml", "kind: IPsecPolicy\n");
  write("c.yaml", read("mesh-groups.yaml"));
  const FolderReading second = keep_last_good(read_folder(folder.string()), first);
  EXPECT_EQ(second.files[1].objects.policies.size(), 1U) << "the mesh of before";
  EXPECT_FALSE(second.files[1].good());
  EXPECT_EQ(second.all().policies.size(), 3U) << "and what is good of a file that was never good";

  fs::remove_all(folder);
  const FolderReading third = keep_last_good(read_folder(folder.string()), second);
  EXPECT_EQ(third.all().policies.size(), 3U) << "a folder that cannot be read loses nothing";
  EXPECT_EQ(third.problems.size(), 1U);
}

}  // namespace
}  // namespace espalier::crds
