// Crossings that the random search found, written down (RFC 7296 sections 2.8 and 2.25).
#include <algorithm>

#include "ike/testing/expectations.h"

namespace espalier::ike::testing {
namespace {

using namespace std::chrono_literals;

// Both rekey the IKE SA; b's request is slow, so a goes on with the IKE SA of its own, and rekeys
// that again before b's request comes. b's Child waits at the first IKE SA for the answer to b's
// request: that answer must take it to the third, for the second is deleted already.
TEST(Crossing, AChildThatWaitedForALateAnswerFollowsTheIkeSaThatStands) {
  Pair pair;
  pair.establish();
  pair.clear_transcript();
  int deletes = 0;
  pair.allow = [&](const std::string& line) {
    return !line.ends_with("request 3: HDR, SK {D(IKE)}") || deletes++ > 0;
  };
  pair.hold = [](const std::string& line) {
    return line.starts_with("b -> a  CREATE_CHILD_SA request");
  };
  pair.b.command(RekeyIkeSa{ike_sa(pair.b)});
  pair.a.command(RekeyIkeSa{ike_sa(pair.a)});
  pair.run();
  pair.a.command(RekeyIkeSa{ike_sa(pair.a)});
  pair.run();
  pair.hold = {};
  pair.release();
  pair.run();
  pair.a.command(RekeyChild{current_child(pair.a)});
  pair.run_with_traffic(pair.a, pair.b, 1s, 1ms);
  EXPECT_EQ(pair.transcript(),
            "b -> a  CREATE_CHILD_SA request 0: HDR, SK {SA, Nonce, KE} (held)\n"
            "a -> b  CREATE_CHILD_SA request 2: HDR, SK {SA, Nonce, KE}\n"
            "b -> a  CREATE_CHILD_SA response 2: HDR, SK {SA, Nonce, KE}\n"
            "a -> b  INFORMATIONAL request 3: HDR, SK {D(IKE)} (lost)\n"
            "a -> b  CREATE_CHILD_SA request 0: HDR, SK {SA, Nonce, KE}\n"
            "b -> a  CREATE_CHILD_SA response 0: HDR, SK {SA, Nonce, KE}\n"
            "a -> b  INFORMATIONAL request 1: HDR, SK {D(IKE)}\n"
            "b -> a  INFORMATIONAL response 1: HDR, SK {}\n"
            "a -> b  CREATE_CHILD_SA response 0: HDR, SK {N(TEMPORARY_FAILURE)}\n"
            "a -> b  CREATE_CHILD_SA request 0: HDR, SK {N(REKEY_SA), SA, Nonce, KE, TSi, TSr}\n"
            "b -> a  CREATE_CHILD_SA response 0: HDR, SK {SA, Nonce, TSi, TSr, KE}\n"
            "a -> b  INFORMATIONAL request 1: HDR, SK {D(ESP)}\n"
            "b -> a  INFORMATIONAL response 1: HDR, SK {D(ESP)}\n"
            "a -> b  INFORMATIONAL request 3: HDR, SK {D(IKE)}\n"
            "b -> a  INFORMATIONAL response 3: HDR, SK {}\n");
  expect_nothing_lost(pair);
  expect_one_usable_pair(pair);
}

// Of the IKE SAs that stand.
IkeSaId newest_ike_sa(const Node& node) {
  IkeSaId newest = 0;
  for (const IkeSaView& sa : node.ike_sas()) {
    if (sa.state == IkeSaState::kEstablished) newest = std::max(newest, sa.id);
  }
  return newest;
}

// Both rekey the IKE SA: a's request is lost, b's comes through, and a does not hear yet that b
// closes the first one. a's Child waits there for what becomes of a's own request.
void rekeys_cross_and_a_child_waits(Pair& pair) {
  pair.allow = [](const std::string& line) {
    return !line.starts_with("a -> b  CREATE_CHILD_SA request 2");
  };
  pair.hold = [](const std::string& line) {
    return line.starts_with("b -> a  INFORMATIONAL request 1");
  };
  pair.a.command(RekeyIkeSa{ike_sa(pair.a)});
  pair.b.command(RekeyIkeSa{ike_sa(pair.b)});
  pair.run();
}

// One IKE SA at each end once the last words are not repeated, and nothing in the kernels.
void expect_no_child(Pair& pair) {
  pair.run_for(40s);
  for (const Node* node : {&pair.a, &pair.b}) {
    EXPECT_EQ(node->ike_sas().size(), 1U) << describe(pair);
    EXPECT_EQ(node->kernel_inbound() + node->kernel_outbound(), 0U) << describe(pair);
  }
}

// Found by the search (seeds 12312, 32984): both rekey the IKE SA; b's request comes through, and a
// rekeys the second IKE SA before it has heard what became of its own request. The second is gone
// when b closes the first: a's Child, which waited there, belongs to the third.
TEST(Crossing, AChildThatWaitsFollowsPastAnIkeSaThatIsGone) {
  Pair pair;
  pair.establish();
  pair.clear_transcript();
  rekeys_cross_and_a_child_waits(pair);
  pair.a.command(RekeyIkeSa{newest_ike_sa(pair.a)});
  pair.run();
  pair.hold = {};
  pair.release();
  pair.run_with_traffic(pair.a, pair.b, 100ms, 1ms);
  EXPECT_EQ(pair.transcript(),
            "a -> b  CREATE_CHILD_SA request 2: HDR, SK {SA, Nonce, KE} (lost)\n"
            "b -> a  CREATE_CHILD_SA request 0: HDR, SK {SA, Nonce, KE}\n"
            "a -> b  CREATE_CHILD_SA response 0: HDR, SK {SA, Nonce, KE}\n"
            "b -> a  INFORMATIONAL request 1: HDR, SK {D(IKE)} (held)\n"
            "a -> b  CREATE_CHILD_SA request 0: HDR, SK {SA, Nonce, KE}\n"
            "b -> a  CREATE_CHILD_SA response 0: HDR, SK {SA, Nonce, KE}\n"
            "a -> b  INFORMATIONAL request 1: HDR, SK {D(IKE)}\n"
            "b -> a  INFORMATIONAL response 1: HDR, SK {}\n"
            "a -> b  INFORMATIONAL response 1: HDR, SK {}\n");
  expect_nothing_lost(pair);
  expect_one_usable_pair(pair);
}

// The same where b has had a's request and its answer is late: that one has lost against an IKE SA
// that is gone, or has won.
TEST(Crossing, OfIkeSaRekeysIsLostAlsoAgainstAnIkeSaThatIsGone) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Pair pair(seed);
    pair.establish();
    pair.hold = [](const std::string& line) {
      return line.starts_with("b -> a  CREATE_CHILD_SA response 2") ||
             line.starts_with("b -> a  INFORMATIONAL request 1");
    };
    pair.a.command(RekeyIkeSa{newest_ike_sa(pair.a)});
    pair.b.command(RekeyIkeSa{newest_ike_sa(pair.b)});
    pair.run();
    pair.a.command(RekeyIkeSa{newest_ike_sa(pair.a)});
    pair.run();
    pair.hold = {};
    pair.release();
    pair.run_with_traffic(pair.a, pair.b, 5s, 10ms);
    expect_nothing_lost(pair);
    expect_one_usable_pair(pair);
  }
}

