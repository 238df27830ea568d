// GuardOn: a guard and the node it works on.
#pragma once

#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "nodeagent/dataplane/nft/nft_guard.h"
#include "tests/e2e/dataplane/two_nodes.h"

namespace espalier::dataplane::lab {

class GuardOn {
 public:
  explicit GuardOn(Node& node) : node_(&node) {}

  void set_all(const ClearTrafficRules& rules) {
    node_->netns.enter();
    const auto status = guard_.set_rules(rules);
    EXPECT_TRUE(status) << status.error().to_string();
  }
  void set(std::vector<ClearTrafficRule> rules) { set_all(ClearTrafficRules{std::move(rules)}); }
  ClearTrafficCount count(Direction direction, IpFamily family) {
    node_->netns.enter();
    const auto counts = guard_.counts();
    EXPECT_TRUE(counts) << counts.error().to_string();
    if (!counts) return {};
    for (const auto& one : *counts) {
      if (one.direction == direction && one.family == family) return one;
    }
    return {};
  }
  nft::NftGuard& guard() {
    node_->netns.enter();
    return guard_;
  }

 private:
  Node* node_;
  nft::NftGuard guard_;
};

}  // namespace espalier::dataplane::lab
