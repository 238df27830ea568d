#include "kube/election.h"

#include <algorithm>
#include <utility>

namespace espalier::kube {
namespace {

using std::chrono::seconds;

constexpr std::int64_t kMaxLeaseSeconds = 3600;

}  // namespace

Status ElectionConfig::check() const {
  if (identity.empty() || lease.name.empty() || lease.ns.empty()) {
    return fail(Code::kInvalid, "election", "a namespace, a name and an identity are needed");
  }
  if (lease_duration < seconds(1) || lease_duration % seconds(1) != Duration::zero()) {
    return fail(Code::kInvalid, "election.lease_duration", "whole seconds are needed");
  }
  if (retry_period <= Duration::zero() || renew_deadline <= retry_period * 6 / 5 ||
      lease_duration <= renew_deadline) {
    return fail(Code::kInvalid, "election",
                "lease duration > renew deadline > 1.2 * retry period is needed");
  }
  return {};
}

Election::Election(ElectionConfig config, std::uint64_t seed)
    : config_(std::move(config)), jitter_(seed) {}

std::optional<Election::Output> Election::next_output() {
  if (outputs_.empty()) return std::nullopt;
  std::optional<Output> output(std::move(outputs_.front()));
  outputs_.pop_front();
  return output;
}

TimePoint Election::acts_until() const {
  return leading_ ? renewed_at_ + config_.renew_deadline : TimePoint::min();
}

TimePoint Election::next_deadline() const {
  const TimePoint end = leading_ ? acts_until() : kNever;
  return busy_ == Busy::kNo ? std::min(end, next_try_) : end;
}

void Election::start(TimePoint) {
  if (busy_ == Busy::kNo && !releasing_) read();
}

void Election::read() {
  busy_ = Busy::kReading;
  next_try_ = kNever;
  outputs_.emplace_back(Read{});
}

void Election::on_read(TimePoint now, const ApiResult<ObjectPtr>& lease) {
  if (busy_ != Busy::kReading) return;
  busy_ = Busy::kNo;
  if (releasing_) {
    outputs_.emplace_back(Released{});
    return;
  }
  if (lease) {
    observe(now, **lease);
    consider(now);
  } else if (lease.error().kind == ErrorKind::kNotFound) {
    lease_ = nullptr;
    holder_.clear();
    if (leading_) stop("the lease was deleted");
    write(now, true);
  } else {
    try_again(now);
  }
}

void Election::observe(TimePoint now, const Object& lease) {
  lease_ = std::make_shared<const Object>(lease);
  if (lease.metadata.resource_version == seen_version_) return;
  // Their clocks say nothing to us: the lease is alive from the moment that we saw it change.
  seen_version_ = lease.metadata.resource_version;
  seen_at_ = now;
  holder_ = field_text(lease.json, "spec.holderIdentity");
  duration_ = config_.lease_duration;
  if (const Json* length = find_field(lease.json, "spec.leaseDurationSeconds");
      length != nullptr && length->is_number_integer() && length->get<std::int64_t>() > 0) {
    duration_ = seconds(std::min(length->get<std::int64_t>(), kMaxLeaseSeconds));
  }
}

bool Election::expired(TimePoint now) const {
  return holder_.empty() || holder_ == config_.identity || now >= seen_at_ + duration_;
}

void Election::consider(TimePoint now) {
  if (leading_ && holder_ != config_.identity) stop("\"" + holder_ + "\" holds the lease");
  if (expired(now)) {
    write(now, false);
  } else {
    try_again(now);
  }
}

void Election::write(TimePoint now, bool create) {
  const bool renews = !create && holder_ == config_.identity;
  Json lease =
      create ? Json{{"metadata", {{"namespace", config_.lease.ns}, {"name", config_.lease.name}}}}
             : lease_->json;
  Json& spec = lease["spec"];
  if (!spec.is_object()) spec = Json::object();
  std::int64_t transitions = 0;
  if (const Json* count = find_field(lease, "spec.leaseTransitions");
      count != nullptr && count->is_number_integer()) {
    transitions = count->get<std::int64_t>();
  }
  if (!create && !renews) ++transitions;
  spec["holderIdentity"] = config_.identity;
  spec["leaseDurationSeconds"] =
      std::chrono::duration_cast<seconds>(config_.lease_duration).count();
  spec["leaseTransitions"] = transitions;
  busy_ = Busy::kWriting;
  next_try_ = kNever;
  sent_at_ = now;
  outputs_.emplace_back(Write{std::move(lease), create, !renews});
}

void Election::on_written(TimePoint now, const ApiResult<ObjectPtr>& lease) {
  if (busy_ == Busy::kReleasing) {
    busy_ = Busy::kNo;
    outputs_.emplace_back(Released{});
    return;
  }
  if (busy_ != Busy::kWriting) return;
  busy_ = Busy::kNo;
  if (lease) observe(now, **lease);
  if (releasing_) {
    release(now);
    return;
  }
  if (!lease) {
    // Somebody was faster, or it is gone: what is true now?
    const ErrorKind kind = lease.error().kind;
    if (kind == ErrorKind::kConflict || kind == ErrorKind::kExists ||
        kind == ErrorKind::kNotFound) {
      read();
    } else {
      try_again(now);
    }
    return;
  }
  renewed_at_ = sent_at_;
  next_try_ = std::max(now, sent_at_ + config_.retry_period);
  if (now >= renewed_at_ + config_.renew_deadline) {
    // So late that the others may have given up on us: only a prompt renewal makes a leader.
    if (leading_) stop("the renewal took too long");
    next_try_ = now;
  } else if (!leading_) {
    leading_ = true;
    outputs_.emplace_back(Started{});
  }
}

void Election::on_deadline(TimePoint now) {
  if (now < next_deadline()) return;
  if (leading_ && now >= acts_until()) stop("not renewed in time");
  if (busy_ != Busy::kNo || now < next_try_) return;
  // A leader knows what it wrote; after anything else it must look.
  if (leading_ && lease_) {
    write(now, false);
  } else {
    read();
  }
}

void Election::try_again(TimePoint now) {
  next_try_ =
      now + (leading_ ? config_.retry_period
                      : jitter_.between(config_.retry_period, config_.retry_period * 6 / 5));
}

void Election::stop(std::string why) {
  leading_ = false;
  outputs_.emplace_back(Stopped{std::move(why)});
}

void Election::release(TimePoint) {
  releasing_ = true;
  next_try_ = kNever;
  if (leading_) stop("released");
  if (busy_ != Busy::kNo) return;  // its answer comes first, else the versions would cross
  if (!lease_ || holder_ != config_.identity) {
    outputs_.emplace_back(Released{});
    return;
  }
  Json lease = lease_->json;
  lease["spec"]["holderIdentity"] = "";
  lease["spec"]["leaseDurationSeconds"] = 1;
  busy_ = Busy::kReleasing;
  outputs_.emplace_back(Write{std::move(lease), false, true});
}

}  // namespace espalier::kube