// a deletes the Child where it is to a, at the IKE SA that a has made; b's waits at the first one
// still, but is the one that is meant.
TEST(Crossing, AChildThatWaitsGoesWhereThePeerDeletesIt) {
  Pair pair;
  pair.establish();
  pair.clear_transcript();
  pair.hold = [](const std::string& line) {
    return line.starts_with("b -> a  CREATE_CHILD_SA request") ||
           line.ends_with("request 3: HDR, SK {D(IKE)}");
  };
  pair.b.command(RekeyIkeSa{ike_sa(pair.b)});
  pair.a.command(RekeyIkeSa{ike_sa(pair.a)});
  pair.run();
  pair.a.command(TerminateChild{current_child(pair.a)});
  pair.run();
  pair.hold = {};
  pair.release();
  pair.run();
  EXPECT_EQ(pair.transcript(),
            "b -> a  CREATE_CHILD_SA request 0: HDR, SK {SA, Nonce, KE} (held)\n"
            "a -> b  CREATE_CHILD_SA request 2: HDR, SK {SA, Nonce, KE}\n"
            "b -> a  CREATE_CHILD_SA response 2: HDR, SK {SA, Nonce, KE}\n"
            "a -> b  INFORMATIONAL request 3: HDR, SK {D(IKE)} (held)\n"
            "a -> b  INFORMATIONAL request 0: HDR, SK {D(ESP)}\n"
            "b -> a  INFORMATIONAL response 0: HDR, SK {D(ESP)}\n"
            "a -> b  CREATE_CHILD_SA response 0: HDR, SK {N(TEMPORARY_FAILURE)}\n"
            "b -> a  INFORMATIONAL response 3: HDR, SK {}\n");
  expect_no_child(pair);
}

