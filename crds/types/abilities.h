// Abilities: what the program that reads can carry out, beyond what all can.
#pragma once

namespace espalier::crds {

// What asks for more is refused as "not yet", like what no program of this release can do.
struct Abilities {
  bool pod_selection = true;  // namespaceSelector and podSelector
};

}  // namespace espalier::crds
