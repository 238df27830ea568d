// NodePlanner: the plan of one node, kept while the world changes.
//
// Two nodes' connections depend on the two nodes and the policies alone. So a node that joins, goes
// or changes costs one pair, and only a change of the policies or of this node itself plans every
// pair anew.
//
// Guarantees: update() gives exactly what plan_node() gives for that world, the hash included (a
// property test makes many random changes). Memory is that of one plan and a few pointers per node.
// Assumptions: an object that did not change is the same pointer in the next world, and an object
// never changes behind its pointer. A new pointer to an equal object costs work, nothing else.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "operator/plan/node_plan.h"
#include "operator/plan/notes.h"
#include "operator/plan/outline.h"
#include "operator/plan/world.h"

namespace espalier::plan {

class Contest;

class NodePlanner {
 public:
  explicit NodePlanner(std::string node);
  ~NodePlanner();
  NodePlanner(NodePlanner&&) noexcept;
  NodePlanner& operator=(NodePlanner&&) noexcept;

  // Valid until the next call.
  const NodePlan& update(const World& world);
  [[nodiscard]] const NodePlan& plan() const { return plan_; }
  // How many pairs the last update planned.
  [[nodiscard]] std::size_t pairs_planned() const { return pairs_planned_; }

 private:
  // What a pair of this node and a peer adds to the plan, but for its connections, which are in it.
  struct Pair {
    const crds::NodeEndpoint* peer = nullptr;
    std::vector<BypassRule> bypass;
    NoteBook notes;
    std::set<std::pair<std::string, std::string>> effective_exemptions;
  };

  [[nodiscard]] bool same_for_all(const Contest& contest) const;
  // Forgets the pairs whose peer is gone or another object now.
  void forget_changed(const Contest& contest);

  std::string node_;
  World world_;  // what contest_ points into
  std::unique_ptr<Contest> contest_;
  std::map<std::string, Pair, std::less<>> pairs_;  // by peer
  NodePlan plan_;
  std::vector<Fingerprint> fingerprints_;  // of plan_.connections
  bool dropped_ = false;                   // a connection in plan_ is less than its pair made it
  std::size_t pairs_planned_ = 0;
};

}  // namespace espalier::plan
