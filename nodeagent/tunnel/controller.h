// Controller: turns a NodePlan into IKE and kernel steps, and keeps them true.
//
// The loop gives it datagrams, deadlines, answers and the kernel's events; it drives the engine,
// gathers what the engine asks of the kernel into few system calls, feeds the answers back, decides
// who begins when, repairs what others broke, and says what stands.
//
// Guarantees:
// - Pure: no clock, socket, thread or foreign library; time is an argument. The same inputs give
//   the same steps in the same order.
// - Policies that require IPsec stand before anything else is done, are replaced in place and go
//   last: no input makes traffic of a Required rule pass in clear.
// - Only what is ours (dataplane/ownership.h, and the journal) is changed or removed; nothing is
//   flushed. SAs of an earlier run go on carrying traffic until their successors stand.
// - A new plan changes only what it must.
// Assumptions: one thread. start() comes first; pump() is called after every batch of inputs, and
// on_deadline() at next_deadline() at the latest. Ports outlive the controller.
// Caveats: before the first apply_plan() nothing is changed in the kernel: without a plan it is not
// known what is stale.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "ike/config.h"
#include "ike/engine.h"
#include "nodeagent/dataplane/kernel_event.h"
#include "nodeagent/telemetry/snapshot.h"
#include "nodeagent/tunnel/credentials.h"
#include "nodeagent/tunnel/ports.h"
#include "operator/plan/node_plan.h"
#include "operator/plan/pods_of_policies.h"

namespace espalier::tunnel {

struct Options {
  // An end whose peer is to begin (plan::Initiate::kAfterDelay) waits this long, and up to half as
  // much again by chance.
  Duration begin_delay = std::chrono::seconds(3);
  Duration backoff_first =
      std::chrono::seconds(1);  // doubled at each failure, less up to a quarter
  Duration backoff_cap = std::chrono::seconds(60);
  Duration jitter = std::chrono::milliseconds(300);  // before answering a peer's Delete, by chance
  // SAs of an earlier run go when their successor stands and nothing came by them for the first
  // duration, and after the second whatever comes.
  Duration drain_idle = std::chrono::seconds(10);
  Duration drain_bound = std::chrono::seconds(60);
  Duration repair_pause = std::chrono::seconds(1);  // between two repairs of policies
  std::uint64_t seed = 0;                           // of the chances above
  bool fips = false;  // the library is in FIPS mode: nothing is offered but what fips.h allows
};

class Controller {
 public:
  Controller(ike::Engine& engine, const Ports& ports, Options options);
  ~Controller();
  Controller(const Controller&) = delete;
  Controller& operator=(const Controller&) = delete;

  // Reads the kernel and `journal`, what JournalStore was last given (empty at the very first
  // start). Fails when the kernel cannot be read, and with kInvalid when the journal is of another
  // make: then policies without a template that lost their index cannot be told from others'.
  [[nodiscard]] Status start(TimePoint now, std::string_view journal);

  // Wanted from now on; not null. The table must hold what the plan refers to; a connection whose
  // Secrets are missing stays blocked and says so. An equal plan with equal credentials changes
  // nothing.
  void apply_plan(TimePoint now, std::shared_ptr<const plan::NodePlan> plan,
                  std::shared_ptr<const Credentials> credentials);

  // Who the pods are that the plan's policies select. Before the first call, and with nullopt,
  // nobody knows: then what is Required for some pods is required of all traffic on their paths.
  // A change costs the kernel elements of sets, and no policy.
  void set_pods(TimePoint now, std::optional<plan::PodsOfPolicies> pods);
  // The plan has rules for some pods only.
  [[nodiscard]] bool selects_pods() const;

  void on_datagram(TimePoint now, const ike::Datagram& datagram);
  void on_crypto(TimePoint now, ike::Ticket ticket, ike::crypto::Outcome outcome);
  void on_kernel_event(TimePoint now, const dataplane::KernelEvent& event);
  void on_deadline(TimePoint now);

  // Carries out everything the inputs so far led to. Returns when there is nothing left to do
  // before the next input.
  void pump(TimePoint now);
  [[nodiscard]] TimePoint next_deadline() const;

  // By connection name. down() deletes its SAs, tells the peer and refuses it until up(); policies
  // stay, so Required traffic is blocked. kNotFound: no such connection in the plan.
  [[nodiscard]] Status up(TimePoint now, std::string_view connection);
  [[nodiscard]] Status down(TimePoint now, std::string_view connection);

  // keep_traffic: peers are not told, SAs and policies stay as they are; pump() once more and end.
  // Where the plan protects nothing there is no traffic to keep, and nothing of ours stays.
  // Otherwise every peer is told and, once idle(), remove_everything() takes our policies away.
  void stop(TimePoint now, bool keep_traffic);
  [[nodiscard]] bool idle() const;  // no IKE SA and no SA of ours is left
  void remove_everything(TimePoint now);

  // Reads the kernel's counters. Costs one dump of all SAs: call it when somebody looks.
  void read_counters(TimePoint now);
  // What stands now. `wall` is the date at `now`. Left to the wiring: version, started_at, and of
  // `kernel` what is not about our SAs and policies; problems of manifests.
  [[nodiscard]] telemetry::Snapshot snapshot(TimePoint now, WallTime wall) const;

 private:
  struct Core;
  std::unique_ptr<Core> core_;
};

}  // namespace espalier::tunnel
