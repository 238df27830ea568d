#include "crds/types/decode.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace espalier::crds {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Decoded decode_text(const char* text) {
  Document document;
  document.origin.file = "a.json";
  document.json = Json::parse(text);
  return decode(std::move(document));
}

std::vector<std::string> told(const Decoded& decoded) {
  std::vector<std::string> lines;
  for (const Problem& problem : decoded.problems) {
    lines.push_back(problem.field + ": " + problem.detail);
  }
  return lines;
}

// The smallest policy and tunnel, with one part put in.
Decoded decode_policy(const std::string& extra) {
  return decode_text(
      (R"({"apiVersion":"espalier.io/v1alpha1","kind":"IPsecPolicy","metadata":{"name":"p"},
    "spec":{"enforcement":"Required","traffic":["NodeToNode"])" +
       (extra.empty() ? "" : "," + extra) + "}}")
          .c_str());
}

Decoded decode_tunnel(const std::string& local, const std::string& remote,
                      const std::string& extra) {
  const std::string psk =
      R"("authentication":{"type":"PSK","psk":{"secretRef":{"name":"s","key":"k"}}})";
  return decode_text(
      (R"({"apiVersion":"espalier.io/v1alpha1","kind":"Tunnel","metadata":{"name":"t","namespace":"n"},"spec":{"local":{"node":"a",)" +
       local + psk + R"(},"remote":{)" + remote + psk + "}" + extra + "}}")
          .c_str());
}

TEST(DecodePolicy, LeavesDefaultsWhereNothingIsSaid) {
  const Decoded decoded = decode_policy("");
  ASSERT_THAT(told(decoded), ElementsAre());
  const auto& spec = std::get<IPsecPolicy>(*decoded.object).spec;
  EXPECT_EQ(spec.priority, 100);
  EXPECT_EQ(spec.establish, Establish::kEager);
  EXPECT_EQ(spec.authentication.type, PolicyAuthentication::Type::kX509);
  EXPECT_EQ(spec.ppk.mode, PpkMode::kNever);
  EXPECT_EQ(spec.ike.lifetime, std::chrono::hours(8));
  EXPECT_EQ(spec.esp.lifetime, std::chrono::hours(1));
  EXPECT_EQ(spec.esp.replay_window, 4096);
  EXPECT_FALSE(spec.esp.esn.has_value());
  EXPECT_FALSE(spec.ike.proposals.empty());
  EXPECT_FALSE(spec.node_selector.has_value());
}

TEST(DecodePolicy, TellsEveryProblemOfTheDocument) {
  const Decoded decoded = decode_text(R"({"apiVersion":"espalier.io/v1alpha1","kind":"IPsecPolicy",
    "metadata":{"name":"p","namespace":"edge"},
    "spec":{"enforcment":"Required","traffic":["PodToPods"],"priority":1001,
            "ike":{"proposals":["aes257gcm16-prfsha384-ecp384"],"lifetime":"8 hours"},
            "esp":{"replayWindow":"4096"},"exemptions":[{"name":"x","cidr":"10.0.0.5/8"}]}})");
  EXPECT_FALSE(decoded.object);
  EXPECT_THAT(told(decoded),
              testing::UnorderedElementsAre(
                  HasSubstr("metadata.namespace: this kind is cluster-scoped"),
                  HasSubstr("spec: `enforcement` is missing"),
                  AllOf(HasSubstr("spec.enforcment: unknown field, did you mean `enforcement`?"),
                        HasSubstr("allowed: enforcement, traffic")),
                  HasSubstr("spec.traffic[0]: \"PodToPods\" is not known, did you mean "
                            "`PodToPod`?; allowed: NodeToNode"),
                  "spec.priority: 1001 is out of range; allowed: 0 to 1000",
                  AllOf(HasSubstr("spec.ike.proposals[0]: unknown algorithm \"aes257gcm16\""),
                        HasSubstr("aes256gcm16")),
                  HasSubstr("spec.ike.lifetime: \"8 hours\" is no duration"),
                  HasSubstr("spec.esp.replayWindow: a whole number (32 to 4096) is needed here, "
                            "this is a string"),
                  "spec.exemptions[0].cidr: \"10.0.0.5/8\" has bits set behind its prefix length; "
                  "the block is "
                  "10.0.0.0/8"));
}