// Found by the search (seed 3215): both begin, and a hears late that its IKE SA stands; meanwhile
// the other one, which b began, is rekeyed, by either end. Both ends still agree which of the two
// goes.
TEST(Crossing, OfTwoIkeSaInitsLeavesOneWhereTheOtherIsRekeyedBeforeItStands) {
  // a's Child stands, which b may wait to hear; then one of the two deletes.
  const std::string confirmed =
      "a -> b  INFORMATIONAL request 2: HDR, SK {}\n"
      "b -> a  INFORMATIONAL response 2: HDR, SK {}\n";
  const std::string by_a = confirmed +
                           "a -> b  INFORMATIONAL request 3: HDR, SK {D(IKE)}\n"
                           "b -> a  INFORMATIONAL response 3: HDR, SK {}\n";
  const std::string by_b = confirmed +
                           "b -> a  INFORMATIONAL request 0: HDR, SK {D(IKE)}\n"
                           "a -> b  INFORMATIONAL response 0: HDR, SK {}\n";
  for (const bool a_rekeys : {true, false}) {
    std::size_t of_a = 0, of_b = 0;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      SCOPED_TRACE(std::string(a_rekeys ? "a" : "b") + " rekeys, seed " + std::to_string(seed));
      Pair pair(seed);
      pair.hold = [](const std::string& line) {
        return line.starts_with("b -> a  IKE_AUTH response");
      };
      pair.a.initiate(1);
      pair.b.initiate(1);
      pair.run();
      Node& rekeys = a_rekeys ? pair.a : pair.b;
      for (const IkeSaView& sa : rekeys.ike_sas()) {
        if (sa.initiator != a_rekeys) rekeys.command(RekeyIkeSa{sa.id});
      }
      pair.run();
      pair.hold = {};
      pair.clear_transcript();
      pair.release();
      pair.run_with_traffic(pair.a, pair.b, 5s, 10ms);
      if (pair.transcript() == by_a) ++of_a;
      if (pair.transcript() == by_b) ++of_b;
      expect_nothing_lost(pair);
      expect_one_usable_pair(pair);
    }
    EXPECT_EQ(of_a + of_b, 20U) << "one Delete, by the end that began the IKE SA";
    EXPECT_GT(of_a, 0U);
    EXPECT_GT(of_b, 0U);
  }
}

// Both have lost the Child and begin another at the same time: RFC 7296 section 2.8 lets the two
// stand beside each other; one of them, the same at both ends, is deleted by the end that began it.
void both_create(Pair& pair) {
  pair.establish();
  pair.a.command(TerminateChild{current_child(pair.a)});
  pair.run_for(10s);
  pair.clear_transcript();
  pair.a.initiate(1);
  pair.b.initiate(1);
}

std::size_t deletes(const Pair& pair, const std::string& direction) {
  std::istringstream lines(pair.transcript());
  std::size_t count = 0;
  for (std::string line; std::getline(lines, line);)
    count += line.starts_with(direction + "  INFORMATIONAL request") && line.ends_with("{D(ESP)}");
  return count;
}

