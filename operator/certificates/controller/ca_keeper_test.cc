#include "operator/certificates/controller/ca_keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/base64.h"
#include "base/time_text.h"
#include "kube/testing/fake_api_server.h"
#include "operator/certificates/testing/pki.h"

namespace espalier::certificates {
namespace {

using kube::ErrorKind;
using kube::Json;
using kube::Method;
using kube::ObjectKey;
using kube::testing::Fault;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const ObjectKey kSecret{"espalier-system", "espalier-ca"};
const ObjectKey kTrust{"espalier-system", "espalier-trust"};

std::string decoded(const Json& secret, const std::string& name) {
  auto octets = decode_base64(secret["data"].value(name, ""));
  EXPECT_TRUE(octets);
  return to_text(octets->view());
}

std::string encoded(std::string_view text) {
  return to_text(encode_base64(as_bytes(text)).view());
}

class CaKeeperTest : public testing::Test {
 protected:
  CaKeeper::Config config(bool follow = false) {
    CaKeeper::Config made;
    made.ns = "espalier-system";
    made.everyone_follows = [follow](const Certificate&) { return follow; };
    made.tell = [this](kube::Happening event) { events_.push_back(event.reason); };
    return made;
  }
  Json secret() const { return server_.find(kube::secrets(), kSecret)->json; }
  std::string bundle() const {
    const auto found = server_.find(kube::config_maps(), kTrust);
    return found ? found->json["data"]["ca.crt"].get<std::string>() : "";
  }
  static std::size_t count(const std::string& pem) {
    auto blocks = ike::crypto::decode_pem(pem);
    return blocks ? blocks->size() : 0;
  }
  void expect_done(const kube::Reconciled& result) {
    ASSERT_TRUE(result) << result.error().to_string();
    ASSERT_TRUE(result->after);
    EXPECT_GT(*result->after, Duration(0));
    EXPECT_LE(*result->after, std::chrono::minutes(10));
  }
  // A fault on the requests of one method for one object.
  Fault fault(Method method, const std::string& path_end) {
    Fault made;
    made.when = [method, path_end](const kube::Request& request) {
      return request.method == method && request.path.size() >= path_end.size() &&
             request.path.compare(request.path.size() - path_end.size(), path_end.size(),
                                  path_end) == 0;
    };
    return made;
  }

