#include "nodeagent/tunnel/establishment.h"

#include <gtest/gtest.h>

namespace espalier::tunnel {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using State = Establishment::State;

class EstablishmentTest : public ::testing::Test {
 protected:
  void want(plan::Establish establish, plan::Initiate initiate, bool lost_state = false) {
    child.want(now, {establish, initiate, plan::LivenessAction::kRestart}, lost_state, pace,
               chance);
  }
  void fail() {
    child.on_begun(now, pace);
    child.on_failed(now, pace, chance);
  }
  void rise() {
    child.on_begun(now, pace);
    child.on_up();
  }

  TimePoint now{seconds(100)};
  Pace pace;
  Chance chance{1};
  Establishment child;
};

TEST_F(EstablishmentTest, TheInitiatorBeginsAtOnceTheOtherEndAfterTheDelay) {
  want(plan::Establish::kEager, plan::Initiate::kInitiator);
  EXPECT_EQ(child.due(), now);

  Establishment other;
  other.want(now, {plan::Establish::kEager, plan::Initiate::kAfterDelay, {}}, false, pace, chance);
  EXPECT_GE(other.due(), now + pace.begin_delay);
  EXPECT_LE(other.due(), now + pace.begin_delay * 3 / 2);
  other.on_up();  // the peer came
  EXPECT_EQ(other.due(), kNever);
}

TEST_F(EstablishmentTest, WhoLostItsStateBeginsAtOnceUnlessPassive) {
  want(plan::Establish::kEager, plan::Initiate::kAfterDelay, true);
  EXPECT_EQ(child.due(), now);
  Establishment passive;
  passive.want(now, {plan::Establish::kPassive, plan::Initiate::kPassive, {}}, true, pace, chance);
  EXPECT_EQ(passive.state(), State::kIdle);
}

TEST_F(EstablishmentTest, FailuresWaitTwiceAsLongUpToAMinute) {
  want(plan::Establish::kEager, plan::Initiate::kInitiator);
  Duration expected = seconds(1);
  for (int i = 0; i < 10; ++i) {
    fail();
    ASSERT_EQ(child.state(), State::kWaiting);
    EXPECT_LE(child.due() - now, expected);
    EXPECT_GE(child.due() - now, expected * 3 / 4);
    now = child.due();
    expected = std::min<Duration>(expected * 2, seconds(60));
  }
  rise();
  EXPECT_EQ(child.failures(), 0U);
}

TEST_F(EstablishmentTest, OnDemandBeginsByAPacketAndGivesUpWhenNoneAsksAnyMore) {
  want(plan::Establish::kOnDemand, plan::Initiate::kInitiator);
  EXPECT_EQ(child.state(), State::kIdle);
  child.on_packet(now, pace);
  EXPECT_EQ(child.due(), now);
  fail();
  EXPECT_EQ(child.state(), State::kWaiting);
  now += seconds(31);
  fail();
  EXPECT_EQ(child.state(), State::kIdle);
  EXPECT_EQ(child.due(), kNever);
}

TEST_F(EstablishmentTest, PassiveNeverBeginsNotForPacketsEither) {
  want(plan::Establish::kPassive, plan::Initiate::kPassive);
  child.on_packet(now, pace);
  EXPECT_EQ(child.due(), kNever);
  child.on_up();
  child.on_gone(now, ike::Reason::kPeerDeleted, pace, chance);
  EXPECT_EQ(child.due(), kNever);
}

TEST_F(EstablishmentTest, APeersDeleteIsAnsweredAtOnceWithJitter) {
  want(plan::Establish::kEager, plan::Initiate::kInitiator);
  rise();
  child.on_gone(now, ike::Reason::kPeerDeleted, pace, chance);
  EXPECT_EQ(child.state(), State::kWaiting);
  EXPECT_LT(child.due(), now + pace.jitter);
}

TEST_F(EstablishmentTest, WhatWeTookDownStaysDownUntilAPacketAsks) {
  want(plan::Establish::kEager, plan::Initiate::kInitiator);
  rise();
  child.on_gone(now, ike::Reason::kLocalRequest, pace, chance);
  EXPECT_EQ(child.state(), State::kIdle);
  child.on_packet(now, pace);
  EXPECT_EQ(child.due(), now);
}

TEST_F(EstablishmentTest, ADeadPeerIsTriedAgainOnlyWithRestart) {
  for (const auto action : {plan::LivenessAction::kRestart, plan::LivenessAction::kTrap,
                            plan::LivenessAction::kClear}) {
    Establishment one;
    one.want(now, {plan::Establish::kEager, plan::Initiate::kInitiator, action}, false, pace,
             chance);
    one.on_begun(now, pace);
    one.on_up();
    one.on_gone(now, ike::Reason::kTimeout, pace, chance);
    EXPECT_EQ(one.state() == State::kWaiting, action == plan::LivenessAction::kRestart);
  }
}

TEST_F(EstablishmentTest, APlanThatIsReadAgainDisturbsNothing) {
  want(plan::Establish::kEager, plan::Initiate::kInitiator);
  fail();
  const TimePoint due = child.due();
  now += milliseconds(100);
  want(plan::Establish::kEager, plan::Initiate::kInitiator);
  EXPECT_EQ(child.due(), due);
  rise();
  want(plan::Establish::kEager, plan::Initiate::kInitiator);
  EXPECT_EQ(child.state(), State::kUp);
}

TEST_F(EstablishmentTest, PeopleAreObeyedAtOnceAndUntilItWorks) {
  want(plan::Establish::kPassive, plan::Initiate::kPassive);
  child.ask(now);
  EXPECT_EQ(child.due(), now);
  fail();
  EXPECT_EQ(child.state(), State::kWaiting);
  child.halt();
  EXPECT_EQ(child.due(), kNever);
}

}  // namespace
}  // namespace espalier::tunnel
