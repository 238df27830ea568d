#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crds/types/decode.h"
#include "crds/types/encode.h"
#include "crds/types/status.h"

namespace espalier::crds {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Document document_of(const char* kind, Json spec) {
  Document document;
  document.json = {{"apiVersion", kApiVersion},
                   {"kind", kind},
                   {"metadata", {{"name", "node1"}, {"uid", "7c4b"}, {"generation", 3}}},
                   {"spec", std::move(spec)}};
  return document;
}

template <typename Kind>
std::vector<std::string> told(const DecodedKind<Kind>& decoded) {
  std::vector<std::string> lines;
  for (const Problem& problem : decoded.problems) {
    lines.push_back(problem.field + ": " + problem.detail);
  }
  return lines;
}

NodePolicySpec full_spec() {
  NodePolicySpec spec;
  spec.hash = "0123456789abcdef0123456789abcdef";
  spec.required_features = {"AddressBlocks", "Tunnels"};
  spec.policies = {{"cluster", "a-1", 4}, {"edge", "b-2", 1}};
  spec.tunnels = {{"edge", "branch", "c-3", 2}, {"edge", "other", "d-4", 9}};
  spec.api_servers = {{*IpAddress::parse("192.0.2.1"), 6443},
                      {*IpAddress::parse("2001:db8::1"), 443}};
  return spec;
}

TEST(NodePolicySpec, IsReadAsItWasWritten) {
  for (const NodePolicySpec& spec :
       {full_spec(), NodePolicySpec{full_spec().hash, {}, {}, {}, {}}}) {
    const auto decoded = decode_node_policy(document_of("NodePolicy", encode(spec)));
    ASSERT_THAT(told(decoded), IsEmpty());
    EXPECT_EQ(decoded.object->spec, spec);
    EXPECT_EQ(decoded.object->meta.uid, "7c4b");
    EXPECT_EQ(decoded.object->meta.generation, 3);
    EXPECT_EQ(encode(decoded.object->spec), encode(spec));
  }
}

TEST(NodePolicySpec, LeavesOutWhatIsEmpty) {
  EXPECT_EQ(encode(NodePolicySpec{"00", {}, {}, {}, {}}), Json({{"hash", "00"}}));
}

TEST(NodePolicySpec, NamesTheFieldThatIsWrong) {
  Json json = encode(full_spec());
  json["hash"] = "0123";
  json["requiredFeatures"].push_back("not camel");
  json["policies"][1]["name"] = "cluster";
  json["tunnels"][0].erase("generation");
  json["apiServers"][0]["port"] = 0;
  json["peers"] = Json::array();
  EXPECT_THAT(told(decode_node_policy(document_of("NodePolicy", json))),
              testing::UnorderedElementsAre(
                  HasSubstr("spec.hash: \"0123\" is not allowed here; allowed: 32 hexadecimal"),
                  HasSubstr("spec.requiredFeatures[2]: \"not camel\" is not allowed here"),
                  "spec.policies[1].name: is the same as spec.policies[0].name",
                  "spec.tunnels[0]: `generation` is missing",
                  "spec.apiServers[0].port: 0 is out of range; allowed: 1 to 65535",
                  HasSubstr("spec.peers: unknown field")));

  json = encode(full_spec());
  json["tunnels"][1] = json["tunnels"][0];
  EXPECT_THAT(told(decode_node_policy(document_of("NodePolicy", json))),
              ElementsAre("spec.tunnels[1]: is the same as spec.tunnels[0]"));
  EXPECT_THAT(told(decode_node_policy(document_of("PodSlice", json))),
              ElementsAre(HasSubstr("kind: \"PodSlice\" is not known; allowed: NodePolicy")));
}

TEST(PodSliceSpec, IsReadAsItWasWritten) {
  PodSliceSpec spec{"web", {*IpAddress::parse("10.244.1.7"), *IpAddress::parse("fd00::7")}};
  const auto decoded = decode_pod_slice(document_of("PodSlice", encode(spec)));
  ASSERT_THAT(told(decoded), IsEmpty());
  EXPECT_EQ(decoded.object->spec, spec);
}

TEST(PodSliceSpec, HoldsOneToAHundredAddresses) {
  Json addresses = Json::array();
  EXPECT_THAT(
      told(decode_pod_slice(document_of("PodSlice", {{"policy", "p"}, {"addresses", addresses}}))),
      ElementsAre("spec.addresses: has 0 entries; allowed: 1 to 100"));
  for (int i = 0; i <= 100; ++i) addresses.push_back("10.0.0." + std::to_string(i));
  EXPECT_THAT(
      told(decode_pod_slice(document_of("PodSlice", {{"policy", "p"}, {"addresses", addresses}}))),
      ElementsAre("spec.addresses: has 101 entries; allowed: 1 to 100"));
  EXPECT_THAT(told(decode_pod_slice(document_of(
                  "PodSlice", {{"policy", "p"}, {"addresses", {"10.0.0.1", "10.0.0.1"}}}))),
              ElementsAre("spec.addresses[1]: is the same as spec.addresses[0]"));
}

TEST(NodeEndpointSpec, IsReadAsItWasWritten) {
  NodeEndpointSpec spec;
  spec.addresses = {*IpAddress::parse("192.0.2.7"), *IpAddress::parse("2001:db8::7")};
  spec.pod_cidrs = {*Prefix::parse("10.244.7.0/24")};
  spec.identity = "node1.example";
  spec.pod_network = PodNetwork::kOverlay;
  Decoded decoded = decode(document_of("NodeEndpoint", encode(spec)));
  ASSERT_TRUE(decoded.object);
  EXPECT_EQ(std::get<NodeEndpoint>(*decoded.object).spec, spec);
}

Condition ready(ConditionStatus status, const char* time) {
  return {"Ready", status, 3, time, "Because", "in words"};
}

NodePolicyStatus full_status() {
  NodePolicyStatus status;
  status.applied_hash = full_spec().hash;
  status.peers = Count{4999, 4998};
  status.tunnels_ready = 1;
  status.policies = {{"cluster", 4, 4999, 4998, {{"Overlay", "covered by NodeToNode"}}}};
  status.tunnels = {{"edge", "branch", 2, false, "NoAnswer", "no answer from 192.0.2.9"}};
  status.conditions = {ready(ConditionStatus::kFalse, "2026-01-01T00:00:00Z")};
  return status;
}

TEST(Status, IsReadAsItWasWritten) {
  EXPECT_EQ(read_node_policy_status({{"status", encode(full_status())}}), full_status());

  NodeEndpointStatus endpoint{"1.0",
                              "6.12.0",
                              {"Tunnels"},
                              CertificateStatus{"0a", "2026-01-01T00:00:00Z"},
                              {ready(ConditionStatus::kTrue, "2026-01-01T00:00:00Z")}};
  EXPECT_EQ(read_node_endpoint_status({{"status", encode(endpoint)}}), endpoint);

  IPsecPolicyStatus policy{Count{2, 1}, {ready(ConditionStatus::kUnknown, "2026-01-01T00:00:00Z")}};
  EXPECT_EQ(read_ipsec_policy_status({{"status", encode(policy)}}), policy);

  TunnelStatus tunnel{"node1", {ready(ConditionStatus::kTrue, "2026-01-01T00:00:00Z")}};
  EXPECT_EQ(read_tunnel_status({{"status", encode(tunnel)}}), tunnel);
}

TEST(Status, ToleratesWhatAnotherReleaseWrote) {
  Json json = encode(full_status());
  json["phase"] = "Running";
  json["policies"][0]["color"] = 1;
  EXPECT_EQ(read_node_policy_status({{"status", json}}), full_status());

  for (const Json& object : {Json(), Json::array(), Json::object(), Json({{"status", 1}}),
                             Json({{"status", {{"conditions", "none"}}}})}) {
    EXPECT_EQ(read_node_policy_status(object), NodePolicyStatus()) << object;
  }
}

TEST(Status, CutsWhatIsTooLongAtAWholeCharacter) {
  NodePolicyStatus status = full_status();
  status.policies[0].notes.assign(20, {"Long", std::string(1023, 'x') + "\u00e9\u00e9"});
  status.tunnels[0].message = "bytes \xff\xc3 that are no text";
  const Json json = encode(status);
  ASSERT_EQ(json["policies"][0]["notes"].size(), 16U);
  EXPECT_EQ(json["policies"][0]["notes"][0]["message"], std::string(1023, 'x') + "\u00e9");
  EXPECT_EQ(json["tunnels"][0]["message"], "bytes ?? that are no text");
  EXPECT_NO_THROW((void)json.dump());
}

TEST(Conditions, KeepTheTimeOfTheLastTransition) {
  std::vector<Condition> conditions;
  put(conditions, ready(ConditionStatus::kTrue, "10:00"));
  put(conditions, ready(ConditionStatus::kTrue, "11:00"));
  ASSERT_NE(find(conditions, "Ready"), nullptr);
  EXPECT_EQ(find(conditions, "Ready")->last_transition_time, "10:00");
  put(conditions, ready(ConditionStatus::kFalse, "12:00"));
  EXPECT_EQ(find(conditions, "Ready")->last_transition_time, "12:00");
  EXPECT_EQ(conditions.size(), 1U);
  EXPECT_EQ(find(conditions, "Accepted"), nullptr);
}

}  // namespace
}  // namespace espalier::crds