  kube::testing::FakeApiServer server_;
  kube::Client client_{server_, {"espalier-operator"}};
  std::vector<std::string> events_;
  CaKeeper keeper_{client_, shared_keys(), config()};
};

TEST_F(CaKeeperTest, MakesTheCaOnceAndPublishesIt) {
  EXPECT_EQ(keeper_.current(kNow), nullptr);
  expect_done(keeper_.reconcile(kNow));
  EXPECT_EQ(secret()["type"], "Opaque");
  EXPECT_EQ(bundle(), decoded(secret(), "ca.crt"));
  ASSERT_NE(keeper_.current(kNow), nullptr);
  EXPECT_EQ(keeper_.current(kNow)->signing->certificate_pem(), bundle());
  EXPECT_THAT(events_, ElementsAre("CaCreated"));
  ASSERT_EQ(keeper_.expiries().size(), 1U);
  EXPECT_EQ(keeper_.expiries()[0].not_after, kNow + CaTimes().ca_lifetime);

  static_cast<void>(server_.take_writes());
  expect_done(keeper_.reconcile(kNow + kDay));
  CaKeeper another(client_, shared_keys(), config());
  expect_done(another.reconcile(kNow + kDay));
  EXPECT_THAT(server_.take_writes(), IsEmpty());
  EXPECT_EQ(another.current(kNow + kDay)->signing->certificate(),
            keeper_.current(kNow + kDay)->signing->certificate());
}

TEST_F(CaKeeperTest, GivesNothingOutThatItReadTooLongAgo) {
  expect_done(keeper_.reconcile(kNow));
  EXPECT_NE(keeper_.current(kNow + std::chrono::hours(1)), nullptr);
  EXPECT_EQ(keeper_.current(kNow + std::chrono::hours(1) + Seconds(1)), nullptr);
  EXPECT_EQ(keeper_.expiries().size(), 1U);
}

TEST_F(CaKeeperTest, TakesTheCaOfWhoeverWasFaster) {
  // Between our look and our write, another made it: the first look is answered from before.
  const auto other = new_ca();
  CaSet set;
  set.signing = other;
  auto data = to_secret(set, shared_keys());
  ASSERT_TRUE(data);
  Json object = {{"metadata", {{"name", kSecret.name}, {"namespace", kSecret.ns}}}};
  for (const auto& [name, value] : *data) object["data"][name] = encoded(to_text(value.view()));
  server_.put(kube::secrets(), object);
  Fault before = fault(Method::kGet, "/espalier-ca");
  before.response = kube::Response{
      404, {}, R"({"kind":"Status","status":"Failure","reason":"NotFound","code":404})"};
  server_.inject(before);
  expect_done(keeper_.reconcile(kNow));
  EXPECT_EQ(keeper_.current(kNow)->signing->certificate(), other.certificate());
  EXPECT_EQ(bundle(), other.certificate_pem());
  EXPECT_THAT(events_, IsEmpty());
}

TEST_F(CaKeeperTest, ALostAnswerIsNoSecondCa) {
  Fault lost = fault(Method::kPost, "/secrets");
  lost.after_executing = true;
  server_.inject(lost);
  const auto first = keeper_.reconcile(kNow);
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().kind, ErrorKind::kTransient);
  EXPECT_EQ(keeper_.current(kNow), nullptr);
  EXPECT_EQ(bundle(), "");
  const std::string made = decoded(secret(), "ca.crt");
  expect_done(keeper_.reconcile(kNow));
  EXPECT_EQ(keeper_.current(kNow)->signing->certificate_pem(), made);
  EXPECT_EQ(bundle(), made);
}

TEST_F(CaKeeperTest, SignsWithNothingThatIsNotPublished) {
  server_.inject(fault(Method::kPatch, "/espalier-trust"));
  EXPECT_FALSE(keeper_.reconcile(kNow));
  EXPECT_EQ(keeper_.current(kNow), nullptr);
  expect_done(keeper_.reconcile(kNow));
  EXPECT_NE(keeper_.current(kNow), nullptr);
}

TEST_F(CaKeeperTest, LeavesADamagedSecretAsItIsAndSaysWhatToDo) {
  expect_done(keeper_.reconcile(kNow));
  const Json good = secret();
  const std::string key = decoded(good, "ca.key");
  struct Row {
    const char* key;
    Json value;  // null: taken away
    const char* says;
  };
  const Row rows[] = {
      {"ca.key", nullptr, "ca.key: is missing"},
      {"ca.crt", nullptr, "ca.crt.certificate: is not PEM"},
      {"ca.key", encoded("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
       "ca.key"},
      {"ca.crt", encoded(new_ca().certificate_pem()), "ca.key: does not belong"},
      {"ca.key", "%%%", "ca.key: is no base64"},
      {"ca.key", 7, "ca.key: is no base64"},
      {"next.crt", encoded("x"), "next.key: is missing"},
      {"", nullptr, "ca.crt: is missing"},  // all of it
  };
  for (const Row& row : rows) {
    Json bad = good;
    bad["metadata"].erase("resourceVersion");
    if (std::string_view(row.key).empty()) {
      bad.erase("data");
    } else if (row.value.is_null()) {
      bad["data"].erase(row.key);
    } else {
      bad["data"][row.key] = row.value;
    }
    server_.put(kube::secrets(), bad);
    static_cast<void>(server_.take_writes());
    CaKeeper fresh(client_, shared_keys(), config());
    const auto result = fresh.reconcile(kNow);
    ASSERT_FALSE(result) << row.says;
    EXPECT_EQ(result.error().kind, ErrorKind::kTransient);  // comes again when it is mended
    EXPECT_EQ(result.error().retry_after, Duration(std::chrono::minutes(1)));
    const std::string text = result.error().to_string();
    EXPECT_THAT(text, HasSubstr(row.says));
    EXPECT_THAT(text, HasSubstr("Secret espalier-system/espalier-ca"));
    EXPECT_THAT(text, HasSubstr("Restore it from a backup, or delete it"));
    EXPECT_THAT(text, Not(HasSubstr(key.substr(40, 40))));
    EXPECT_THAT(server_.take_writes(), IsEmpty());
    EXPECT_EQ(fresh.current(kNow), nullptr);
  }
  Json mended = good;
  mended["metadata"].erase("resourceVersion");
  server_.put(kube::secrets(), mended);
  expect_done(keeper_.reconcile(kNow));
}

TEST_F(CaKeeperTest, RepeatsNoneOfTheServersWordsAboutTheSecret) {
  Fault refused = fault(Method::kPost, "/secrets");
  refused.response = kube::Response{
      422, {}, R"({"kind":"Status","reason":"Invalid","code":422,"message":"bad: c2VjcmV0",
                   "details":{"causes":[{"field":"data","message":"c2VjcmV0"}]}})"};
  server_.inject(refused);
  const auto result = keeper_.reconcile(kNow);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::kInvalid);
  EXPECT_THAT(result.error().to_string(), HasSubstr("secrets"));
  EXPECT_THAT(result.error().to_string(), Not(HasSubstr("c2VjcmV0")));
}

