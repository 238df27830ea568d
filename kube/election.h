// Election: who of several acts, by a Lease (coordination.k8s.io/v1). A pure state machine.
//
// Guarantees: leads(now) is true only within renew_deadline of the moment the last successful
// renewal was *sent*, while the others wait lease_duration after they *saw* it: as long as clocks
// run at about the same rate, two never lead, whatever their clocks say and however long one was
// paused. A process that was stopped and goes on finds leads() false at once. Every write carries
// the resource version it was decided on. Assumptions: lease_duration > renew_deadline > 1.2 *
// retry_period; `now` counts time asleep, too; the caller asks leads() right before it acts. One
// request is under way at a time. Caveat: after it lost, it stands for election again; whether the
// process should end instead is the caller's decision.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <variant>

#include "base/result.h"
#include "base/time.h"
#include "kube/api_error.h"
#include "kube/backoff.h"
#include "kube/object.h"

namespace espalier::kube {

struct ElectionConfig {
  ObjectKey lease;
  std::string identity;  // unique among all that ever stand: pod name and a random part
  Duration lease_duration = std::chrono::seconds(15);  // whole seconds
  Duration renew_deadline = std::chrono::seconds(10);
  Duration retry_period = std::chrono::seconds(2);

  // kInvalid if the assumptions above do not hold.
  [[nodiscard]] Status check() const;
};

class Election {
 public:
  struct Read {};
  // To be created, or replaced under the resource version in it. The one who sends it writes the
  // wall clock into spec.renewTime, and into spec.acquireTime if `acquires`.
  struct Write {
    Json lease;
    bool create = false;
    bool acquires = false;
  };
  struct Started {};
  struct Stopped {
    std::string why;
  };
  struct Released {};  // the last output
  using Output = std::variant<Read, Write, Started, Stopped, Released>;

  // `config` was checked.
  Election(ElectionConfig config, std::uint64_t seed);

  void start(TimePoint now);
  void on_read(TimePoint now, const ApiResult<ObjectPtr>& lease);
  void on_written(TimePoint now, const ApiResult<ObjectPtr>& lease);
  void on_deadline(TimePoint now);
  // Stops leading, then hands the lease over without the others waiting for it to expire.
  void release(TimePoint now);

  [[nodiscard]] std::optional<Output> next_output();
  [[nodiscard]] TimePoint next_deadline() const;
  // Whether this process may act now.
  [[nodiscard]] bool leads(TimePoint now) const { return now < acts_until(); }
  // The end of that; TimePoint::min() when it does not lead.
  [[nodiscard]] TimePoint acts_until() const;
  // Who holds the lease, as far as is known.
  [[nodiscard]] const std::string& holder() const { return holder_; }

 private:
  enum class Busy : std::uint8_t { kNo, kReading, kWriting, kReleasing };

  void read();
  void write(TimePoint now, bool create);
  void observe(TimePoint now, const Object& lease);
  void consider(TimePoint now);
  void try_again(TimePoint now);
  void stop(std::string why);
  [[nodiscard]] bool expired(TimePoint now) const;

  ElectionConfig config_;
  Jitter jitter_;
  std::deque<Output> outputs_;
  Busy busy_ = Busy::kNo;
  bool leading_ = false;
  bool releasing_ = false;
  TimePoint next_try_ = kNever;
  TimePoint sent_at_ = {};     // the write under way
  TimePoint renewed_at_ = {};  // the last that succeeded, when it was sent

  // The lease as it was seen last.
  ObjectPtr lease_;
  std::string holder_;
  Duration duration_ = {};
  std::string seen_version_;
  TimePoint seen_at_ = {};
};

}  // namespace espalier::kube