TEST(Crossing, OfTwoNewChildsLeavesOneWhicheverEndBeganIt) {
  std::size_t by_a = 0, by_b = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(seed);
    Pair pair(seed);
    both_create(pair);
    pair.run();
    ASSERT_EQ(pair.count("CREATE_CHILD_SA request"), 2U) << "they crossed";
    pair.run_with_traffic(pair.a, pair.b, 30s, 10ms);
    const std::size_t before = by_a + by_b;
    by_a += deletes(pair, "a -> b");
    by_b += deletes(pair, "b -> a");
    EXPECT_EQ(by_a + by_b, before + 1) << pair.transcript();
    expect_nothing_lost(pair);
    expect_one_usable_pair(pair);
    EXPECT_TRUE(pair.a.failures().empty());
    EXPECT_TRUE(pair.b.failures().empty());
  }
  EXPECT_GT(by_a, 0U);
  EXPECT_GT(by_b, 0U);
}

// The answer to one of them is lost for as long as an IKE SA lives without an answer: the other one
// may not be taken away before its end has heard that it stands.
TEST(Crossing, OfTwoNewChildsLosesNothingWhereOneAnswerIsLate) {
  for (const char* late :
       {"a -> b  CREATE_CHILD_SA response", "b -> a  CREATE_CHILD_SA response"}) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      SCOPED_TRACE(late + (" " + std::to_string(seed)));
      Pair pair(seed);
      both_create(pair);
      const TimePoint until = pair.now() + 8s;
      pair.allow = [&](const std::string& line) {
        return pair.now() >= until || !line.starts_with(late);
      };
      pair.run_for(1s);  // one of the two stands at both ends
      pair.run_with_traffic(pair.a, pair.b, 40s, 10ms);
      expect_nothing_lost(pair);
      expect_one_usable_pair(pair);
    }
  }
}

// Found by the search (seed 1614): whose rekey has lost against the peer's rekeys again before the
// peer has deleted what both replaced. A third Child must not come of it.
TEST(Crossing, WhoseRekeyLostRekeysTheOldChildNoMore) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(seed);
    Pair pair(seed);
    pair.establish();
    const ChildSaId of_a = current_child(pair.a), of_b = current_child(pair.b);
    pair.hold = [](const std::string& line) {
      return line.starts_with("a -> b  CREATE_CHILD_SA response");
    };
    pair.a.command(RekeyChild{of_a});
    pair.b.command(RekeyChild{of_b});
    pair.run_for(100ms);
    pair.a.command(RekeyChild{of_a});
    pair.run_for(100ms);
    EXPECT_EQ(pair.count("a -> b  CREATE_CHILD_SA request"), 1U) << pair.transcript();
    pair.hold = {};
    pair.release();
    pair.run_with_traffic(pair.a, pair.b, 5s, 10ms);
    expect_nothing_lost(pair);
    expect_one_usable_pair(pair);
  }
}

// What b answers to a takes it long: its own exchange is through before.
void slow_answers(Pair& pair) {
  pair.crypto_time = [&pair](const Node& node, const crypto::Job& job) -> Duration {
    const bool answer = std::holds_alternative<crypto::GenerateAndDerive>(job);
    return &node == &pair.b && answer ? 50ms : 0ms;
  };
}

// Which of two rekeys is redundant is known when both are answered, in whichever order that is.
TEST(Crossing, OfChildRekeysWhereTheAnswerIsLaterThanTheOwnLeavesOne) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Pair pair(seed);
    pair.establish();
    slow_answers(pair);
    pair.a.command(RekeyChild{current_child(pair.a)});
    pair.b.command(RekeyChild{current_child(pair.b)});
    pair.run_with_traffic(pair.a, pair.b, 1s, 1ms);
    expect_nothing_lost(pair);
    expect_one_usable_pair(pair);
  }
}

TEST(Crossing, OfIkeSaRekeysWhereTheAnswerIsLaterThanTheOwnLeavesOne) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Pair pair(seed);
    pair.establish();
    slow_answers(pair);
    pair.a.command(RekeyIkeSa{ike_sa(pair.a)});
    pair.b.command(RekeyIkeSa{ike_sa(pair.b)});
    pair.run();
    pair.a.command(RekeyChild{current_child(pair.a)});
    pair.run_with_traffic(pair.a, pair.b, 1s, 1ms);
    EXPECT_EQ(pair.count("N(CHILD_SA_NOT_FOUND)"), 0U) << pair.transcript();
    expect_nothing_lost(pair);
    expect_one_usable_pair(pair);
    EXPECT_TRUE(pair.a.failures().empty());
    EXPECT_TRUE(pair.b.failures().empty());  // none was left to be found dead
  }
}