TEST(DecodePolicy, RequiredAllowsOnlyHoldAndDrop) {
  EXPECT_THAT(
      told(decode_policy(R"("onNegotiation":"Pass","onFailure":"Pass")")),
      ElementsAre(HasSubstr("spec.onNegotiation: Pass goes with enforcement: Preferred only"),
                  HasSubstr("spec.onFailure: Pass goes with enforcement: Preferred only")));
  EXPECT_THAT(told(decode_policy(R"("onNegotiation":"Hold","onFailure":"Drop")")), ElementsAre());
}

TEST(DecodePolicy, ABypassSelectsSomethingAndEncryptsNothing) {
  const auto bypass = [](const std::string& extra) {
    return told(decode_text(
        (R"({"apiVersion":"espalier.io/v1alpha1","kind":"IPsecPolicy","metadata":{"name":"p"},
      "spec":{"enforcement":"Bypass","traffic":["NodeToNode"])" +
         extra + "}}")
            .c_str()));
  };
  EXPECT_THAT(bypass(""), ElementsAre(HasSubstr("must select something")));
  EXPECT_THAT(bypass(R"(,"peers":[{"ipBlock":{"cidr":"10.0.0.0/8"}}])"), ElementsAre());
  EXPECT_THAT(bypass(R"(,"nodeSelector":{},"esp":{})"),
              ElementsAre(HasSubstr("spec.esp: has no meaning with enforcement: Bypass")));
}

TEST(DecodePolicy, ExceptionsLieInsideTheirBlock) {
  EXPECT_THAT(
      told(decode_policy(
          R"("peers":[{"ipBlock":{"cidr":"10.0.0.0/8","except":["11.0.0.0/16","10.0.0.0/8"]}}])")),
      ElementsAre(
          HasSubstr("spec.peers[0].ipBlock.except[0]: 11.0.0.0/16 is no part of 10.0.0.0/8"),
          HasSubstr("spec.peers[0].ipBlock.except[1]: 10.0.0.0/8 is no part of 10.0.0.0/8")));
  EXPECT_THAT(
      told(decode_policy(
          R"("peers":[{"ipBlock":{"cidr":"10.0.0.0/8","except":["10.1.0.0/16","10.1.2.0/24"]}}])")),
      ElementsAre(HasSubstr("except[1]: 10.1.2.0/24 overlaps 10.1.0.0/16")));
}

TEST(DecodePolicy, SelectsPods) {
  const char* both =
      R"("traffic":["PodToPod","PodToNode"],"namespaceSelector":{"matchLabels":{"confidential":"true"}},)"
      R"("podSelector":{"matchExpressions":[{"key":"tier","operator":"NotIn","values":["web"]}]})";
  const Decoded decoded = decode_policy(both);
  ASSERT_THAT(told(decoded), ElementsAre());
  const IPsecPolicySpec& spec = std::get<IPsecPolicy>(*decoded.object).spec;
  EXPECT_EQ(spec.namespace_selector, (LabelSelector{{{"confidential", "true"}}, {}}));
  EXPECT_EQ(spec.pod_selector, (LabelSelector{{}, {{"tier", LabelOperator::kNotIn, {"web"}}}}));

  EXPECT_THAT(
      told(decode_policy(
          R"("traffic":["PodToPod"],"podSelector":{"matchLabels":{"no key":"x"},)"
          R"("matchExpressions":[{"key":"tier","operator":"In"},{"key":"a","operator":"Is"}]},)"
          R"("namespaceSelector":{"matchNames":["a"]})")),
      ::testing::UnorderedElementsAre(
          HasSubstr("spec.podSelector.matchLabels"),
          HasSubstr("spec.podSelector.matchExpressions[0]: `values` is missing"),
          HasSubstr("spec.podSelector.matchExpressions[1].operator"),
          HasSubstr("spec.namespaceSelector.matchNames: unknown field")));
  EXPECT_THAT(told(decode_policy(R"("traffic":["PodToPod","NodeToNode"],"podSelector":{})")),
              ElementsAre(HasSubstr("spec.traffic[1]: NodeToNode has no pods")));
}

