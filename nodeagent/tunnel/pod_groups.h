// PodGroups: which pod group (nodeagent/dataplane/pod_group.h) stands for the pods of which policy.
//
// Guarantees: a policy keeps its number as long as it is known here, over restarts by the journal;
// the place in the order is that of its name among them. Caveat: a node tells kPodGroups policies'
// pods apart. What a further policy requires is required of everybody's traffic on its paths, and
// what it lets pass is left out, so that nothing passes in clear that must not.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "nodeagent/dataplane/pod_group.h"
#include "operator/plan/node_plan.h"

namespace espalier::tunnel {

class PodGroups {
 public:
  struct Group {
    std::uint8_t number = 0;
    std::uint8_t place = 0;  // below kPodGroups; of overlapping groups the first one has a packet
    bool required = false;   // its policy requires ESP

    friend bool operator==(const Group&, const Group&) = default;
  };

  // Those that the plan's selectors name, from now on; more than can be told apart are left_out().
  // True when all() is another one now.
  bool take(const plan::NodePlan& plan);
  // From the journal, before the first plan. False when the number is not one or is taken.
  bool restore(const std::string& policy, std::uint8_t number);

  // nullptr: the policy selects no pods, or is left out.
  [[nodiscard]] const Group* find(std::string_view policy) const;
  [[nodiscard]] const std::map<std::string, Group, std::less<>>& all() const { return groups_; }
  [[nodiscard]] const std::set<std::string, std::less<>>& left_out() const { return left_out_; }
  // Moves on whenever all() may have changed.
  [[nodiscard]] std::uint64_t version() const { return version_; }

 private:
  std::map<std::string, Group, std::less<>> groups_;
  std::set<std::string, std::less<>> left_out_;
  std::uint64_t version_ = 1;
};

// Which packets a rule is for, and where it stands among the others.
struct PodScope {
  bool left_out = false;                // of a policy that no group stands for
  std::optional<std::uint8_t> group;    // none: for all packets
  std::optional<dataplane::Mark> mark;  // the same for XFRM
  std::uint32_t order = 0;              // below 2^27; smaller is first
};

// `required`: the rule must not be missed by what nobody looked at. Exemptions of a policy that
// requires ESP may be.
[[nodiscard]] PodScope scope_of(const plan::Selector& selector, plan::Precedence precedence,
                                bool required, const PodGroups& groups);

}  // namespace espalier::tunnel
