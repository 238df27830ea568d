// PolicyTable: the policies that we want in the kernel beside those that stand, and the steps that
// make the one into the other.
//
// Wanted policies come in groups (one per connection, one for the exemptions); a change costs what
// it changes, not what stands. Where two groups want a policy of the same identity, which the
// kernel cannot hold twice, the one that came first has it; the other's is told as a trouble and
// takes its place when the first gives it up.
//
// Guarantees: what already stands as wanted is not touched. Steps are ordered: exemptions, inbound
// and forward, outbound; removals in reverse, after everything that is set. A policy that stands
// and is not ours is never replaced or removed: it is a conflict.
// Assumptions: every step given out is carried out and its result noted before the next are asked
// for.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "nodeagent/dataplane/kernel_event.h"
#include "nodeagent/dataplane/kernel_ipsec.h"
#include "nodeagent/tunnel/policy_set.h"

namespace espalier::tunnel {

class PolicyTable {
 public:
  PolicyTable() = default;
  PolicyTable(const PolicyTable&) = delete;
  PolicyTable& operator=(const PolicyTable&) = delete;

  // What the kernel holds, whole. `clear_ours`: policies without a template that the journal knows.
  void observe(std::span<const dataplane::PolicyState> dump,
               const std::set<dataplane::PolicyId>& clear_ours);

  // Replaces a group; empty: the group goes.
  void want(const std::string& group, std::vector<WantedPolicy> policies);

  struct Steps {
    std::vector<dataplane::Step> steps;
    // Of those, how many set something that an earlier result said would stand (a repair).
    std::size_t repairs = 0;
  };
  // Steps for policies that are missing or differ. What the kernel refused is tried again only
  // after retry_refused() or observe().
  [[nodiscard]] Steps steps_to_set();
  void retry_refused();
  // Steps for policies of ours that no group wants any more.
  [[nodiscard]] std::vector<dataplane::Step> steps_to_remove() const;
  void note(const dataplane::Step& step, const Status& status);

  // True when the event takes something from us, so that steps_to_set() has work.
  bool on_event(const dataplane::PolicyDeleted& event);
  bool on_event(const dataplane::PolicySet& event);
  void forget_all();  // they were flushed

  // Policies without a template, wanted or standing: what the journal must hold before they are
  // set.
  [[nodiscard]] std::set<dataplane::PolicyId> clear_policies() const;
  // Moves on whenever clear_policies() may have changed.
  [[nodiscard]] std::uint64_t clear_version() const { return clear_version_; }
  // Whether steps_to_set() or steps_to_remove() may have any.
  [[nodiscard]] bool has_steps() const { return !dirty_.empty() || !surplus_.empty(); }

  // For people: why a wanted policy does not stand.
  struct Trouble {
    std::string group;
    dataplane::PolicyId policy;
    std::string text;
  };
  [[nodiscard]] std::vector<Trouble> troubles() const;

  struct Count {
    std::uint32_t expected = 0;
    std::uint32_t present = 0;  // as wanted
  };
  [[nodiscard]] Count count(dataplane::Direction direction) const;
  // Every policy that the group wants stands as it wants it.
  [[nodiscard]] bool stands(const std::string& group) const;

 private:
  // One for each policy of each peer: kept small. What the kernel holds just as it is wanted stands
  // here alone, by its index; ours_ has the rest.
  struct Wanted {
    const std::string* group = nullptr;  // a key of groups_
    WantedPolicy policy;
    std::uint32_t index = 0;  // the kernel's, where it stands
    bool stands = false;      // as wanted
    bool stood = false;       // it was set once: setting it again is a repair
  };
  using WantedMap = std::map<dataplane::PolicyId, Wanted>;

  // The policy's key in wanted_, good until no group wants it.
  const dataplane::PolicyId* add(const std::string& group, const dataplane::PolicyId& id,
                                 const WantedPolicy& policy);
  void drop(const std::string& group, const dataplane::PolicyId& id);
  // Another policy is wanted in the place of that one.
  void replace(WantedMap::iterator at, const std::string& group, const WantedPolicy& policy);
  // It is no longer wanted as it is; what stands of it is ours all the same.
  void withdraw(WantedMap::iterator at);
  [[nodiscard]] std::optional<dataplane::Policy> standing(const dataplane::PolicyId& id) const;
  void set_standing(const dataplane::PolicyId& id, const dataplane::Policy& policy);
  void touch(const dataplane::Policy& policy) { clear_version_ += policy.transform ? 0U : 1U; }
  void forget(const dataplane::PolicyId& id, const dataplane::Policy& stood);
  [[nodiscard]] std::uint32_t free_index(dataplane::Direction direction);
  // False: it is so already, or not of our band.
  bool set_taken(std::uint32_t index, bool taken);

  WantedMap wanted_;
  std::map<std::string, std::vector<const dataplane::PolicyId*>> groups_;       // keys of wanted_
  std::map<dataplane::PolicyId, std::map<std::string, WantedPolicy>> doubles_;  // who came later
  std::map<dataplane::PolicyId, dataplane::Policy> ours_;  // but those that stand as wanted
  std::map<dataplane::PolicyId, dataplane::Policy> foreign_;
  std::set<dataplane::PolicyId> dirty_;    // wanted, and perhaps not standing so
  std::set<dataplane::PolicyId> surplus_;  // ours, and not wanted
  std::set<dataplane::PolicyId> refused_;
  std::map<dataplane::PolicyId, std::string> errors_;  // the kernel's, from the last try
  std::vector<bool> indices_;                          // taken in our band, counted from its first
  std::uint32_t next_slot_ = 1;
  std::uint64_t clear_version_ = 1;
};

}  // namespace espalier::tunnel
