// The label by which a NodePolicy says that its plan is the last: Espalier is taken off the node,
// and what holds its pods lets go. A plan without it takes that back.
#pragma once

namespace espalier::crds {

inline constexpr const char* kUninstallingLabel = "espalier.io/uninstalling";  // "true"

}  // namespace espalier::crds
