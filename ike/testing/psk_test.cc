// Authentication by a pre-shared key (RFC 7296 section 2.15): of both ends, of one, wrong, and
// together with a PPK (RFC 8784).
#include <gtest/gtest.h>

#include "ike/testing/expectations.h"

namespace espalier::ike::testing {
namespace {

using namespace std::chrono_literals;

std::shared_ptr<const SecretBytes> secret(const char* text) {
  return std::make_shared<const SecretBytes>(as_bytes(std::string_view(text)));
}

AuthSide by_psk(const char* text) {
  AuthSide side;
  side.type = AuthType::kPsk;
  side.psk = secret(text);
  return side;
}

// Both prove themselves by a shared key: each by the one that it has.
void share_keys(Pair& pair, const char* of_a, const char* of_b,
                const std::function<void(Connection&)>& change = {}) {
  const auto set = [&](Node& node, Node& peer, const char* key) {
    Connection connection = node.connection_to(peer);
    connection.local_auth = connection.remote_auth = by_psk(key);
    if (change) change(connection);
    node.set(1, connection);
  };
  set(pair.a, pair.b, of_a);
  set(pair.b, pair.a, of_b);
}

void expect_nothing_stands(Pair& pair) {
  pair.run_for(60s);
  for (const Node* node : {&pair.a, &pair.b}) {
    EXPECT_TRUE(node->ike_sas().empty()) << describe(pair);
    EXPECT_EQ(node->kernel_inbound() + node->kernel_outbound(), 0U) << node->name();
  }
}

// Neither a certificate nor a request for one is on the wire.
TEST(Psk, OfBothEndsWhoeverBegins) {
  Pair pair;
  share_keys(pair, "a secret of both", "a secret of both");
  pair.establish();
  EXPECT_EQ(pair.transcript(),
            "a -> b  IKE_SA_INIT request 0: HDR, SA, KE, Nonce\n"
            "b -> a  IKE_SA_INIT response 0: HDR, SA, KE, Nonce\n"
            "a -> b  IKE_AUTH request 1: HDR, SK {IDi, IDr, AUTH, N(INITIAL_CONTACT), SA, TSi, "
            "TSr}\n"
            "b -> a  IKE_AUTH response 1: HDR, SK {IDr, AUTH, SA, TSi, TSr}\n");
  pair.run_with_traffic(pair.a, pair.b, 1s, 10ms);
  expect_nothing_lost(pair);
  expect_one_usable_pair(pair);

  Pair other;
  share_keys(other, "a secret of both", "a secret of both");
  other.b.initiate(1);
  other.run_for(1s);
  expect_one_usable_pair(other);
}

// A shared key is not signed with again: what replaces the IKE SA works all the same.
TEST(Psk, RekeysAsAnyOther) {
  Pair pair;
  share_keys(pair, "k", "k");
  pair.establish();
  pair.b.command(RekeyIkeSa{ike_sa(pair.b)});
  pair.run_with_traffic(pair.a, pair.b, 1s, 1ms);
  pair.a.command(RekeyChild{current_child(pair.a)});
  pair.run_with_traffic(pair.a, pair.b, 1s, 1ms);
  expect_nothing_lost(pair);
  expect_one_usable_pair(pair);
}

TEST(Psk, ThatDiffersIsRefusedByTheResponder) {
  // Also where one is the beginning of the other.
  for (const char* wrong : {"another", "secre", "secrets"}) {
    SCOPED_TRACE(wrong);
    Pair pair;
    share_keys(pair, wrong, "secret");
    pair.establish();
    EXPECT_EQ(pair.count("b -> a  IKE_AUTH response 1: HDR, SK {N(AUTHENTICATION_FAILED)}"), 1U)
        << pair.transcript();
    EXPECT_EQ(pair.b.last_failure(), "local BadPsk");
    EXPECT_EQ(pair.a.last_failure(), "remote AuthenticationFailed");
    EXPECT_EQ(pair.b.last_failure_text().find("secret"), std::string::npos);
    expect_nothing_stands(pair);
  }
}

// The responder has the right key of the initiator and a wrong one of its own: the initiator, who
// sees it, refuses, and tells the responder, who believed the IKE SA to stand.
TEST(Psk, ThatDiffersIsRefusedByTheInitiator) {
  Pair pair;
  Connection a = pair.a.connection_to(pair.b), b = pair.b.connection_to(pair.a);
  a.local_auth = b.remote_auth = by_psk("of a");
  a.remote_auth = by_psk("of b");
  b.local_auth = by_psk("of somebody else");
  pair.a.set(1, a);
  pair.b.set(1, b);
  pair.establish();
  EXPECT_EQ(pair.count("a -> b  INFORMATIONAL request 2: HDR, SK {N(AUTHENTICATION_FAILED), "
                       "D(IKE)}"),
            1U)
      << pair.transcript();
  EXPECT_EQ(pair.a.last_failure(), "local BadPsk");
  EXPECT_EQ(pair.b.last_failure(), "remote AuthenticationFailed");
  expect_nothing_stands(pair);
}

// RFC 7296 section 2.15 lets each end prove itself in a way of its own.
TEST(Psk, OfOneEndAndACertificateOfTheOther) {
  for (const bool initiator_by_psk : {true, false}) {
    SCOPED_TRACE(initiator_by_psk);
    Pair pair;
    Connection a = pair.a.connection_to(pair.b), b = pair.b.connection_to(pair.a);
    (initiator_by_psk ? a.local_auth : a.remote_auth) = by_psk("k");
    (initiator_by_psk ? b.remote_auth : b.local_auth) = by_psk("k");
    pair.a.set(1, a);
    pair.b.set(1, b);
    pair.establish();
    EXPECT_EQ(pair.count("IKE_AUTH request 1: HDR, SK {IDi, CERT,"), initiator_by_psk ? 0U : 1U);
    EXPECT_EQ(pair.count("IKE_AUTH response 1: HDR, SK {IDr, CERT,"), initiator_by_psk ? 1U : 0U);
    EXPECT_TRUE(pair.a.failures().empty());
    EXPECT_TRUE(pair.b.failures().empty());
    expect_one_usable_pair(pair);
  }
}

// A certificate does not stand in for the key that is asked for, nor a key for the certificate.
TEST(Psk, IsNotTakenForACertificateNorTheOtherWayRound) {
  for (const bool sends_key : {true, false}) {
    SCOPED_TRACE(sends_key);
    Pair pair;
    Connection a = pair.a.connection_to(pair.b), b = pair.b.connection_to(pair.a);
    (sends_key ? a : b).local_auth = by_psk("k");
    (sends_key ? a : b).remote_auth = by_psk("k");
    pair.a.set(1, a);
    pair.b.set(1, b);
    pair.establish();
    EXPECT_EQ(pair.b.last_failure(), sends_key ? "local BadSignature" : "local BadPsk");
    EXPECT_EQ(pair.a.last_failure(), "remote AuthenticationFailed");
    expect_nothing_stands(pair);
  }
}

// Of two connections with the same identities, that of the kind which the peer shows is taken.
TEST(Psk, ChoosesTheConnectionOfItsKind) {
  Pair pair;
  share_keys(pair, "k", "k");
  pair.b.set(1, pair.b.connection_to(pair.a));
  Connection second = pair.b.connection_to(pair.a);
  second.local_auth = second.remote_auth = by_psk("k");
  pair.b.set(2, second);
  pair.establish();
  ASSERT_EQ(pair.b.ike_sas().size(), 1U) << pair.transcript();
  EXPECT_EQ(pair.b.ike_sas().front().connection, 2U);
  EXPECT_TRUE(pair.usable());
}

// RFC 8784 section 3 changes the keys that AUTH is made with, whatever proves the identity.
TEST(Psk, TogetherWithAPpk) {
  struct Case {
    PpkMode a, b;
    const char* psk_b;
    const char* ppk_b;
    const char* at_b;  // empty: it stands
    bool used;
  };
  const Case cases[] = {
      {PpkMode::kInsist, PpkMode::kInsist, "psk", "ppk", "", true},
      {PpkMode::kPrefer, PpkMode::kInsist, "psk", "ppk", "", true},
      {PpkMode::kPrefer, PpkMode::kNever, "psk", "ppk", "", false},
      {PpkMode::kPrefer, PpkMode::kPrefer, "psk", nullptr, "", false},  // by NO_PPK_AUTH
      {PpkMode::kPrefer, PpkMode::kPrefer, "other", nullptr, "local BadPsk", false},
      {PpkMode::kInsist, PpkMode::kInsist, "psk", "other", "local PpkMismatch", false},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(&one - cases);
    Pair pair;
    share_keys(pair, "psk", one.psk_b);
    for (Node* node : {&pair.a, &pair.b}) {
      Connection connection = node->connection_to(node == &pair.a ? pair.b : pair.a);
      const bool of_b = node == &pair.b;
      connection.local_auth = connection.remote_auth = by_psk(of_b ? one.psk_b : "psk");
      connection.ppk = of_b ? one.b : one.a;
      const char* key = of_b ? one.ppk_b : "ppk";
      connection.ppks = {{key != nullptr ? "id" : "unknown", secret(key != nullptr ? key : "x")}};
      node->set(1, connection);
    }
    pair.establish();
    pair.run_for(2s);
    if (*one.at_b != 0) {
      EXPECT_EQ(pair.b.last_failure(), one.at_b);
      EXPECT_EQ(pair.a.last_failure(), "remote AuthenticationFailed");
      expect_nothing_stands(pair);
      continue;
    }
    ASSERT_TRUE(pair.usable()) << pair.transcript();
    EXPECT_EQ(pair.a.ike_sas().front().ppk_used, one.used);
    EXPECT_EQ(pair.b.ike_sas().front().ppk_used, one.used);
  }
}

}  // namespace
}  // namespace espalier::ike::testing