// b has replaced a Child and waits for the answer to its Delete; meanwhile a replaces the new one.
// That answer is no sign that a has the newest Child: a may still be computing its keys.
TEST(Crossing, TheAnswerToAnOldDeleteHurriesNoNewChild) {
  Pair pair;
  pair.establish();
  pair.hold = [](const std::string& line) {
    return line.ends_with("response 1: HDR, SK {D(ESP)}");
  };
  pair.b.command(RekeyChild{current_child(pair.b)});
  pair.run_with_traffic(pair.a, pair.b, 100ms, 1ms);
  pair.hold = {};
  pair.crypto_time = [&pair](const Node& node, const crypto::Job& job) -> Duration {
    const bool derive = std::holds_alternative<crypto::DeriveShared>(job);
    return &node == &pair.a && derive ? 50ms : 0ms;
  };
  pair.a.command(RekeyChild{current_child(pair.a)});
  pair.run_with_traffic(pair.a, pair.b, 10ms, 1ms);
  pair.release();
  pair.run_with_traffic(pair.a, pair.b, 1s, 1ms);
  expect_nothing_lost(pair);
  expect_one_usable_pair(pair);
}

// The connection is taken down while the peer's rekey of the IKE SA is being answered: the
// successor goes.
TEST(Crossing, ADeleteThatWasAskedForDuringTheRekeyOfTheIkeSaIsNotForgotten) {
  Pair pair;
  pair.establish();
  slow_answers(pair);
  pair.a.command(RekeyIkeSa{ike_sa(pair.a)});
  pair.run_for(10ms);
  pair.b.command(TerminateConnection{1});
  pair.run_for(2s);
  for (const Node* node : {&pair.a, &pair.b}) {
    EXPECT_EQ(node->kernel_inbound() + node->kernel_outbound(), 0U) << describe(pair);
  }
  pair.run_for(30s);
  for (const Node* node : {&pair.a, &pair.b}) {
    EXPECT_TRUE(node->ike_sas().empty()) << node->name() << describe(pair);
    EXPECT_TRUE(node->failures().empty());
  }
}

// The same where a's own rekey of the IKE SA never reaches b: what a wanted to do after it is to be
// done where b's leads.
TEST(Crossing, ADeleteThatWaitsIsSentOnTheIkeSaOfThePeer) {
  Pair pair;
  pair.establish();
  pair.clear_transcript();
  pair.allow = [](const std::string& line) {
    return !line.starts_with("a -> b  CREATE_CHILD_SA request");
  };
  pair.a.command(RekeyIkeSa{ike_sa(pair.a)});
  pair.a.command(TerminateChild{current_child(pair.a)});
  pair.b.command(RekeyIkeSa{ike_sa(pair.b)});
  pair.run();
  EXPECT_EQ(pair.transcript(),
            "a -> b  CREATE_CHILD_SA request 2: HDR, SK {SA, Nonce, KE} (lost)\n"
            "b -> a  CREATE_CHILD_SA request 0: HDR, SK {SA, Nonce, KE}\n"
            "a -> b  CREATE_CHILD_SA response 0: HDR, SK {SA, Nonce, KE}\n"
            "b -> a  INFORMATIONAL request 1: HDR, SK {D(IKE)}\n"
            "a -> b  INFORMATIONAL response 1: HDR, SK {}\n"
            "a -> b  INFORMATIONAL request 0: HDR, SK {D(ESP)}\n"
            "b -> a  INFORMATIONAL response 0: HDR, SK {D(ESP)}\n");
  expect_no_child(pair);
}

// Found by the search (seeds 25586, 26589): what waits is the Delete of the one of two rekeyed
// Childs that is redundant, or of the one that both replaced.
TEST(Crossing, OfChildRekeysLeavesOneWhereTheIkeSaGoesBeforeTheDelete) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Pair pair(seed);
    pair.establish();
    pair.allow = [](const std::string& line) {
      return !line.starts_with("a -> b  CREATE_CHILD_SA request 3");
    };
    for (Node* node : {&pair.a, &pair.b}) {
      node->command(RekeyChild{current_child(*node)});
      node->command(RekeyIkeSa{ike_sa(*node)});
    }
    pair.run_with_traffic(pair.a, pair.b, 5s, 10ms);
    expect_nothing_lost(pair);
    expect_one_usable_pair(pair);
  }
}

