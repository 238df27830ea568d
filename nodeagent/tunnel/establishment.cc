#include "nodeagent/tunnel/establishment.h"

#include <algorithm>

namespace espalier::tunnel {

bool Establishment::standing() const {
  return !passive() && role_.establish == plan::Establish::kEager;
}

bool Establishment::begins_again() const {
  return standing() && role_.on_dead == plan::LivenessAction::kRestart;
}

bool Establishment::passive() const {
  return role_.establish == plan::Establish::kPassive || role_.initiate == plan::Initiate::kPassive;
}

// How long this end gives the other one to begin.
Duration Establishment::head_start(const Pace& pace, Chance& chance) const {
  if (role_.initiate != plan::Initiate::kAfterDelay) return Duration::zero();
  return pace.begin_delay + chance.below(pace.begin_delay / 2);
}

Duration Establishment::backoff(const Pace& pace, Chance& chance) const {
  Duration wait = pace.backoff_first;
  for (unsigned i = 1; i < failures_ && wait < pace.backoff_cap; ++i) wait *= 2;
  wait = std::min(wait, pace.backoff_cap);
  return wait - chance.below(wait / 4);
}

void Establishment::wait(TimePoint until) {
  state_ = State::kWaiting;
  due_ = until;
}

void Establishment::rest() {
  state_ = State::kIdle;
  due_ = kNever;
}

void Establishment::want(TimePoint now, const Role& role, bool lost_state, const Pace& pace,
                         Chance& chance) {
  const bool changed = !(role == role_);
  role_ = role;
  if (state_ == State::kUp || state_ == State::kConnecting) return;
  if (state_ == State::kWaiting && !changed) return;
  if (passive()) return rest();
  if (lost_state) return wait(now);
  if (role_.establish == plan::Establish::kOnDemand) return rest();
  wait(now + head_start(pace, chance));
}

void Establishment::ask(TimePoint now) {
  asked_by_people_ = true;
  failures_ = 0;
  if (state_ == State::kIdle || state_ == State::kWaiting) wait(now);
}

void Establishment::halt() {
  asked_by_people_ = false;
  failures_ = 0;
  asked_until_ = TimePoint{};
  rest();
}

void Establishment::on_packet(TimePoint now, const Pace& pace) {
  if (passive()) return;
  asked_until_ = now + pace.asking_life;
  if (state_ == State::kIdle) wait(now);
}

void Establishment::on_begun(TimePoint now, const Pace& pace) {
  state_ = State::kConnecting;
  due_ = now + pace.attempt_bound;
}

void Establishment::on_up() {
  state_ = State::kUp;
  due_ = kNever;
  failures_ = 0;
  asked_by_people_ = false;
}

void Establishment::on_failed(TimePoint now, const Pace& pace, Chance& chance) {
  if (state_ == State::kUp) return;
  ++failures_;
  const TimePoint next = now + backoff(pace, chance);
  if (standing() || asked_by_people_ || asked_until_ > next) return wait(next);
  rest();
}

void Establishment::on_gone(TimePoint now, ike::Reason reason, const Pace& pace, Chance& chance) {
  rest();
  failures_ = 0;
  const bool ours =
      reason == ike::Reason::kLocalRequest || reason == ike::Reason::kConfigurationRemoved;
  if (ours || !standing()) return;
  if (reason == ike::Reason::kTimeout && !begins_again()) return;
  wait(now + head_start(pace, chance) + chance.below(pace.jitter));
}

}  // namespace espalier::tunnel
