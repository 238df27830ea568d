// FIPS mode: defaults lose what is not approved, wishes are refused by the field's name.
#include "nodeagent/tunnel/fips.h"

#include "nodeagent/tunnel/testing/cluster_fixture.h"

namespace espalier::tunnel::testing {
namespace {

namespace crypto = ike::crypto;
using ::testing::HasSubstr;

ike::Connection defaults() {
  ike::Connection connection;
  connection.proposals = crypto::default_ike_proposals(false);
  connection.children.resize(1);
  connection.children[0].proposals = crypto::default_esp_proposals(false);
  return connection;
}

std::shared_ptr<const SecretBytes> key_of(std::size_t length) {
  return std::make_shared<const SecretBytes>(Bytes(length, 7));
}

TEST(Fips, NarrowsTheDefaults) {
  ike::Connection connection = defaults();
  const Status held = hold_to_fips(connection);
  ASSERT_TRUE(held) << held.error().to_string();
  ASSERT_EQ(connection.proposals.size(), 1U);
  EXPECT_EQ(crypto::to_string(connection.proposals[0]), "aes256gcm16-prfsha384-ecp384-ecp256");
  EXPECT_EQ(crypto::to_string(connection.children[0].proposals[0]), "aes256gcm16-aes128gcm16");
}

TEST(Fips, LeavesWhatIsApproved) {
  ike::Connection connection = defaults();
  connection.proposals = {*crypto::parse_ike_proposal("aes128-sha256-modp2048"),
                          *crypto::parse_ike_proposal("aes256gcm16-prfsha512-ecp521")};
  connection.children[0].proposals = {*crypto::parse_esp_proposal("aes192-sha384")};
  const auto asked = connection.proposals;
  ASSERT_TRUE(hold_to_fips(connection));
  EXPECT_EQ(connection.proposals, asked);
}

TEST(Fips, NamesTheFieldAndWhatIsAllowed) {
  ike::Connection connection = defaults();
  connection.proposals = {*crypto::parse_ike_proposal("aes256gcm16-prfsha384-ecp384"),
                          *crypto::parse_ike_proposal("aes256gcm16-prfsha384-x25519-ecp256")};
  EXPECT_EQ(hold_to_fips(connection).error().to_string(),
            "ike.proposals[1]: curve25519 is not allowed in FIPS mode; allowed: ecp256, ecp384, "
            "ecp521, modp2048, modp3072, modp4096");

  connection = defaults();
  connection.children[0].proposals = {*crypto::parse_esp_proposal("chacha20poly1305")};
  EXPECT_THAT(hold_to_fips(connection).error().to_string(),
              HasSubstr("esp.proposals[0]: chacha20poly1305 is not allowed in FIPS mode; allowed: "
                        "aes128gcm16, "));
}

TEST(Fips, RefusesKeysTooShortForThePrf) {
  ike::Connection connection = defaults();
  connection.remote_auth.psk = key_of(24);
  connection.local_auth.psk = key_of(24);
  EXPECT_TRUE(hold_to_fips(connection));
  connection.local_auth.psk = key_of(23);
  EXPECT_THAT(hold_to_fips(connection).error().to_string(),
              HasSubstr("authentication.psk: a key of 23 octets is not allowed in FIPS mode; "
                        "allowed: 24 or more"));
  connection.local_auth.psk.reset();
  connection.ppks = {{"spring", key_of(16)}};
  EXPECT_THAT(hold_to_fips(connection).error().to_string(), HasSubstr("ppk spring: a key of 16"));
}

// Both nodes have the defaults in their plans, one of them runs in FIPS mode.
TEST_F(ClusterTest, InFipsModeTheDefaultsGiveAnApprovedSuite) {
  nodes(2);
  cluster.node(0).options.fips = true;
  for (std::size_t i = 0; i < 2; ++i) {
    plan::NodePlan plan = cluster.mesh(cluster.node(i));
    plan.connections.front().ike_proposals = {"aes256gcm16-prfsha384-curve25519-ecp384-ecp256"};
    cluster.node(i).boot(std::move(plan));
  }
  ASSERT_TRUE(
      cluster.run_until([&] { return cluster.all_established(); }, std::chrono::seconds(20)));
  const auto status = cluster.node(0).status("node2/v4");
  ASSERT_TRUE(status.ike_sa);
  EXPECT_EQ(status.ike_sa->suite, "aes256gcm16-prfsha384-ecp384");
}

TEST_F(ClusterTest, InFipsModeWhatIsNotApprovedIsRefusedByName) {
  nodes(2);
  cluster.node(0).options.fips = true;
  cluster.boot_all();  // with curve25519 alone
  cluster.run_for(std::chrono::seconds(10));
  const auto status = cluster.node(0).status("node2/v4");
  EXPECT_EQ(status.state, telemetry::ConnectionState::kBlocked);
  ASSERT_TRUE(status.last_failure);
  EXPECT_EQ(status.last_failure->reason, "NotApproved");
  EXPECT_THAT(status.last_failure->sentence,
              HasSubstr("ike.proposals[0]: curve25519 is not allowed in FIPS mode; allowed: "));
  EXPECT_THAT(status.last_failure->what_to_do, HasSubstr("FIPS mode"));
  EXPECT_EQ(cluster.node(0).count_events("ConnectionBlocked"), 1U);
  EXPECT_EQ(cluster.node(0).sas(), 0U);

  // Put right, it comes up without a restart.
  for (std::size_t i = 0; i < 2; ++i) {
    plan::NodePlan plan = cluster.mesh(cluster.node(i));
    plan.connections.front().ike_proposals = {"aes256gcm16-prfsha384-ecp256"};
    cluster.node(i).apply(std::move(plan));
  }
  EXPECT_TRUE(
      cluster.run_until([&] { return cluster.all_established(); }, std::chrono::seconds(80)));
  EXPECT_EQ(cluster.node(0).status("node2/v4").state, telemetry::ConnectionState::kEstablished);
}

}  // namespace
}  // namespace espalier::tunnel::testing
