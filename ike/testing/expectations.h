// What tests of a Pair ask of it: which SAs stand, and that all is well in the end.
#pragma once

#include <string>

#include <gtest/gtest.h>

#include "ike/testing/simulation.h"

namespace espalier::ike::testing {

inline ChildSaId current_child(const Node& node) {
  for (const ChildSaView& child : node.child_sas()) {
    if (child.current) return child.info.id;
  }
  return 0;
}

inline IkeSaId ike_sa(const Node& node) {
  for (const IkeSaView& sa : node.ike_sas()) {
    if (sa.state == IkeSaState::kEstablished) return sa.id;
  }
  return 0;
}

inline std::string describe(const Pair& pair) {
  std::string text = pair.transcript();
  for (const Node* node : {&pair.a, &pair.b}) {
    for (const IkeSaView& sa : node->ike_sas()) {
      text += node->name() + ": IKE SA " + std::to_string(sa.id) +
              (sa.initiator ? " initiator" : " responder") + " state " +
              std::to_string(static_cast<int>(sa.state)) + " childs " +
              std::to_string(sa.children) + "\n";
    }
    for (const ChildSaView& child : node->child_sas()) {
      text += node->name() + ": Child " + std::to_string(child.info.id) + " of " +
              std::to_string(child.info.ike_sa) + (child.current ? " current" : "") +
              (child.outbound_installed ? " out" : "") + "\n";
    }
  }
  return text;
}

// What must hold once everything has settled: one IKE SA, one Child, the kernels agree, nothing was
// lost.
inline void expect_one_usable_pair(Pair& pair) {
  pair.run_for(std::chrono::seconds(40));
  EXPECT_TRUE(pair.usable());
  for (Node* node : {&pair.a, &pair.b}) {
    EXPECT_EQ(node->ike_sas().size(), 1U) << node->name() << "\n" << pair.transcript();
    EXPECT_EQ(node->child_sas().size(), 1U) << node->name() << "\n" << pair.transcript();
    EXPECT_EQ(node->kernel_inbound(), 1U) << node->name();
    EXPECT_EQ(node->kernel_outbound(), 1U) << node->name();
  }
}

inline void expect_nothing_lost(const Pair& pair) {
  EXPECT_GT(pair.traffic().sent, 0U);
  EXPECT_EQ(pair.traffic().no_outbound_sa, 0U);
  EXPECT_EQ(pair.traffic().no_inbound_sa, 0U);
}

}  // namespace espalier::ike::testing