TEST_F(CaKeeperTest, RotatesInStepsAndKeepsKeysThatAreNotItsOwn) {
  const CaTimes times;
  expect_done(keeper_.reconcile(kNow));
  Json object = secret();
  object["metadata"].erase("resourceVersion");
  object["data"]["note"] = encoded("mine");
  server_.put(kube::secrets(), object);
  const std::string old = bundle();
  const WallTime end = keeper_.expiries()[0].not_after;

  const WallTime staged = end - 2 * times.node_lifetime - times.trust_lead;
  CaKeeper second(client_, shared_keys(), config(true));  // the next leader
  expect_done(second.reconcile(staged));
  EXPECT_EQ(count(bundle()), 2U);
  EXPECT_EQ(second.current(staged)->signing->certificate_pem(), old);
  EXPECT_EQ(decoded(secret(), "next.since"), time_text(staged));

  const WallTime switched = staged + times.trust_lead;
  expect_done(second.reconcile(switched - Seconds(1)));
  EXPECT_EQ(second.current(switched)->signing->certificate_pem(), old);
  expect_done(second.reconcile(switched));
  EXPECT_NE(second.current(switched)->signing->certificate_pem(), old);
  EXPECT_EQ(count(bundle()), 2U);
  EXPECT_THAT(bundle(), HasSubstr(old));
  EXPECT_FALSE(secret()["data"].contains("next.key"));

  const WallTime removed = switched + times.node_lifetime + kDay;
  expect_done(second.reconcile(removed));
  EXPECT_EQ(bundle(), decoded(secret(), "ca.crt"));
  EXPECT_EQ(decoded(secret(), "note"), "mine");
  EXPECT_THAT(events_, ElementsAre("CaCreated", "CaStaged", "CaSwitched", "CaRemoved"));
}

TEST_F(CaKeeperTest, TheLeadCountsFromWhenNodesCouldReadIt) {
  const CaTimes times;
  expect_done(keeper_.reconcile(kNow));
  const std::string old = bundle();
  const WallTime staged =
      keeper_.expiries()[0].not_after - 2 * times.node_lifetime - times.trust_lead;
  CaKeeper second(client_, shared_keys(), config(true));
  server_.inject(fault(Method::kPatch, "/espalier-trust"));
  EXPECT_FALSE(second.reconcile(staged));
  EXPECT_EQ(count(bundle()), 1U);
  // The operator was away for two days.
  const WallTime back = staged + 2 * kDay;
  expect_done(second.reconcile(back));
  EXPECT_EQ(count(bundle()), 2U);
  EXPECT_EQ(second.current(back)->signing->certificate_pem(), old);
  expect_done(second.reconcile(back + times.trust_lead));
  EXPECT_NE(second.current(back + times.trust_lead)->signing->certificate_pem(), old);
}

