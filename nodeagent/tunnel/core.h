// Core: what the controller's parts share: the tables, the batch, the time. Each part is one .cc
// file; the comments say which.
//
// Internal to nodeagent/tunnel; the public face is controller.h.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ike/engine.h"
#include "nodeagent/dataplane/clear_traffic_guard.h"
#include "nodeagent/dataplane/kernel_ipsec.h"
#include "nodeagent/telemetry/event.h"
#include "nodeagent/tunnel/chance.h"
#include "nodeagent/tunnel/controller.h"
#include "nodeagent/tunnel/due_set.h"
#include "nodeagent/tunnel/kernel_batch.h"
#include "nodeagent/tunnel/link.h"
#include "nodeagent/tunnel/pod_groups.h"
#include "nodeagent/tunnel/policy_table.h"
#include "nodeagent/tunnel/reqids.h"
#include "nodeagent/tunnel/sa_steps.h"

namespace espalier::tunnel {

// A slot of a link; the index is the engine's child index.
struct SlotRef {
  LinkId link = 0;
  std::size_t slot = 0;
  friend auto operator<=>(const SlotRef&, const SlotRef&) = default;
};

// Whose an SA in the kernel is.
struct SaRef {
  SlotRef at;
  ike::ChildSaId child = 0;  // 0: adopted
  bool inbound = false;
};

struct Timer {
  enum class Kind : std::uint8_t {
    kBegin,   // Establishment::due
    kDrain,   // look whether adopted SAs may go
    kIdle,    // look whether a child has traffic
    kRetire,  // link: what it was before goes now
    kLeave,   // link: gone from the plan, whatever the peer answers
    kForget,  // link: a peer found in an address block that nobody speaks of any more
    kRepair,  // policies (link 0)
  };
  Kind kind = Kind::kBegin;
  SlotRef at;
  friend auto operator<=>(const Timer&, const Timer&) = default;
};

struct Core {
  Core(ike::Engine& e, const Ports& p, Options o);

  ike::Engine& engine;
  const Ports ports;
  const Options options;
  const Pace pace;
  Chance chance;
  TimePoint now{};
  bool planned = false;
  bool stopping = false;
  bool removing = false;  // everything of ours goes, planned or not
  std::shared_ptr<const plan::NodePlan> plan;
  TimePoint planned_at{};
  std::shared_ptr<const Credentials> credentials;

  PodGroups groups;
  std::shared_ptr<const plan::PodsOfPolicies> pods;  // null: nobody knows

  Reqids reqids;
  std::string saved_journal;
  std::array<std::uint64_t, 3> journal_version{};  // of reqids, policies and groups, as saved
  std::optional<Error> journal_error;
  PolicyTable policies;
  bool policies_due = false;  // the table may have steps
  std::uint64_t repairs = 0;
  TimePoint repaired_at{};
  bool guard_due = false;
  std::optional<dataplane::ClearTrafficRules> guarded;  // as the guard has them
  std::optional<Error> guard_error;
  std::vector<telemetry::PlaintextCount> plaintext;  // as last read
  telemetry::DurationHistogram handshake_seconds;
  KernelBatch batch;
  std::vector<ike::Datagram> sends;
  std::vector<ike::KernelEvent> answers;  // for the engine, without asking the kernel

  std::map<LinkId, std::unique_ptr<Link>> links;
  LinkId last_link = 0;
  std::map<std::string, LinkId, std::less<>> by_name;
  std::unordered_map<ike::ConnectionId, LinkId> by_engine_id;
  // Newer ids are smaller: of two that fit a peer, the engine looks at the smaller first, and what
  // a connection is now comes before what it was.
  ike::ConnectionId next_engine_id = 0x7fffffffU;
  std::map<std::uint32_t, SlotRef> by_reqid;  // never of a link that has a parent
  std::map<std::pair<LinkId, IpAddress>, LinkId> by_block_peer;
  std::map<dataplane::SaId, SaRef> sas;
  std::map<dataplane::SaId, SaRef> last_looks;  // adopted, and on their way out of the kernel
  std::vector<dataplane::SaState> found;        // at start, until the first plan
  std::vector<dataplane::PolicyState> found_policies;
  std::set<LinkId> leaving;
  DueSet<Timer> timers;
  std::set<SlotRef> connecting;
  std::deque<SlotRef> queued;  // due, but enough others are connecting
  std::vector<Timer> checks;   // due once the counters they need were read
  std::vector<SlotRef> ended;  // may have children that the kernel no longer has

