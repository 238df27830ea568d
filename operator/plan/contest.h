// Contest: which policy decides about which flow between two nodes.
//
// Each flow has exactly one winner: highest priority, then longest peer prefix, then Required
// before Preferred before Bypass, then name. A policy without peers names no prefix, which counts
// as length 0: the policy for all nodes gives way to one for some addresses. A policy that selects
// pods wins their part of a flow, and the rest goes to whoever comes next.
//
// In an overlay pods cannot be told apart. There a Required policy for some pods counts for all
// traffic between the nodes, and a weaker one for none, so that no pod is in clear that should not
// be.
//
// Guarantees: symmetric (the contest between a and b is the one between b and a) and independent of
// the order of the world's objects.
#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "operator/plan/world.h"

namespace espalier::plan {

// The flows between two nodes that are decided one by one.
enum class Flow : std::uint8_t { kNodeV4, kNodeV6, kPodToPod, kPodToNode };
inline constexpr std::array<Flow, 4> kFlows = {Flow::kNodeV4, Flow::kNodeV6, Flow::kPodToPod,
                                               Flow::kPodToNode};
[[nodiscard]] std::string_view name_of(Flow flow);  // "NodeToNode over IPv4", "PodToPod"

struct Candidate {
  const crds::IPsecPolicy* policy = nullptr;
  int peer_length = 0;     // of the ipBlock that names the other end; 0 without peers
  bool some_pods = false;  // only about traffic of the pods that it selects

  // As Selector::pods has it.
  [[nodiscard]] std::string pods() const { return some_pods ? policy->meta.name : std::string(); }
};

// True if a wins over b.
[[nodiscard]] bool beats(const Candidate& a, const Candidate& b);
// How many of these, the winner first, win something: those for some pods up to the first that is
// for all traffic, and that one.
[[nodiscard]] std::size_t deciders(const std::vector<Candidate>& candidates);
// Why a wins over b: "priority 200 is higher than 100".
[[nodiscard]] std::string reason_to_beat(const Candidate& a, const Candidate& b);

class Contest {
 public:
  // Keeps references into the world, which must outlive it. What `before` found out about a policy
  // and a node that are still the same objects is taken from it; its world must still be alive.
  explicit Contest(const World& world, const Contest* before = nullptr);

  // By name; an index is a node's number everywhere else here.
  [[nodiscard]] const std::vector<const crds::NodeEndpoint*>& nodes() const { return nodes_; }
  [[nodiscard]] std::optional<std::size_t> find(std::string_view node) const;
  // By name.
  [[nodiscard]] const std::vector<const crds::IPsecPolicy*>& policies() const { return policies_; }

  // Everyone who applies to the flow, the winner first; see deciders(). Empty: nothing says
  // anything about it.
  [[nodiscard]] std::vector<Candidate> candidates(std::size_t a, std::size_t b, Flow flow) const;

  [[nodiscard]] bool is_member(std::size_t policy, std::size_t node) const {
    return views_[policy].member[node];
  }
  // The node's plan may depend on the policy: it is a member, or the policy names it.
  [[nodiscard]] bool concerns(std::size_t policy, std::size_t node) const {
    const View& view = views_[policy];
    return view.member[node] || view.named[node] != std::array<int, 2>{kNotNamed, kNotNamed};
  }
  // In words: why a policy does not apply to the flow; empty if it does.
  [[nodiscard]] std::string why_not(std::size_t policy, std::size_t a, std::size_t b,
                                    Flow flow) const;
  // Pod traffic between the two travels in an overlay, so node traffic is what carries it.
  [[nodiscard]] bool overlay(std::size_t a, std::size_t b) const;
  // The policy would apply between the two, but its pods cannot be told apart in the overlay.
  [[nodiscard]] bool lost_in_overlay(std::size_t policy, std::size_t a, std::size_t b) const;

 private:
  static constexpr int kNotNamed = -1;

  struct View {
    std::vector<bool> member;               // by node
    std::vector<std::array<int, 2>> named;  // by node and family: the longest block that holds it
    std::array<bool, 3> traffic{};          // by crds::Traffic
  };

  [[nodiscard]] static View empty_view(const crds::IPsecPolicy& policy);
  void look_at(const crds::IPsecPolicy& policy, const crds::NodeEndpoint& node, View& view) const;
  [[nodiscard]] bool wants(std::size_t policy, bool overlay, Flow flow) const;
  [[nodiscard]] int peer_length(std::size_t policy, std::size_t a, std::size_t b, Flow flow) const;

  std::vector<const crds::NodeEndpoint*> nodes_;
  std::vector<const crds::IPsecPolicy*> policies_;
  std::vector<View> views_;  // by policy
};

// Does policy P name this address, and by a block how long? nullopt: no, or it is excepted.
[[nodiscard]] std::optional<int> named_length(const crds::IPsecPolicySpec& spec,
                                              const IpAddress& address);

}  // namespace espalier::plan