TEST(DecodePolicy, NamesWhatIsNotThereYet) {
  for (const char* extra :
       {R"("offload":"Crypto")", R"("offload":"Packet")", R"("underlayMTU":9000)",
        R"("cryptoPolicy":"Honor")", R"("authentication":{"type":"RawKey"})",
        R"("authentication":{"type":"X509","remote":{"type":"Anonymous"}})",
        R"("encapsulation":{"tcp":{"mode":"Always"}})"}) {
    const Decoded decoded = decode_policy(extra);
    ASSERT_EQ(decoded.problems.size(), 1U) << extra;
    EXPECT_EQ(decoded.problems[0].kind, ProblemKind::kNotYet) << extra;
    EXPECT_THAT(decoded.problems[0].detail, HasSubstr("not yet")) << extra;
    EXPECT_FALSE(decoded.object) << extra;
  }
  for (const char* extra : {R"("offload":"Auto","cryptoPolicy":"Ignore")", R"("offload":"None")",
                            R"("encapsulation":{"udp":"Always","tcp":{"mode":"Never"}})"}) {
    EXPECT_THAT(told(decode_policy(extra)), ElementsAre()) << extra;
  }
}

TEST(DecodePolicy, PpkKeysAreKeyedById) {
  EXPECT_THAT(told(decode_policy(R"("ppk":{"mode":"Insist"})")),
              ElementsAre(HasSubstr("`keys` is missing")));
  EXPECT_THAT(told(decode_policy(R"("ppk":{"mode":"Insist","keys":[
      {"id":"a","secretRef":{"name":"s","key":"1"}},{"id":"a","secretRef":{"name":"s","key":"2"}}]})")),
              ElementsAre("spec.ppk.keys[1].id: is the same as spec.ppk.keys[0].id"));
}

TEST(DecodeTunnel, RefusesSelectorsThatOverlapOrMixFamilies) {
  EXPECT_THAT(told(decode_tunnel(R"("subnets":["10.0.0.0/8","10.1.0.0/16"],)",
                                 R"("addresses":["192.0.2.1"],"subnets":["192.168.0.0/16"],)", "")),
              ElementsAre(HasSubstr("spec.local.subnets[1]: 10.1.0.0/16 overlaps 10.0.0.0/8")));
  EXPECT_THAT(told(decode_tunnel(R"("subnets":["10.0.0.0/8"],)",
                                 R"("addresses":["192.0.2.1"],"subnets":["10.1.0.0/16"],)", "")),
              ElementsAre(HasSubstr("spec.remote.subnets[0]: 10.1.0.0/16 overlaps 10.0.0.0/8")));
  EXPECT_THAT(
      told(decode_tunnel(
          R"("subnets":["10.0.0.0/8"],)",
          R"("addresses":["192.0.2.1"],"subnets":["192.168.0.0/16","2001:db8::/32"],)", "")),
      ElementsAre("spec.remote.subnets[1]: 2001:db8::/32 has no counterpart: spec.local.subnets "
                  "has no IPv6 "
                  "block"));
  EXPECT_THAT(
      told(decode_tunnel(R"("address":"192.0.2.9",)", R"("addresses":["2001:db8::1"],)", "")),
      ElementsAre(HasSubstr(
          "spec.remote.addresses[0]: 2001:db8::1 is not IPv4, as spec.local.address is")));
  EXPECT_THAT(told(decode_tunnel(R"("subnets":["10.0.0.0/8"],)", R"("addresses":["192.0.2.1"],)",
                                 R"(,"mode":"Transport")")),
              ElementsAre(HasSubstr("spec.local.subnets: goes with mode: Tunnel only")));
}

TEST(DecodeTunnel, NobodyCanBeCalledWithoutAnAddress) {
  EXPECT_THAT(told(decode_tunnel("", "", "")), ElementsAre(HasSubstr("establish: Passive")));
  EXPECT_THAT(told(decode_tunnel("", "", R"(,"establish":"Passive")")), ElementsAre());
}

