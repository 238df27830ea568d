// What people are told, once, when an object's conditions become others: as Events.
//
//   Warning  Accepted became False: Invalid, NotSupported, Refused
//            NodeFailed: a node began to say that it cannot
//            Shadowed, ProfileConflict: it began to lose to another policy
//            Ready lost, with the reason that Ready gives
//   Normal   Ready gained; and Ready lost where only nodes have to follow yet (Pending)
//
// Guarantees: pure; the same state again gives nothing, whatever its messages and times are, and
// one cause is told once although several conditions tell of it.
#pragma once

#include <string>
#include <vector>

#include "crds/types/status.h"

namespace espalier::reconcile {

struct Transition {
  bool warning = false;
  std::string reason;   // of the condition: "NodeFailed"
  std::string message;  // of the condition

  friend bool operator==(const Transition&, const Transition&) = default;
};

// In the order of the list above.
[[nodiscard]] std::vector<Transition> transitions(const std::vector<crds::Condition>& standing,
                                                  const std::vector<crds::Condition>& made);

}  // namespace espalier::reconcile