  // ---- links.cc: finding, naming, the policies of a link
  [[nodiscard]] Link* find(LinkId id);
  [[nodiscard]] Link* find_engine(ike::ConnectionId id);
  [[nodiscard]] Link* find_name(std::string_view name);
  [[nodiscard]] Slot* find_slot(const SlotRef& ref);
  [[nodiscard]] Slot* find_slot(ike::ConnectionId id, std::size_t child_index, Link** link);
  Link& create_link(const std::string& name);
  void erase_link(Link& link);
  [[nodiscard]] OutboundForm outbound_form(const Link& link, const Slot& slot) const;
  [[nodiscard]] std::vector<WantedPolicy> policies_of_link(const Link& link) const;
  void refresh_policies(const Link& link);
  void tell(telemetry::EventId id, const Link* link,
            std::vector<telemetry::EventField> fields = {}) const;

  // ---- planning.cc: a new plan
  void apply_plan(std::shared_ptr<const plan::NodePlan> next,
                  std::shared_ptr<const Credentials> secrets);
  void update_link(Link& link, std::shared_ptr<const plan::ConnectionPlan> wanted);
  [[nodiscard]] std::vector<ike::ChildSaId> reshape(Link& link);
  void close_slot(Link& link, std::size_t index);
  // Gives the engine what the link is now. False: blocked, link.blocked says why.
  bool configure(Link& link, const plan::ConnectionPlan* before);
  void retire(Link& link);
  void end_retiring(Link& link);
  void want_children(Link& link);
  void leave(Link& link);
  void finish_leaving();
  void forget_engine(Link& link);
  void forget_old_ids(const Link& link);

  // ---- adoption.cc: SAs of an earlier run
  [[nodiscard]] Status start(std::string_view journal);
  void take_over();
  [[nodiscard]] std::optional<SlotRef> owner_of(const dataplane::Sa& sa);
  // `moved` and `drops` were counted already, or are an earlier run's.
  void adopt(const SlotRef& ref, const dataplane::Sa& sa, const telemetry::Traffic& moved,
             const telemetry::Drops& drops);
  void let_go(const dataplane::SaId& id);
  // A peer whose agent is away for longer than liveness has patience, as in a rollout that fetches
  // an image, still has the SAs in its kernel: where clear traffic is refused in any case, ours go
  // on until a successor stands or they expire (RFC 7296 section 2.4 ends the IKE SA).
  [[nodiscard]] bool outlives_its_ike_sa(const Link& link, const Slot& slot,
                                         const LiveChild& child) const;
  // True: the engine's child is an adopted one now, and `child` gone.
  bool keep_in_kernel(const SlotRef& ref, const LiveChild& child);
  void release_adopted(Link& link, Slot& slot, bool outbound_only);
  void drop_adopted(const dataplane::SaId& id, const SaRef& ref);
  void check_drain(const SlotRef& ref);
  void succeeded(const SlotRef& ref);

  // ---- beginning.cc: who begins when
  void set_begin_timer(const SlotRef& ref);
  void begin(const SlotRef& ref);
  void begin_queued();
  void on_acquire(const dataplane::Acquire& acquire);
  [[nodiscard]] Link* block_peer(Link& parent, const IpAddress& peer);
  void check_idle(const SlotRef& ref);
  void on_time();

  // ---- guarding.cc: the packet filter's second look
  [[nodiscard]] dataplane::ClearTrafficRules guard_rules() const;
  void set_guard(bool anew);
  // The plan has groups of pods, and the guard none that the plan has not.
  [[nodiscard]] bool brings_groups() const;
  [[nodiscard]] std::optional<dataplane::Mark> mark_written_by(const plan::ChildPlan& child) const;
  // Makes the SAs that stand write what their groups' are to write now.
  void write_marks();
  void read_guard();

  // ---- outputs.cc: what the engine asks for and reports
  bool take_outputs();
  void on_output(ike::Send& output);
  void on_output(ike::RunCrypto& output);
  void on_output(const ike::AllocateSpi& output);
  void on_output(ike::InstallInbound& output);
  void on_output(ike::InstallOutbound& output);
  void on_output(const ike::UpdateChild& output);
  void on_output(const ike::RemoveChild& output);
  void on_output(const ike::QueryUsage& output);
  void on_output(const ike::Report& output);
  void on_report(const ike::IkeSaUp& event);
  void on_report(const ike::IkeSaDown& event);
  void on_report(const ike::ChildSaUp& event);
  void on_report(const ike::ChildSaDown& event);
  void on_report(const ike::Failure& event);
  void fail_children(Link& link, std::optional<std::size_t> child_index);

  // ---- carrying.cc: the kernel's turn
  void carry_out();
  void pump();
  void forget_ended();
  void save_journal();
  void on_added(const dataplane::Sa& sa, const Status& status);
  void on_last_seen(const dataplane::SaState& state);
  void on_kernel_event(const dataplane::KernelEvent& event);
  void on_expire(const dataplane::SaId& id, bool hard);
  void read_again();
  void plan_repair();
  void count_usage(const dataplane::SaState& state);
  void count_adopted(const SaRef& ref, const dataplane::SaState& state);
  [[nodiscard]] SaSettings settings_of(const Link& link, const Slot& slot) const;
};

}  // namespace espalier::tunnel
