// KeptRules: every node's rules (node_rules.h), kept while the world changes, for the operator.
//
// Guarantees: after update() the rules are those that node_rules() gives for that world (a property
// test makes many random changes), and exactly the nodes whose rules became others were named. What
// a change does not concern is not looked at again: a node that joins costs one node's rules.
// Assumptions: an object that did not change is the same pointer in the next world, and an object
// never changes behind its pointer. A new pointer to an equal object costs work, nothing else.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "crds/types/node_policy.h"
#include "operator/plan/node_rules.h"
#include "operator/plan/world.h"

namespace espalier::plan {

class KeptRules {
 public:
  using ByNode = std::map<std::string, crds::NodePolicySpec, std::less<>>;

  KeptRules();
  ~KeptRules();
  KeptRules(KeptRules&&) noexcept;
  KeptRules& operator=(KeptRules&&) noexcept;

  // The nodes that came, went or have other rules now, by name.
  std::vector<std::string> update(const World& world);

  // Valid until the next update.
  [[nodiscard]] const ByNode& all() const { return all_; }
  [[nodiscard]] const crds::NodePolicySpec* find(std::string_view node) const;
  // Whether some node's rules name it; of the last update's world.
  [[nodiscard]] bool in_use(const crds::IPsecPolicy& policy) const;
  // Tunnels that no node is told of, and why; of the last update's world.
  [[nodiscard]] const TunnelRefusals& tunnel_refusals() const { return refusals_; }
  // How many nodes' rules the last update made.
  [[nodiscard]] std::size_t nodes_planned() const { return nodes_planned_; }

 private:
  World world_;  // what contest_ points into
  std::unique_ptr<Contest> contest_;
  TunnelRefusals refusals_;
  TunnelsByNode tunnels_;
  ByNode all_;
  std::size_t nodes_planned_ = 0;
};

}  // namespace espalier::plan
