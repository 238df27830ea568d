// Rekeys and Deletes, alone and crossing (RFC 7296 sections 1.3, 2.8 and 2.25).
#include <algorithm>

#include <gmock/gmock.h>

#include "ike/testing/expectations.h"

namespace espalier::ike::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::IsEmpty;

TEST(RekeyChild, TheOldOneIsDeletedAndNothingIsLost) {
  Pair pair;
  pair.establish();
  pair.clear_transcript();
  pair.a.command(RekeyChild{current_child(pair.a)});
  pair.run_with_traffic(pair.a, pair.b, 1s, 100us);
  EXPECT_EQ(pair.transcript(),
            "a -> b  CREATE_CHILD_SA request 2: HDR, SK {N(REKEY_SA), SA, Nonce, KE, TSi, TSr}\n"
            "b -> a  CREATE_CHILD_SA response 2: HDR, SK {SA, Nonce, TSi, TSr, KE}\n"
            "a -> b  INFORMATIONAL request 3: HDR, SK {D(ESP)}\n"
            "b -> a  INFORMATIONAL response 3: HDR, SK {D(ESP)}\n");
  expect_nothing_lost(pair);
  expect_one_usable_pair(pair);
}

TEST(RekeyChild, ByTheResponderOfTheIkeSa) {
  Pair pair;
  pair.establish();
  pair.b.command(RekeyChild{current_child(pair.b)});
  pair.run_with_traffic(pair.a, pair.b, 1s, 100us);
  expect_nothing_lost(pair);
  expect_one_usable_pair(pair);
}

// The peer learns of the new SA before we answer for the old one even when no packet has used it.
TEST(RekeyChild, WithoutTrafficTheDeleteTurnsTheResponderOver) {
  Pair pair;
  pair.establish();
  pair.a.command(RekeyChild{current_child(pair.a)});
  pair.run_for(1s);
  pair.send_packet(pair.b, pair.a, 1);
  pair.run();
  expect_nothing_lost(pair);
  expect_one_usable_pair(pair);
}

TEST(RekeyChild, CrossingLeavesOneAndLosesNothing) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(seed);
    Pair pair(seed);
    pair.establish();
    pair.a.command(RekeyChild{current_child(pair.a)});
    pair.b.command(RekeyChild{current_child(pair.b)});
    pair.run_with_traffic(pair.a, pair.b, 1s, 200us);
    expect_nothing_lost(pair);
    expect_one_usable_pair(pair);
  }
}

TEST(RekeyIkeSa, TheChildMovesAndNothingIsLost) {
  Pair pair;
  pair.establish();
  const IkeSaId before = ike_sa(pair.a);
  pair.clear_transcript();
  pair.a.command(RekeyIkeSa{before});
  pair.run_with_traffic(pair.a, pair.b, 1s, 1ms);
  EXPECT_EQ(pair.transcript(),
            "a -> b  CREATE_CHILD_SA request 2: HDR, SK {SA, Nonce, KE}\n"
            "b -> a  CREATE_CHILD_SA response 2: HDR, SK {SA, Nonce, KE}\n"
            "a -> b  INFORMATIONAL request 3: HDR, SK {D(IKE)}\n"
            "b -> a  INFORMATIONAL response 3: HDR, SK {}\n");
  EXPECT_NE(ike_sa(pair.a), before);
  expect_nothing_lost(pair);
  pair.a.command(RekeyChild{current_child(pair.a)});  // the new one works
  pair.run_with_traffic(pair.a, pair.b, 1s, 1ms);
  expect_nothing_lost(pair);
  expect_one_usable_pair(pair);
}

TEST(RekeyIkeSa, CrossingLeavesOne) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(seed);
    Pair pair(seed);
    pair.establish();
    pair.a.command(RekeyIkeSa{ike_sa(pair.a)});
    pair.b.command(RekeyIkeSa{ike_sa(pair.b)});
    pair.run_with_traffic(pair.a, pair.b, 1s, 1ms);
    expect_nothing_lost(pair);
    expect_one_usable_pair(pair);
  }
}

TEST(RekeyIkeSa, CrossingWithTheRekeyOfAChildIsTriedAgain) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Pair pair(seed);
    pair.establish();
    pair.a.command(RekeyIkeSa{ike_sa(pair.a)});
    pair.b.command(RekeyChild{current_child(pair.b)});
    pair.run_with_traffic(pair.a, pair.b, 5s, 5ms);
    EXPECT_GT(pair.count("N(TEMPORARY_FAILURE)"), 0U);
    expect_nothing_lost(pair);
    expect_one_usable_pair(pair);
  }
}

TEST(Delete, OfTheIkeSaTakesEverything) {
  Pair pair;
  pair.establish();
  pair.a.command(TerminateConnection{1});
  pair.run_for(30s);
  for (Node* node : {&pair.a, &pair.b}) {
    EXPECT_THAT(node->ike_sas(), IsEmpty());
    EXPECT_EQ(node->kernel_inbound() + node->kernel_outbound(), 0U);
  }
}

// Whoever was told keeps the IKE SA a moment to repeat its answer: that it goes then is no news.
TEST(Delete, OfTheIkeSaIsReportedOnceAtEachEnd) {
  Pair pair;
  pair.establish();
  pair.a.command(TerminateConnection{1});
  pair.run_for(30s);
  for (const Node* node : {&pair.a, &pair.b}) {
    EXPECT_EQ(
        std::count_if(node->events().begin(), node->events().end(),
                      [](const Event& event) { return std::holds_alternative<IkeSaDown>(event); }),
        1)
        << node->name();
  }
}

TEST(Delete, OfBothAtOnceIsNoFailure) {
  Pair pair;
  pair.establish();
  pair.a.command(TerminateConnection{1});
  pair.b.command(TerminateConnection{1});
  pair.run_for(30s);
  EXPECT_THAT(pair.a.failures(), IsEmpty());
  EXPECT_THAT(pair.b.failures(), IsEmpty());
  EXPECT_EQ(pair.a.kernel_inbound() + pair.b.kernel_outbound(), 0U);
}

TEST(Delete, OfOneChildByBothAtOnce) {
  Pair pair;
  pair.establish();
  pair.a.command(TerminateChild{current_child(pair.a)});
  pair.b.command(TerminateChild{current_child(pair.b)});
  pair.run_for(30s);
  EXPECT_THAT(pair.a.child_sas(), IsEmpty());
  EXPECT_THAT(pair.b.child_sas(), IsEmpty());
  EXPECT_EQ(pair.a.ike_sas().size(), 1U);
}

TEST(Delete, CrossingTheRekeyOfThatChild) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Pair pair(seed);
    pair.establish();
    pair.a.command(RekeyChild{current_child(pair.a)});
    pair.b.command(TerminateChild{current_child(pair.b)});
    pair.run_for(60s);
    // Whether the rekey came first or not, both ends hold the same.
    EXPECT_EQ(pair.a.child_sas().size(), pair.b.child_sas().size()) << pair.transcript();
    EXPECT_EQ(pair.a.kernel_inbound(), pair.b.kernel_outbound());
    EXPECT_EQ(pair.b.kernel_inbound(), pair.a.kernel_outbound());
  }
}

}  // namespace
}  // namespace espalier::ike::testing