// No Child and nothing in either kernel, now; no IKE SA once the last words are not repeated.
void expect_nothing_left(Pair& pair) {
  pair.run_for(1s);
  for (const Node* node : {&pair.a, &pair.b}) {
    EXPECT_TRUE(node->child_sas().empty()) << node->name() << "\n" << describe(pair);
    EXPECT_EQ(node->kernel_inbound() + node->kernel_outbound(), 0U) << node->name();
  }
  pair.run_for(40s);
  for (const Node* node : {&pair.a, &pair.b}) EXPECT_TRUE(node->ike_sas().empty());
}

// Found by the search (seed 7316): both rekey the IKE SA; b's request comes through, and b closes
// its successor before a has heard that the first one is closed, too. a's Child waits at the first
// for the answer to a's own request: it goes with the two, for nothing is left to take it over.
TEST(Crossing, AChildThatWaitsGoesWhereThePeerClosesBothIkeSas) {
  Pair pair;
  pair.establish();
  pair.clear_transcript();
  rekeys_cross_and_a_child_waits(pair);
  pair.b.command(TerminateConnection{1});
  pair.run();
  pair.release();
  pair.run();
  EXPECT_EQ(pair.transcript(),
            "a -> b  CREATE_CHILD_SA request 2: HDR, SK {SA, Nonce, KE} (lost)\n"
            "b -> a  CREATE_CHILD_SA request 0: HDR, SK {SA, Nonce, KE}\n"
            "a -> b  CREATE_CHILD_SA response 0: HDR, SK {SA, Nonce, KE}\n"
            "b -> a  INFORMATIONAL request 1: HDR, SK {D(IKE)} (held)\n"
            "b -> a  INFORMATIONAL request 0: HDR, SK {D(IKE)}\n"
            "a -> b  INFORMATIONAL response 0: HDR, SK {}\n"
            "a -> b  INFORMATIONAL response 1: HDR, SK {}\n");
  expect_nothing_left(pair);
}

// The same, whichever of b's messages are the late ones, and whoever wins the crossing.
TEST(Crossing, OfIkeSaRekeysLeavesNothingWhereThePeerClosesThemAll) {
  const std::vector<std::vector<std::string>> late = {
      {"b -> a  INFORMATIONAL request 1"},
      {"b -> a  CREATE_CHILD_SA response"},
      {"b -> a  CREATE_CHILD_SA response", "b -> a  INFORMATIONAL request 1"},
      {"a -> b  CREATE_CHILD_SA request", "b -> a  INFORMATIONAL request 1"},
  };
  for (const auto& lines : late) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      SCOPED_TRACE(lines.front() + ", seed " + std::to_string(seed));
      Pair pair(seed);
      pair.establish();
      pair.hold = [&](const std::string& line) {
        return std::any_of(lines.begin(), lines.end(),
                           [&](const std::string& start) { return line.starts_with(start); });
      };
      pair.a.command(RekeyIkeSa{ike_sa(pair.a)});
      pair.b.command(RekeyIkeSa{ike_sa(pair.b)});
      pair.run();
      pair.b.command(TerminateConnection{1});
      pair.run();
      pair.hold = {};
      pair.release();
      pair.run();
      expect_nothing_left(pair);
    }
  }
}

// A Child whose outbound SA was held back ends together with the one before it: neither takes over
// from the other on the way out.
TEST(Crossing, ADeleteOfEverythingLeavesNoOutboundSaBehind) {
  Pair pair;
  pair.establish();
  bool cut = false;
  pair.allow = [&](const std::string&) { return !cut; };
  pair.hold = [&](const std::string& line) {
    cut = cut || line.starts_with("b -> a  CREATE_CHILD_SA response");
    return false;
  };
  pair.a.command(RekeyChild{current_child(pair.a)});
  pair.run();
  pair.b.command(TerminateConnection{1});
  pair.run_for(60s);
  EXPECT_EQ(pair.b.kernel_inbound() + pair.b.kernel_outbound(), 0U) << describe(pair);
}

}  // namespace
}  // namespace espalier::ike::testing
