#include "operator/plan/explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/plan/planner.h"
#include "operator/plan/secret_uses.h"
#include "operator/plan/world_testing.h"

namespace espalier::plan {
namespace {

using namespace testing;  // NOLINT: this test's own worlds
using ::testing::ElementsAre;
using ::testing::HasSubstr;

World example() {
  World world = nodes(3);
  crds::IPsecPolicy cluster =
      policy("cluster", {crds::Traffic::kNodeToNode, crds::Traffic::kPodToPod});
  cluster.spec.exemptions = {{"dns", block("10.10.0.2/32"), {{crds::PortProtocol::kUdp, 53}}, {}}};
  add(world, std::move(cluster));
  crds::IPsecPolicy clear = policy("clear", {crds::Traffic::kNodeToNode});
  clear.spec.enforcement = crds::Enforcement::kBypass;
  clear.spec.priority = 200;
  clear.spec.peers = {peer("10.10.0.3/32"), peer("10.10.9.0/24")};
  add(world, std::move(clear));
  return world;
}

TEST(Explain, TwoNodes) {
  EXPECT_EQ(*explain(example(), "node1", "node2"),
            "node1 and node2, NodeToNode over IPv4:\n"
            "  IPsecPolicy cluster decides\n"
            "  IPsecPolicy clear does not apply: its peers do not name node2\n"
            "  on node1 it goes through connection node2/v4, child nodes (transport mode, "
            "Required) of IPsecPolicy cluster\n"
            "  but in clear: 10.10.0.1/32 <-> 10.10.0.2/32 udp remote 53 (exemption dns of "
            "IPsecPolicy cluster)\n"
            "node1 and node2, NodeToNode over IPv6:\n"
            "  IPsecPolicy cluster decides\n"
            "  IPsecPolicy clear does not apply: its peers do not name node2\n"
            "  on node1 it goes through connection node2/v6, child nodes (transport mode, "
            "Required) of IPsecPolicy cluster\n"
            "node1 and node2, PodToPod:\n"
            "  IPsecPolicy cluster decides\n"
            "  IPsecPolicy clear does not apply: its traffic does not name PodToPod\n"
            "  on node1 it goes through connection node2/v4, child pods (tunnel mode, Required) of "
            "IPsecPolicy cluster\n"
            "node1 and node2, PodToNode:\n"
            "  passes in clear: no policy says anything about it\n"
            "  IPsecPolicy clear does not apply: its traffic does not name PodToNode\n"
            "  IPsecPolicy cluster does not apply: its traffic does not name PodToNode\n");
}

TEST(Explain, AddressesAskForOneFlow) {
  EXPECT_EQ(*explain(example(), "10.10.0.1", "10.10.0.3"),
            "10.10.0.1 and 10.10.0.3, NodeToNode over IPv4:\n"
            "  IPsecPolicy clear decides\n"
            "  IPsecPolicy cluster does not: priority 200 is higher than 100\n"
            "  on node1 it passes in clear (IPsecPolicy clear)\n");
  EXPECT_THAT(*explain(example(), "10.244.1.9", "fd00:244:2::7"), HasSubstr("nothing to carry"));
  EXPECT_THAT(*explain(example(), "10.244.1.9", "10.244.2.9"), HasSubstr("child pods"));
  EXPECT_THAT(*explain(example(), "10.244.1.9", "10.10.0.1"), HasSubstr("on one node"));
}

TEST(Explain, SomePods) {
  World world = nodes(2);
  add(world, policy("cluster", {crds::Traffic::kPodToPod}));
  crds::IPsecPolicy web = policy("web", {crds::Traffic::kPodToPod});
  web.spec.pod_selector = crds::LabelSelector{{{"app", "web"}}, {}};
  web.spec.priority = 200;
  add(world, web);
  EXPECT_EQ(*explain(world, "10.244.1.7", "10.244.2.7"),
            "10.244.1.7 and 10.244.2.7, PodToPod:\n"
            "  IPsecPolicy web decides about the pods that it selects\n"
            "  IPsecPolicy cluster decides about all else\n"
            "  on node1 it goes through connection node2/v4, child pods (tunnel mode, Required) of "
            "IPsecPolicy cluster\n"
            "  on node1 that of pods of IPsecPolicy web goes through connection node2/v4, child "
            "pods/web (tunnel mode, Required) of IPsecPolicy web\n");
  world.policies.erase(world.policies.begin());
  EXPECT_THAT(*explain(world, "node1", "node2"),
              HasSubstr("PodToPod:\n"
                        "  IPsecPolicy web decides about the pods that it selects\n"
                        "  all else passes in clear: no policy says anything about it\n"));
}

TEST(Explain, AddressesOfNobody) {
  EXPECT_EQ(*explain(example(), "node1", "10.10.9.4"),
            "node1 and 10.10.9.4:\n  on node1 it passes in clear (IPsecPolicy clear)\n");
  EXPECT_EQ(
      *explain(example(), "node1", "192.0.2.1"),
      "node1 and 192.0.2.1:\n  passes in clear: no policy and no Tunnel says anything about it\n");
  World world = example();
  crds::Tunnel made;
  made.meta.ns = "edge";
  made.meta.name = "branch";
  made.spec.local.node = "node2";
  made.spec.local.subnets = {block("10.244.0.0/16")};
  made.spec.remote.addresses = {ip("203.0.113.7")};
  made.spec.remote.subnets = {block("192.168.100.0/24")};
  add(world, std::move(made));
  EXPECT_EQ(*explain(world, "192.168.100.5", "10.244.3.1"),
            "192.168.100.5 and 10.244.3.1:\n"
            "  on node2 it goes through connection edge/branch, child branch (tunnel mode, "
            "Required) of Tunnel edge/branch\n");
}

TEST(Explain, SaysWhichNodesThereAre) {
  const auto failed = explain(example(), "node1", "nod2");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::kNotFound);
  EXPECT_EQ(failed.error().to_string(),
            "nod2: is no node and no address, did you mean `node2`?; nodes: node1, node2, node3");
}

TEST(SecretUses, EachOnceAndCheckedAgainstTheManifests) {
  World world = nodes(3);
  crds::IPsecPolicy made = policy("p", {crds::Traffic::kNodeToNode});
  made.spec.ppk = {crds::PpkMode::kInsist, {{"a", {"ppks", "a"}}, {"b", {"ppks", "b"}}}};
  add(world, std::move(made));
  const NodePlan plan = plan_node(world, "node1");
  const std::vector<SecretUse> uses = secret_uses(plan);
  ASSERT_EQ(uses.size(), 4U);
  EXPECT_EQ(uses[0].kind, SecretKind::kCertificate);
  EXPECT_EQ(uses[0].ref.to_string(), "espalier-system/espalier-node");
  EXPECT_EQ(uses[1].kind, SecretKind::kTrust);
  EXPECT_EQ(uses[3].kind, SecretKind::kPpk);
  EXPECT_EQ(uses[3].ref.to_string(), "espalier-system/ppks:b");

  crds::ManifestSet manifests;
  crds::Secret ppks;
  ppks.meta.name = "ppks";
  ppks.data.emplace("a", SecretBytes(as_bytes("0xgeheim")));
  manifests.add(crds::Object(std::move(ppks)));
  crds::Secret node_secret;
  node_secret.meta.name = "espalier-node";
  node_secret.data.emplace("tls.crt", SecretBytes(as_bytes("x")));
  manifests.add(crds::Object(std::move(node_secret)));
  std::vector<std::string> told;
  for (const crds::Problem& problem : check_secrets(plan, manifests))
    told.push_back(problem.to_string());
  EXPECT_THAT(
      told, ElementsAre(
                "IPsecPolicy p: Secret espalier-system/espalier-node: it has no key tls.key; it "
                "has: tls.crt",
                "IPsecPolicy p: Secret espalier-system/espalier-trust: there is no such Secret",
                "IPsecPolicy p: Secret espalier-system/ppks:a: 0x is followed by something that is "
                "no hexadecimal digit",
                "IPsecPolicy p: Secret espalier-system/ppks: it has no key b; it has: a"));
}

}  // namespace
}  // namespace espalier::plan
