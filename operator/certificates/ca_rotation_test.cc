#include "operator/certificates/ca_rotation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/time_text.h"
#include "ike/crypto/nss/testing/pki.h"
#include "operator/certificates/testing/pki.h"

namespace espalier::certificates {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using enum RotationStep;

constexpr CaTimes kTimes{200 * kDay, 30 * kDay, 2 * kDay};

Rotation step(CaSet& set, WallTime now, bool everyone_follows = true) {
  auto rotation = advance(set, kTimes, now, everyone_follows, shared_keys());
  EXPECT_TRUE(rotation) << rotation.error().to_string();
  return rotation.value_or(Rotation{});
}

CaSet through_the_secret(const CaSet& set) {
  auto data = to_secret(set, shared_keys());
  EXPECT_TRUE(data) << data.error().to_string();
  auto read = from_secret(*data, shared_keys());
  EXPECT_TRUE(read) << read.error().to_string();
  return read.value_or(CaSet{});
}

TEST(CaRotation, MakesOneCaAndKeepsIt) {
  CaSet set;
  EXPECT_THAT(step(set, kNow).steps, ElementsAre(kCreated));
  const Certificate first = set.signing->certificate();
  EXPECT_EQ(first.not_after, kNow + 200 * kDay);
  set = through_the_secret(set);
  const Rotation again = step(set, kNow + Seconds(1));
  EXPECT_THAT(again.steps, IsEmpty());
  EXPECT_EQ(set.signing->certificate(), first);
  EXPECT_EQ(again.look_again, kNow + (200 - 62) * kDay);
  EXPECT_EQ(trust_bundle(set), to_pem(first));
}

TEST(CaRotation, TrustsThenSignsThenRemoves) {
  CaSet set;
  Rotation last = step(set, kNow);
  const Certificate old = set.signing->certificate();

  EXPECT_THAT(step(set, last.look_again - Seconds(1)).steps, IsEmpty());
  const WallTime staged = last.look_again;
  last = step(set, staged);
  EXPECT_THAT(last.steps, ElementsAre(kStaged));
  set = through_the_secret(set);
  ASSERT_TRUE(set.next);
  const Certificate fresh = set.next->authority.certificate();
  EXPECT_EQ(set.signing->certificate(), old);  // trusted, but does not sign
  EXPECT_EQ(trust_bundle(set), to_pem(old) + to_pem(fresh));
  EXPECT_EQ(last.look_again, staged + 2 * kDay);

  EXPECT_THAT(step(set, last.look_again - Seconds(1)).steps, IsEmpty());
  const WallTime switched = last.look_again;
  last = step(set, switched);
  EXPECT_THAT(last.steps, ElementsAre(kSwitched));
  set = through_the_secret(set);
  EXPECT_EQ(set.signing->certificate(), fresh);
  EXPECT_FALSE(set.next);
  EXPECT_EQ(trust_bundle(set), to_pem(fresh) + to_pem(old));

  EXPECT_EQ(last.look_again, switched + 31 * kDay);
  EXPECT_THAT(step(set, last.look_again - Seconds(1)).steps, IsEmpty());
  EXPECT_THAT(step(set, last.look_again).steps, ElementsAre(kRemoved));
  set = through_the_secret(set);
  EXPECT_EQ(trust_bundle(set), to_pem(fresh));
}

// A node follows the bundle up to `trust_lead` late and renews at any time: whatever certificate a
// node shows, each other node's bundle verifies it, through three generations.
TEST(CaRotation, EveryCertificateVerifiesInEveryBundleAtEveryTime) {
  CaSet set;
  std::vector<std::pair<WallTime, std::vector<Certificate>>> bundles;  // since when, what
  std::vector<Certificate> shown;
  int generations = 0;
  const auto request = decode_request(RequestParts{}.sign(*new_key()));
  ASSERT_TRUE(request);
  for (WallTime now = kNow; now < kNow + 500 * kDay; now += kDay / 2) {
    for (const RotationStep done : step(set, now).steps) generations += done == kSwitched;
    std::vector<Certificate> bundle = {set.signing->certificate()};
    if (set.next) bundle.push_back(set.next->authority.certificate());
    for (const RetiredCa& retired : set.retired) bundle.push_back(retired.certificate);
    bundles.emplace_back(now, bundle);
    auto certificate =
        set.signing->sign_node(*request, node1(), now, kTimes.node_lifetime, shared_keys());
    ASSERT_TRUE(certificate);
    // The one that signs always gives a full life.
    EXPECT_EQ(certificate->not_after, now + kTimes.node_lifetime);
    shown.push_back(*certificate);
    std::erase_if(shown, [now](const Certificate& one) { return now >= one.not_after; });
    // The bundles a node may have: from now back to trust_lead ago.
    for (const auto& [since, held] : bundles) {
      if (since + kTimes.trust_lead <= now) continue;
      for (const Certificate& one : shown) {
        const bool trusted = std::any_of(held.begin(), held.end(), [&one](const Certificate& ca) {
          return ca.subject_der == one.issuer_der;
        });
        ASSERT_TRUE(trusted) << time_text(now) << " with a bundle of " << time_text(since);
      }
    }
    std::erase_if(bundles, [now](const auto& b) { return b.first + kTimes.trust_lead <= now; });
  }
  EXPECT_EQ(generations, 3);
}

TEST(CaRotation, WaitsForWhoDoesNotFollowButNotTooLong) {
  CaSet set;
  const WallTime staged = step(set, kNow).look_again;
  (void)step(set, staged, false);
  ASSERT_TRUE(set.next);
  const WallTime latest = set.signing->certificate().not_after - kTimes.node_lifetime;
  const Rotation waits = step(set, staged + 10 * kDay, false);
  EXPECT_THAT(waits.steps, IsEmpty());
  EXPECT_EQ(waits.look_again, latest);
  EXPECT_THAT(step(set, latest - Seconds(1), false).steps, IsEmpty());
  CaSet followed = set;
  EXPECT_THAT(step(followed, staged + 11 * kDay, true).steps, ElementsAre(kSwitched));
  EXPECT_THAT(step(set, latest, false).steps, ElementsAre(kSwitched));
}

TEST(CaRotation, AnExpiredCaIsReplacedAtOnce) {
  CaSet set;
  (void)step(set, kNow);
  const Certificate old = set.signing->certificate();
  EXPECT_THAT(step(set, kNow + 300 * kDay).steps, ElementsAre(kStaged, kSwitched));
  EXPECT_NE(set.signing->certificate(), old);
  EXPECT_THAT(set.retired, IsEmpty());
  auto request = decode_request(RequestParts{}.sign(*new_key()));
  ASSERT_TRUE(request);
  EXPECT_TRUE(set.signing->sign_node(*request, node1(), kNow + 300 * kDay, kDay, shared_keys()));
}

TEST(CaRotation, StagesBeforeItsTimeWhenTold) {
  CaSet set;
  (void)step(set, kNow);
  ASSERT_TRUE(stage_now(set, kTimes, kNow + kDay, shared_keys()));
  ASSERT_TRUE(set.next);
  const Certificate staged = set.next->authority.certificate();
  ASSERT_TRUE(stage_now(set, kTimes, kNow + 2 * kDay, shared_keys()));
  EXPECT_EQ(set.next->authority.certificate(), staged);
  EXPECT_THAT(step(set, kNow + 3 * kDay).steps, ElementsAre(kSwitched));
  EXPECT_EQ(set.signing->certificate(), staged);
}

TEST(CaRotation, ABundleOfTwoIsWhatIkeVerifiesAgainst) {
  CaSet set;
  const WallTime staged = step(set, kNow).look_again;
  (void)step(set, staged);
  auto trust = ike::crypto::nss::shared_provider().add_trust(trust_bundle(set));
  ASSERT_TRUE(trust) << trust.error().to_string();
  auto infos = ike::crypto::nss::shared_provider().trust_info(*trust);
  ASSERT_TRUE(infos);
  ASSERT_EQ(infos->size(), 2U);
  EXPECT_EQ((*infos)[0].not_after, set.signing->certificate().not_after);
  ike::crypto::nss::shared_provider().remove(*trust);
}

TEST(CaRotation, ASecretThatCannotBeReadIsNoReasonForANewCa) {
  CaSet set;
  const WallTime staged = step(set, kNow).look_again;
  (void)step(set, staged);
  (void)step(set, staged + 2 * kDay);
  ASSERT_TRUE(stage_now(set, kTimes, staged + 3 * kDay, shared_keys()));
  const auto says = [&set](const std::string& key, std::optional<std::string> value) {
    auto data = to_secret(set, shared_keys());
    EXPECT_TRUE(data);
    EXPECT_EQ(data->count(key), 1U) << key;
    data->erase(key);
    if (value) data->emplace(key, SecretBytes(as_bytes(*value)));
    auto read = from_secret(*data, shared_keys());
    return read ? std::string() : read.error().to_string();
  };
  EXPECT_THAT(says("ca.crt", std::nullopt), HasSubstr("ca.crt"));
  EXPECT_THAT(says("ca.key", std::nullopt), HasSubstr("ca.key: is missing"));
  EXPECT_THAT(says("ca.crt", "x"), HasSubstr("ca.crt"));
  EXPECT_THAT(says("ca.key", "x"), HasSubstr("ca.key: is not PEM"));
  EXPECT_THAT(says("next.crt", to_pem(set.signing->certificate())),
              HasSubstr("next.key: does not belong"));
  EXPECT_THAT(says("next.key", std::nullopt), HasSubstr("next.key: is missing"));
  EXPECT_THAT(says("next.since", "yesterday"), HasSubstr("next.since: is no time"));
  EXPECT_THAT(says("retired.until", ""), HasSubstr("retired.until: has no time"));
  EXPECT_THAT(says("retired.crt", "x"), HasSubstr("retired.crt: is not PEM"));
  auto empty = from_secret({}, shared_keys());
  ASSERT_TRUE(empty);
  EXPECT_FALSE(empty->signing);
}

TEST(CaRotation, TellsWhenEachEnds) {
  CaSet set;
  EXPECT_THAT(expiries(set), IsEmpty());
  const WallTime staged = step(set, kNow).look_again;
  (void)step(set, staged);
  const auto two = expiries(set);
  ASSERT_EQ(two.size(), 2U);
  EXPECT_EQ(two[0].role, "ca");
  EXPECT_EQ(two[0].not_after, kNow + 200 * kDay);
  EXPECT_EQ(two[1].role, "ca-next");
  EXPECT_THAT(two[1].subject, HasSubstr("Espalier node CA"));
  (void)step(set, staged + 2 * kDay);
  EXPECT_EQ(expiries(set)[1].role, "ca-retired");
}

TEST(CaRotation, RefusesTimesThatLeaveNoRoom) {
  CaSet set;
  for (const CaTimes& bad :
       {CaTimes{62 * kDay, 30 * kDay, 2 * kDay}, CaTimes{kDay, Seconds(0), kDay},
        CaTimes{kDay, Seconds(60), Seconds(0)}}) {
    EXPECT_FALSE(advance(set, bad, kNow, true, shared_keys()));
  }
  EXPECT_FALSE(set.signing);
  EXPECT_TRUE(CaTimes{}.check());
}

}  // namespace
}  // namespace espalier::certificates