TEST(DecodeTunnel, AUnionHasTheMemberOfItsType) {
  const auto with = [](const char* authentication) {
    return told(decode_text(
        (std::string(
             R"({"apiVersion":"espalier.io/v1alpha1","kind":"Tunnel","metadata":{"name":"t","namespace":"n"},"spec":{
             "local":{"node":"a","authentication":)") +
         authentication + R"(},"remote":{"addresses":["192.0.2.1"],"authentication":)" +
         R"({"type":"X509","x509":{"trustRef":{"name":"ca"}}}}}})")
            .c_str()));
  };
  EXPECT_THAT(with(R"({"type":"X509","x509":{"certificateRef":{"name":"gw"}}})"), ElementsAre());
  EXPECT_THAT(with(R"({"type":"X509"})"),
              ElementsAre(HasSubstr("`x509` is missing: type X509 needs it")));
  EXPECT_THAT(
      with(R"({"type":"PSK","x509":{"certificateRef":{"name":"gw"}}})"),
      ElementsAre(HasSubstr("`psk` is missing"), HasSubstr("x509: goes with type X509 only")));
  EXPECT_THAT(with(R"({"type":"X509","x509":{"trustRef":{"name":"ca"}}})"),
              testing::UnorderedElementsAre(HasSubstr("`certificateRef` is missing"),
                                            HasSubstr("x509.trustRef: unknown field")));
  EXPECT_THAT(with(R"({"type":"RawKey","rawKey":{"privateKeyRef":{"name":"k","key":"p"}}})"),
              ElementsAre(HasSubstr(
                  "not yet: this release has no raw public keys; allowed now: X509, PSK")));
}

TEST(DecodeTunnel, NamesWhatIsNotThereYet) {
  EXPECT_THAT(
      told(decode_tunnel("", R"("addresses":["gw.example.com"],)", "")),
      ElementsAre(HasSubstr("spec.remote.addresses[0]: not yet: this release has no DNS names")));
  EXPECT_THAT(told(decode_tunnel("", R"("addresses":["192.0.2.1"],)", R"(,"mobike":true)")),
              ElementsAre(HasSubstr("spec.mobike: not yet")));
  EXPECT_THAT(told(decode_tunnel("", R"("addresses":["192.0.2.1"],)",
                                 R"(,"mobike":false,"addressPool":{})")),
              ElementsAre(HasSubstr("spec.addressPool: not yet")));
}

TEST(DecodeNodeEndpoint, OneAddressPerFamilyOutsideItsPodBlocks) {
  const auto with = [](const char* spec) {
    return told(decode_text(
        (std::string(
             R"({"apiVersion":"espalier.io/v1alpha1","kind":"NodeEndpoint","metadata":{"name":"a"},"spec":)") +
         spec + "}")
            .c_str()));
  };
  EXPECT_THAT(
      with(
          R"({"addresses":["10.0.0.1","fd00::1"],"podCIDRs":["10.1.0.0/24"],"identity":"a.example"})"),
      ElementsAre());
  EXPECT_THAT(
      with(R"({"addresses":["10.0.0.1","10.0.0.2"],"identity":"a"})"),
      ElementsAre(HasSubstr("spec.addresses[1]: 10.0.0.2 is a second address of its family")));
  EXPECT_THAT(with(R"({"addresses":["10.0.0.1"],"podCIDRs":["10.0.0.0/24"],"identity":"a"})"),
              ElementsAre(HasSubstr(
                  "spec.podCIDRs[0]: 10.0.0.0/24 holds the node's own address 10.0.0.1")));
  EXPECT_THAT(with(R"({"addresses":["0.0.0.0"],"identity":""})"),
              ElementsAre(HasSubstr("spec.addresses[0]: \"0.0.0.0\" is no address of a host"),
                          HasSubstr("spec.identity: has 0 characters")));
}

TEST(DecodeSecret, TakesDataAndText) {
  const Decoded decoded = decode_text(
      R"({"apiVersion":"v1","kind":"Secret","metadata":{"name":"s"},"data":{"a":"AQID","b":"eA=="},"stringData":{"b":"y"}})");
  ASSERT_THAT(told(decoded), ElementsAre());
  const auto& secret = std::get<Secret>(*decoded.object);
  EXPECT_EQ(to_hex(secret.data.at("a").view()), "010203");
  EXPECT_EQ(to_text(secret.data.at("b").view()), "y") << "stringData wins, as in Kubernetes";
}

TEST(DecodeSecret, NoMessageHoldsAValue) {
  const Decoded decoded = decode_text(R"({"apiVersion":"v1","kind":"Secret","metadata":{"name":"s"},
    "type":"kubernetes.io/tls",
    "data":{"bad":"geheim!","half":"geheim="},"stringData":{"tls.crt":"<geheim>","tls.key":"geheim","n":12345}})");
  EXPECT_FALSE(decoded.object);
  EXPECT_GE(decoded.problems.size(), 3U);
  for (const std::string& line : told(decoded)) {
    EXPECT_THAT(line, Not(HasSubstr("geheim")));
    EXPECT_THAT(line, Not(HasSubstr("12345")));
  }
}

