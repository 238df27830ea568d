// The initial exchanges, in the notation of RFC 7296 section 1.2.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ike/testing/simulation.h"

namespace espalier::ike::testing {
namespace {

using namespace std::chrono_literals;

TEST(Handshake, TwoExchangesMakeAnIkeSaAndAChild) {
  Pair pair;
  pair.establish();
  EXPECT_EQ(pair.transcript(),
            "a -> b  IKE_SA_INIT request 0: HDR, SA, KE, Nonce\n"
            "b -> a  IKE_SA_INIT response 0: HDR, SA, KE, Nonce, CERTREQ\n"
            "a -> b  IKE_AUTH request 1: HDR, SK {IDi, CERT, CERTREQ, IDr, AUTH, "
            "N(INITIAL_CONTACT), SA, TSi, TSr}\n"
            "b -> a  IKE_AUTH response 1: HDR, SK {IDr, CERT, AUTH, SA, TSi, TSr}\n");
  EXPECT_TRUE(pair.usable());
  EXPECT_TRUE(pair.a.failures().empty());
  EXPECT_TRUE(pair.b.failures().empty());
  EXPECT_EQ(pair.a.kernel_inbound(), 1U);
  EXPECT_EQ(pair.b.kernel_outbound(), 1U);
}

TEST(Handshake, IsCountedAndTimedWhereItBegan) {
  Pair pair;
  pair.establish();
  const auto counted = pair.a.engine().counters().exchanges;
  EXPECT_EQ(counted.at({"IKE_SA_INIT", "ok"}), 1U);
  EXPECT_EQ(counted.at({"IKE_AUTH", "ok"}), 1U);
  EXPECT_EQ(pair.b.engine().counters().exchanges.count({"IKE_SA_INIT", "ok"}), 0U);
}

// A node whose process died keeps its kernel's SAs; the new process begins anew beside them.
// Neither end may send on the new SA before the other has it.
TEST(Restart, LosesNoPacket) {
  for (const bool initiator_dies : {true, false}) {
    SCOPED_TRACE(initiator_dies);
    Pair pair;
    pair.establish();
    Node& dies = initiator_dies ? pair.a : pair.b;
    Node& stays = initiator_dies ? pair.b : pair.a;
    pair.run_with_traffic(pair.a, pair.b, 100ms, 100us);
    dies.crash();
    pair.run_with_traffic(pair.a, pair.b, 100ms, 100us);
    Connection again = dies.connection_to(stays);
    again.initial_contact = false;  // SAs were adopted
    dies.set(1, again);
    dies.initiate(1);
    pair.run_with_traffic(pair.a, pair.b, 30s, 1ms);
    EXPECT_EQ(pair.traffic().no_outbound_sa, 0U);
    EXPECT_EQ(pair.traffic().no_inbound_sa, 0U);
    EXPECT_TRUE(pair.usable());
    EXPECT_EQ(stays.ike_sas().size(), 1U) << "the old IKE SA was found dead";
  }
}

// Whoever stands behind a NAT keeps its mapping (RFC 3948 section 4), also on the IKE SA that
// replaced another, and no longer than that stands.
TEST(NatKeepalive, GoesEveryTwentySecondsWhileAnIkeSaStands) {
  Pair pair;
  Connection connection = pair.a.connection_to(pair.b);
  connection.udp = UdpEncapsulation::kAlways;  // as if a NAT stood in front of a
  connection.lifetime = 55s;
  connection.liveness.delay = 1h;
  pair.a.set(1, connection);
  pair.establish();
  pair.run_for(101s);
  const std::size_t sent = pair.count("a -> b  keepalive");
  EXPECT_GE(sent, 4U);
  EXPECT_LE(sent, 5U);
  EXPECT_EQ(pair.count("b -> a  keepalive"), 0U) << "no NAT in front of b";
  EXPECT_GE(pair.count("a -> b  CREATE_CHILD_SA"), 1U) << "the IKE SA was rekeyed";
  pair.a.command(TerminateConnection{1});
  pair.run_for(60s);
  EXPECT_EQ(pair.count("a -> b  keepalive"), sent);
}

TEST(Refusal, EachSideKnowsWhatItIsToldAndNoMore) {
  struct Case {
    const char* certificate;
    const char* at_b;
    const char* at_a;
  };
  const Case cases[] = {
      {"a|OtherCA|", "local UntrustedIssuer", "remote AuthenticationFailed"},
      {"a|CA|expired", "local CertificateExpired", "remote AuthenticationFailed"},
      {"mallory|CA|", "local IdNotInCertificate", "remote AuthenticationFailed"},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.certificate);
    Pair pair;
    Connection connection = pair.a.connection_to(pair.b);
    connection.local_auth.credential = *pair.a.provider().add_credential(one.certificate, "", {});
    pair.a.set(1, connection);
    pair.establish();
    EXPECT_EQ(pair.b.last_failure(), one.at_b);
    EXPECT_EQ(pair.a.last_failure(), one.at_a);
    pair.run_for(60s);
    EXPECT_EQ(pair.a.kernel_inbound() + pair.b.kernel_inbound(), 0U);
    EXPECT_TRUE(pair.a.ike_sas().empty());
    EXPECT_TRUE(pair.b.ike_sas().empty());
  }
}

// The initiator refuses a responder that already believes the IKE SA to stand: it is told.
TEST(Refusal, OfTheResponderTakesItsSasAway) {
  Pair pair;
  Connection connection = pair.b.connection_to(pair.a);
  connection.local_auth.credential = *pair.b.provider().add_credential("b|OtherCA|", "", {});
  pair.b.set(1, connection);
  pair.establish();
  EXPECT_EQ(pair.a.last_failure(), "local UntrustedIssuer");
  EXPECT_EQ(pair.b.last_failure(), "remote AuthenticationFailed");
  pair.run_for(60s);
  EXPECT_EQ(pair.b.kernel_inbound() + pair.b.kernel_outbound(), 0U);
  EXPECT_TRUE(pair.b.ike_sas().empty());
}

TEST(Refusal, NoCommonProposal) {
  Pair pair;
  Connection connection = pair.a.connection_to(pair.b);
  connection.proposals = {*crypto::parse_ike_proposal("aes128gcm16-prfsha256-ecp384")};
  pair.a.set(1, connection);
  pair.establish();
  EXPECT_EQ(pair.b.last_failure(), "local NoProposalChosen");
  EXPECT_EQ(pair.a.last_failure(), "remote NoProposalChosen");
}

TEST(Refusal, SelectorsThatDoNotFit) {
  Pair pair;
  Connection connection = pair.a.connection_to(pair.b);
  connection.children[0].remote = {
      wire::TrafficSelector::from_prefix(*Prefix::parse("10.9.0.0/16"))};
  pair.a.set(1, connection);
  pair.establish();
  EXPECT_EQ(pair.b.last_failure(), "local SelectorsUnacceptable");
  EXPECT_EQ(pair.a.last_failure(), "remote SelectorsUnacceptable");
  pair.run_for(60s);
  EXPECT_EQ(pair.a.kernel_inbound() + pair.b.kernel_inbound(), 0U);
}

PpkKey ppk(const std::string& id, const std::string& text) {
  return {id, std::make_shared<const SecretBytes>(as_bytes(text))};
}

// RFC 8784 section 3, table 1 and what follows it: who insists, who knows which key, and what comes
// of it.
TEST(Ppk, TheMatrixOfModesAndKeys) {
  struct Case {
    PpkMode a, b;
    const char* key_a;
    const char* key_b;
    bool up;
    bool used;
  };
  const Case cases[] = {
      {PpkMode::kInsist, PpkMode::kInsist, "one", "one", true, true},
      {PpkMode::kPrefer, PpkMode::kInsist, "one", "one", true, true},
      {PpkMode::kInsist, PpkMode::kPrefer, "one", "one", true, true},
      {PpkMode::kPrefer, PpkMode::kNever, "one", "one", true, false},
      {PpkMode::kNever, PpkMode::kPrefer, "one", "one", true, false},
      {PpkMode::kInsist, PpkMode::kNever, "one", "one", false, false},
      {PpkMode::kNever, PpkMode::kInsist, "one", "one", false, false},
      {PpkMode::kInsist, PpkMode::kInsist, "one", "two", false,
       false},  // another value under the same id
      {PpkMode::kPrefer, PpkMode::kPrefer, "one", "", true, false},  // an id that b does not know
      {PpkMode::kInsist, PpkMode::kPrefer, "one", "", false, false},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(&one - cases);
    Pair pair;
    Connection a = pair.a.connection_to(pair.b), b = pair.b.connection_to(pair.a);
    a.ppk = one.a;
    b.ppk = one.b;
    a.ppks = {ppk("k", one.key_a)};
    b.ppks = {*one.key_b != 0 ? ppk("k", one.key_b) : ppk("other", "x")};
    pair.a.set(1, a);
    pair.b.set(1, b);
    pair.establish();
    pair.run_for(2s);
    EXPECT_EQ(pair.usable(), one.up) << pair.transcript();
    if (!one.up) continue;
    EXPECT_EQ(pair.a.ike_sas().front().ppk_used, one.used);
    EXPECT_EQ(pair.b.ike_sas().front().ppk_used, one.used);
    // With Insist the first IKE SA, whose own keys the PPK does not protect, is replaced at once.
    EXPECT_EQ(pair.count("a -> b  CREATE_CHILD_SA") > 0, one.a == PpkMode::kInsist);
  }
}

TEST(Cookie, IsAskedForAndNothingIsDroppedAfterAValidOne) {
  Settings settings;
  settings.half_open_before_cookies = 0;
  Pair pair(1, settings);
  pair.establish();
  EXPECT_EQ(pair.count("N(COOKIE)"), 2U);
  EXPECT_TRUE(pair.usable());
}

TEST(InvalidKe, TheGroupIsTriedAgain) {
  Pair pair;
  Connection b = pair.b.connection_to(pair.a);
  b.proposals = {*crypto::parse_ike_proposal("aes256gcm16-prfsha384-ecp256")};
  pair.b.set(1, b);
  pair.establish();
  EXPECT_EQ(pair.count("N(INVALID_KE_PAYLOAD)"), 1U);
  EXPECT_TRUE(pair.usable());
}

TEST(Loss, OfAnyOneDatagramIsRepaired) {
  for (std::size_t lost = 0; lost < 4; ++lost) {
    SCOPED_TRACE(lost);
    Pair pair;
    std::size_t seen = 0;
    pair.allow = [&](const std::string&) { return seen++ != lost; };
    pair.a.initiate(1);
    pair.run_for(5s);
    EXPECT_TRUE(pair.usable());
    EXPECT_TRUE(pair.a.failures().empty());
  }
}

TEST(Timeout, IsReportedAfterTenSeconds) {
  Pair pair;
  pair.cut = true;
  pair.a.initiate(1);
  pair.run_for(9s);
  EXPECT_TRUE(pair.a.failures().empty());
  pair.run_for(2s);
  EXPECT_EQ(pair.a.last_failure(), "remote Timeout");
  EXPECT_TRUE(pair.a.ike_sas().empty());
}

TEST(Liveness, AsksASilentPeerAndNotOneWhoseTrafficComes) {
  Pair pair;
  pair.establish();
  pair.clear_transcript();
  pair.run_with_traffic(pair.a, pair.b, 20s, 100ms);
  EXPECT_EQ(pair.count("INFORMATIONAL"), 0U);
  pair.cut = true;
  pair.run_for(30s);
  EXPECT_TRUE(pair.a.ike_sas().empty());
  EXPECT_TRUE(pair.b.ike_sas().empty());
  EXPECT_EQ(pair.a.last_failure(), "remote Timeout");
}

TEST(Kernel, ThatRefusesAnInboundSaLeavesNothingBehind) {
  Pair pair;
  pair.b.fail_install_in = 0;
  pair.establish();
  EXPECT_EQ(pair.b.last_failure(), "local KernelRefused");
  pair.run_for(30s);
  EXPECT_EQ(pair.a.kernel_inbound() + pair.a.kernel_outbound() + pair.b.kernel_inbound(), 0U);
}

TEST(Crossing, OfTwoIkeSaInitsLeavesOneIkeSa) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Pair pair(seed);
    pair.a.initiate(1);
    pair.b.initiate(1);
    pair.run_with_traffic(pair.a, pair.b, 100ms, 10ms);
    pair.run_for(60s);
    EXPECT_TRUE(pair.usable()) << pair.transcript();
    EXPECT_EQ(pair.a.ike_sas().size(), 1U);
    EXPECT_EQ(pair.b.ike_sas().size(), 1U);
    EXPECT_EQ(pair.traffic().no_inbound_sa, 0U);
  }
}

}  // namespace
}  // namespace espalier::ike::testing
