#include "operator/certificates/approval.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/base64.h"
#include "operator/certificates/testing/pki.h"

namespace espalier::certificates {
namespace {

using testing::HasSubstr;

constexpr const char* kAgent = "system:serviceaccount:espalier-system:espalier-agent";

ApprovalRules rules() {
  return {kAgent, 30 * kDay};
}

std::optional<std::string> known(const std::string& node) {
  if (node == "node1" || node == "node2") return node + ".nodes.example.com";
  return std::nullopt;
}

std::string encoded(std::string_view pem) {
  return to_text(encode_base64(as_bytes(pem)).view());
}

std::string request_of(const NodeIdentity& node) {
  auto made = make_request(*new_key(), node, shared_keys());
  EXPECT_TRUE(made);
  return encoded(request_pem(*made));
}

// As the API server hands it out, made by the agent's pod on node1.
Json csr() {
  return {{"apiVersion", "certificates.k8s.io/v1"},
          {"kind", "CertificateSigningRequest"},
          {"metadata",
           {{"name", "espalier-node1-x7k2p"},
            {"resourceVersion", "417"},
            {"managedFields", Json::array({{{"manager", "espalier-agent"}}})}}},
          {"spec",
           {{"signerName", kSignerName},
            {"usages", {kUsage}},
            {"username", kAgent},
            {"groups", {"system:serviceaccounts", "system:authenticated"}},
            {"extra",
             {{kNodeNameClaim, {"node1"}},
              {kPodNameClaim, {"espalier-agent-x2v9q"}},
              {kPodUidClaim, {"0d2a7c1e-7d9e-4a52-8b5d-4f0f6c1f2a10"}}}},
            {"request", request_of(node1())}}},
          {"status", Json::object()}};
}

Json condition(const char* type) {
  return {{"type", type}, {"status", "True"}, {"reason", "x"}, {"message", "y"}};
}

Decision decision(const Json& object) {
  return decide(object, rules(), known, shared_keys());
}

TEST(Approval, ApprovesANodesOwnRequestAndThenSignsIt) {
  Json object = csr();
  Decision first = decision(object);
  ASSERT_EQ(first.verdict, Verdict::kApprove) << first.message;
  EXPECT_EQ(first.reason, "BoundToNode");
  EXPECT_EQ(first.node, node1());
  EXPECT_EQ(first.lifetime, 30 * kDay);
  ASSERT_TRUE(first.request);

  object = with_condition(object, first);
  EXPECT_EQ(object["status"]["conditions"][0]["type"], "Approved");
  EXPECT_EQ(object["status"]["conditions"][0]["status"], "True");
  EXPECT_EQ(object["metadata"]["resourceVersion"], "417");
  EXPECT_FALSE(object["metadata"].contains("managedFields"));
  Decision second = decision(object);
  ASSERT_EQ(second.verdict, Verdict::kSign) << second.message;

  auto certificate =
      new_ca().sign_node(*second.request, second.node, kNow, second.lifetime, shared_keys());
  ASSERT_TRUE(certificate);
  object = with_certificate(object, to_pem(*certificate));
  auto pem = decode_base64(object["status"]["certificate"].get<std::string>());
  ASSERT_TRUE(pem);
  EXPECT_EQ(to_text(pem->view()), to_pem(*certificate));
  EXPECT_EQ(decision(object).verdict, Verdict::kIgnore);
}

TEST(Approval, IsTheSameEachTimeAndLeavesAloneWhatIsDecided) {
  const Json object = csr();
  EXPECT_EQ(decision(object).verdict, Verdict::kApprove);
  EXPECT_EQ(decision(object).verdict, Verdict::kApprove);
  Json wrong = csr();
  wrong["spec"]["usages"] = {"client auth"};
  const Decision denied = decision(wrong);
  EXPECT_EQ(denied.verdict, Verdict::kDeny);
  wrong = with_condition(wrong, denied);
  EXPECT_EQ(wrong["status"]["conditions"][0]["type"], "Denied");
  EXPECT_EQ(decision(wrong).verdict, Verdict::kIgnore);
  for (const char* type : {"Denied", "Failed"}) {
    Json done = csr();
    done["status"]["conditions"] = {condition("Approved"), condition(type)};
    EXPECT_EQ(decision(done).verdict, Verdict::kIgnore) << type;
  }
  Json deleted = csr();
  deleted["metadata"]["deletionTimestamp"] = "2026-11-24T12:00:00Z";
  EXPECT_EQ(decision(deleted).verdict, Verdict::kIgnore);
}

TEST(Approval, IgnoresOtherSigners) {
  for (const char* signer :
       {"kubernetes.io/kubelet-serving", "espalier.io/nodes", "espalier.io/node ", ""}) {
    Json object = csr();
    object["spec"]["signerName"] = signer;
    EXPECT_EQ(decision(object).verdict, Verdict::kIgnore) << signer;
  }
}

TEST(Approval, DeniesWhoeverIsNotTheAgentOnThatNode) {
  struct Row {
    const char* pointer;  // what is changed
    Json value;           // null: taken away
    const char* reason;
    const char* says;
  };
  const std::string extra = "/spec/extra/";
  const std::string node_claim = extra + "authentication.kubernetes.io~1node-name";
  const std::string pod_claim = extra + "authentication.kubernetes.io~1pod-name";
  const std::string uid_claim = extra + "authentication.kubernetes.io~1pod-uid";
  const Row rows[] = {
      {"/spec/username", "system:node:node1", "WrongRequester", "system:node:node1"},
      {"/spec/username", "system:serviceaccount:default:espalier-agent", "WrongRequester", "only"},
      {"/spec/username", nullptr, "WrongRequester", "asked for by \"\""},
      {"/spec/username", 7, "WrongRequester", "asked for by \"\""},
      {node_claim.c_str(), nullptr, "TokenNotBound", "node-name"},
      {node_claim.c_str(), Json::array(), "TokenNotBound", "node-name"},
      {node_claim.c_str(), {"node1", "node2"}, "TokenNotBound", "node-name"},
      {node_claim.c_str(), "node1", "TokenNotBound", "node-name"},
      {node_claim.c_str(), {""}, "TokenNotBound", "node-name"},
      {pod_claim.c_str(), nullptr, "TokenNotBound", "pod-name"},
      {uid_claim.c_str(), nullptr, "TokenNotBound", "pod-uid"},
      {"/spec/extra", nullptr, "TokenNotBound", "bound to the agent's pod"},
      {node_claim.c_str(),
       {"node2"},
       "OtherNode",
       R"(for node "node1", but the requester's pod runs on node "node2")"},
      {"/spec/usages", {"ipsec tunnel", "client auth"}, "WrongUsages", "exactly"},
      {"/spec/usages", {"digital signature"}, "WrongUsages", "exactly"},
      {"/spec/usages", nullptr, "WrongUsages", "exactly"},
      {"/spec/request", "!", "BadRequest", "request: is no base64"},
      {"/spec/request", nullptr, "BadRequest", "request: is not PEM"},
      {"/spec/request", encoded("hello"), "BadRequest", "request: is not PEM"},
      {"/spec/request", std::string(40000, 'A'), "BadRequest", "too long"},
      {"/spec/request", request_of({"node2", "node2.nodes.example.com"}), "OtherNode",
       "for node \"node2\""},
      {"/spec/request", request_of({"node1", "node2.nodes.example.com"}), "BadRequest",
       "subjectAltName[0]"},
  };
  for (const Row& row : rows) {
    Json object = csr();
    const Json::json_pointer pointer(row.pointer);
    if (row.value.is_null()) {
      object[pointer.parent_pointer()].erase(pointer.back());
    } else {
      object[pointer] = row.value;
    }
    const Decision refused = decision(object);
    EXPECT_EQ(refused.verdict, Verdict::kDeny) << row.pointer;
    EXPECT_EQ(refused.reason, row.reason) << row.pointer << ": " << refused.message;
    EXPECT_THAT(refused.message, HasSubstr(row.says));
    EXPECT_FALSE(refused.request);

    // Somebody's `kubectl certificate approve` does not make it good.
    object["status"]["conditions"] = {condition("Approved")};
    const Decision failed = decision(object);
    EXPECT_EQ(failed.verdict, Verdict::kFail) << row.pointer;
    EXPECT_EQ(with_condition(object, failed)["status"]["conditions"][1]["type"], "Failed");
  }
}

TEST(Approval, WaitsForANodeThatIsNotKnownYet) {
  Json object = csr();
  object["spec"]["extra"][std::string(kNodeNameClaim)] = {"node7"};
  object["spec"]["request"] = request_of({"node7", "node7.nodes.example.com"});
  const Decision waits = decision(object);
  EXPECT_EQ(waits.verdict, Verdict::kWait);
  EXPECT_THAT(waits.message, HasSubstr("no NodeEndpoint \"node7\""));
}

TEST(Approval, GivesTheLifetimeAskedForWithinTheRules) {
  const auto lifetime = [](const Json& asked) {
    Json object = csr();
    object["spec"]["expirationSeconds"] = asked;
    const Decision made = decision(object);
    EXPECT_EQ(made.verdict, Verdict::kApprove);
    return made.lifetime;
  };
  EXPECT_EQ(lifetime(86400), kDay);
  EXPECT_EQ(lifetime(600), Seconds(600));
  EXPECT_EQ(lifetime(1), Seconds(600));
  EXPECT_EQ(lifetime(-5), Seconds(600));
  EXPECT_EQ(lifetime(INT64_MAX), 30 * kDay);
  EXPECT_EQ(lifetime("a day"), 30 * kDay);
  EXPECT_EQ(lifetime(nullptr), 30 * kDay);
}

TEST(Approval, TakesAnyJson) {
  for (const char* text : {"null", "[]", "7", "{}", R"({"spec":[]})", R"({"spec":{}})",
                           R"({"spec":{"signerName":"espalier.io/node"}})",
                           R"({"spec":{"signerName":"espalier.io/node","extra":[],"usages":{}},
                               "status":{"conditions":{"type":"Approved"}}})",
                           R"({"spec":{"signerName":"espalier.io/node"},"status":[],"metadata":7})",
                           R"({"spec":{"signerName":"espalier.io/node"},
                               "status":{"conditions":[7,{"type":7}],"certificate":7}})"}) {
    const Json object = Json::parse(text);
    const Decision made = decision(object);
    EXPECT_TRUE(made.verdict == Verdict::kIgnore || made.verdict == Verdict::kDeny) << text;
    EXPECT_EQ(with_condition(object, made)["status"]["conditions"].back()["reason"], made.reason);
  }
}

}  // namespace
}  // namespace espalier::certificates
