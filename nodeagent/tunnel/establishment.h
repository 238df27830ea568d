// Establishment: when one child of a connection is to be brought up.
//
// It knows nothing of peers, kernels or messages: it is told what happened and says when to begin.
// - Eager: the initiator begins at once; the other end only when nothing came within the delay.
// - OnDemand: a packet asks; what failed is tried again only as long as packets ask.
// - Passive: never.
// - An end that lost its state (an earlier run's SAs stand) begins at once, unless it is passive.
// - After a failure the next try waits, twice as long each time, up to a bound.
#pragma once

#include "base/time.h"
#include "ike/output.h"
#include "nodeagent/tunnel/chance.h"
#include "operator/plan/node_plan.h"

namespace espalier::tunnel {

struct Pace {
  Duration begin_delay = std::chrono::seconds(3);    // and up to half as much again
  Duration backoff_first = std::chrono::seconds(1);  // doubled, less up to a quarter
  Duration backoff_cap = std::chrono::seconds(60);
  Duration jitter = std::chrono::milliseconds(300);  // before answering a peer's Delete
  // A packet's asking holds as long as the kernel's placeholder keeps it from asking again.
  Duration asking_life = std::chrono::seconds(30);
  // An attempt of which nothing was heard again is made anew.
  Duration attempt_bound = std::chrono::seconds(90);
};

class Establishment {
 public:
  struct Role {
    plan::Establish establish = plan::Establish::kEager;
    plan::Initiate initiate = plan::Initiate::kInitiator;
    plan::LivenessAction on_dead = plan::LivenessAction::kRestart;
    friend bool operator==(const Role&, const Role&) = default;
  };
  enum class State : std::uint8_t {
    kIdle,        // no SA, and nothing will begin by itself
    kWaiting,     // begins at due()
    kConnecting,  // begun; due() is when we stop believing in it
    kUp,
  };

  // What is wanted from now on. Begins what the role asks for, unless it is up or under way.
  void want(TimePoint now, const Role& role, bool lost_state, const Pace& pace, Chance& chance);
  // Asked for by people: at once, whatever the role.
  void ask(TimePoint now);
  void halt();  // not wanted any more

  void on_packet(TimePoint now, const Pace& pace);  // the kernel had no SA for one
  void on_begun(TimePoint now, const Pace& pace);   // the engine was told to initiate
  void on_up();
  void on_failed(TimePoint now, const Pace& pace, Chance& chance);
  // The last SA went and has no successor.
  void on_gone(TimePoint now, ike::Reason reason, const Pace& pace, Chance& chance);

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] bool begins_again() const;  // by itself, when the peer is lost
  [[nodiscard]] TimePoint due() const { return due_; }
  [[nodiscard]] unsigned failures() const { return failures_; }  // since it was last up

 private:
  void wait(TimePoint until);
  void rest();
  [[nodiscard]] bool passive() const;
  [[nodiscard]] bool standing() const;  // wanted at all times
  [[nodiscard]] Duration head_start(const Pace& pace, Chance& chance) const;
  [[nodiscard]] Duration backoff(const Pace& pace, Chance& chance) const;

  Role role_;
  State state_ = State::kIdle;
  TimePoint due_ = kNever;
  TimePoint asked_until_{};
  unsigned failures_ = 0;
  bool asked_by_people_ = false;
};

}  // namespace espalier::tunnel