// MAAwAA== is DER, MIA= its beginning.
TEST(DecodeSecret, HoldsACertificateInOneForm) {
  const auto problems = [](const std::string& content) {
    const std::string text =
        R"({"apiVersion":"v1","kind":"Secret","metadata":{"name":"gw"},)" + content + "}";
    return told(decode_text(text.c_str()));
  };
  EXPECT_THAT(problems(R"("data":{"tls.p12":"MAAwAA=="},"stringData":{"password":""})"),
              ElementsAre());
  EXPECT_THAT(problems(R"("stringData":{"tls.p12":"MAAwAA=="})"),
              ElementsAre(HasSubstr("stringData[tls.p12]: key tls.p12 of Secret gw is no PKCS #12 "
                                    "file (DER); as base64 it belongs under data")));
  EXPECT_THAT(problems(R"("data":{"tls.p12":""})"),
              ElementsAre(HasSubstr("key tls.p12 of Secret gw is empty")));
  EXPECT_THAT(
      problems(
          R"("data":{"tls.p12":"MIA="},"stringData":{"tls.key":"-----BEGIN PRIVATE KEY-----"})"),
      ElementsAre(HasSubstr("stringData[tls.key]: stands beside tls.p12")));
}

TEST(DecodeSecret, KnowsAPlaceholderAndWhatIsNoPem) {
  EXPECT_THAT(
      told(decode_text(R"({"apiVersion":"v1","kind":"Secret","metadata":{"name":"espalier-node"},
    "type":"kubernetes.io/tls","stringData":{"tls.crt":"<PEM>","tls.key":"MIIB"}})")),
      ElementsAre(
          "stringData[tls.crt]: key tls.crt of Secret espalier-node still holds a placeholder "
          "(<...>); put the "
          "PEM text here",
          HasSubstr("stringData[tls.key]: key tls.key of Secret espalier-node holds no PEM text")));
  EXPECT_THAT(
      told(decode_text(
          R"({"apiVersion":"v1","kind":"Secret","metadata":{"name":"t"},"type":"kubernetes.io/tls"})")),
      ElementsAre(HasSubstr("tls.crt is missing"), HasSubstr("tls.key is missing")));
}

TEST(DecodeEnvelope, SaysWhichKindsThereAre) {
  EXPECT_THAT(told(decode_text("[]")), ElementsAre(HasSubstr("a map (an object")));
  EXPECT_THAT(told(decode_text("{}")),
              ElementsAre(HasSubstr("`apiVersion` is missing"), HasSubstr("`kind` is missing")));
  EXPECT_THAT(
      told(decode_text(R"({"apiVersion":"espalier.io/v1alpha1","kind":"IpsecPolicy"})")),
      ElementsAre(HasSubstr("kind: \"IpsecPolicy\" is not known, did you mean `IPsecPolicy`?")));
  EXPECT_THAT(told(decode_text(R"({"apiVersion":"espalier.io/v1","kind":"Tunnel"})")),
              ElementsAre(HasSubstr("allowed: espalier.io/v1alpha1")));
  EXPECT_THAT(told(decode_text(R"({"apiVersion":"espalier.io/v1alpha1","kind":"NodePolicy"})")),
              ElementsAre(HasSubstr("NodePolicy is written by the operator in a cluster")));
  EXPECT_THAT(told(decode_tunnel("", R"("addresses":["192.0.2.1"],)", "")), ElementsAre());
}

TEST(DecodeEnvelope, TakesWhatTheApiServerAdds) {
  EXPECT_THAT(told(decode_text(R"({"apiVersion":"espalier.io/v1alpha1","kind":"NodeEndpoint",
    "metadata":{"name":"a","uid":"1","generation":3,"managedFields":[],"annotations":{"x":"y"}},
    "spec":{"addresses":["10.0.0.1"],"identity":"a"},"status":{"conditions":[]}})")),
              ElementsAre());
}

TEST(DecodeEnvelope, KeepsABoundedNumberOfProblems) {
  Document document;
  document.json = Json::parse(
      R"({"apiVersion":"espalier.io/v1alpha1","kind":"IPsecPolicy","metadata":{"name":"p"},"spec":{}})");
  for (int i = 0; i < 1000; ++i) document.json["spec"]["x" + std::to_string(i)] = 1;
  EXPECT_EQ(decode(std::move(document)).problems.size(), kMaxProblems);
}

}  // namespace
}  // namespace espalier::crds