TEST_F(CaKeeperTest, AnAnnotationRotatesNow) {
  expect_done(keeper_.reconcile(kNow));
  Json object = secret();
  object["metadata"].erase("resourceVersion");
  object["metadata"]["annotations"] = {{kRotateAnnotation, "now"}, {"kept", "yes"}};
  server_.put(kube::secrets(), object);
  expect_done(keeper_.reconcile(kNow + kDay));
  EXPECT_EQ(secret()["metadata"]["annotations"], Json({{"kept", "yes"}}));
  EXPECT_EQ(count(bundle()), 2U);
  static_cast<void>(server_.take_writes());
  expect_done(keeper_.reconcile(kNow + kDay));
  EXPECT_THAT(server_.take_writes(), IsEmpty());
  EXPECT_THAT(events_, ElementsAre("CaCreated", "CaStaged"));

  // Put off while a node does not follow; due at once when nobody asks.
  const std::string old = keeper_.current(kNow + kDay)->signing->certificate_pem();
  const WallTime later = kNow + 3 * kDay;
  expect_done(keeper_.reconcile(later));
  EXPECT_EQ(keeper_.current(later)->signing->certificate_pem(), old);
  CaKeeper::Config nobody = config();
  nobody.everyone_follows = nullptr;
  CaKeeper second(client_, shared_keys(), nobody);
  expect_done(second.reconcile(later));
  EXPECT_NE(second.current(later)->signing->certificate_pem(), old);
  EXPECT_THAT(bundle(), HasSubstr(old));
}

TEST_F(CaKeeperTest, WithTheSecretAloneDeletedTheOldCaStaysTrusted) {
  expect_done(keeper_.reconcile(kNow));
  const std::string old = bundle();
  server_.remove(kube::secrets(), kSecret);
  expect_done(keeper_.reconcile(kNow + kDay));
  EXPECT_EQ(count(bundle()), 2U);
  EXPECT_THAT(bundle(), HasSubstr(old));
  EXPECT_NE(keeper_.current(kNow + kDay)->signing->certificate_pem(), old);
  EXPECT_THAT(events_, ElementsAre("CaCreated", "CaLost", "CaCreated"));
  expect_done(keeper_.reconcile(kNow + 32 * kDay));
  EXPECT_THAT(bundle(), Not(HasSubstr(old)));
}

TEST_F(CaKeeperTest, WithBothDeletedTheOldCaIsTrustedNoMore) {
  expect_done(keeper_.reconcile(kNow));
  const std::string old = bundle();
  server_.remove(kube::secrets(), kSecret);
  server_.remove(kube::config_maps(), kTrust);
  expect_done(keeper_.reconcile(kNow + kDay));
  EXPECT_EQ(count(bundle()), 1U);
  EXPECT_THAT(bundle(), Not(HasSubstr(old)));
}

TEST_F(CaKeeperTest, RepairsTheBundleAndLeavesTheRestOfItsConfigMap) {
  expect_done(keeper_.reconcile(kNow));
  const std::string good = bundle();
  server_.put(kube::config_maps(), {{"metadata", {{"name", kTrust.name}, {"namespace", kTrust.ns}}},
                                    {"data", {{"ca.crt", "oops"}, {"other", "x"}}}});
  expect_done(keeper_.reconcile(kNow));
  EXPECT_EQ(bundle(), good);
  EXPECT_EQ(server_.find(kube::config_maps(), kTrust)->json["data"]["other"], "x");
}

TEST_F(CaKeeperTest, BeginsAnewOnAConflict) {
  expect_done(keeper_.reconcile(kNow));
  Json object = secret();
  object["metadata"].erase("resourceVersion");
  object["metadata"]["annotations"] = {{kRotateAnnotation, "now"}};
  server_.put(kube::secrets(), object);
  Fault conflict = fault(Method::kPut, "/espalier-ca");
  conflict.response =
      kube::Response{409, {}, R"({"kind":"Status","reason":"Conflict","code":409})"};
  server_.inject(conflict);
  expect_done(keeper_.reconcile(kNow));
  EXPECT_TRUE(secret()["data"].contains("next.key"));
}

TEST_F(CaKeeperTest, SaysWhichTimesMakeNoSense) {
  CaKeeper::Config bad = config();
  bad.times.ca_lifetime = bad.times.node_lifetime;
  CaKeeper keeper(client_, shared_keys(), bad);
  const auto result = keeper.reconcile(kNow);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::kInvalid);
  EXPECT_THAT(result.error().to_string(), HasSubstr("ca_lifetime"));
  EXPECT_THAT(server_.take_writes(), IsEmpty());
}

}  // namespace
}  // namespace espalier::certificates
