// decode: one document -> one object, or everything that is wrong with it. What people write comes
// by decode(); what only Espalier writes, by a function per kind.
//
// Guarantees: strict (an unknown field, a wrong type, a value out of range is a problem) and never
// throws; all problems of the document are found, up to kMaxProblems, each with file, line and
// field where they are known. `status` and the metadata that the API server adds are taken and
// ignored.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "crds/types/document.h"
#include "crds/types/ipsec_policy.h"
#include "crds/types/node_endpoint.h"
#include "crds/types/node_policy.h"
#include "crds/types/pod_slice.h"
#include "crds/types/problem.h"
#include "crds/types/secret.h"
#include "crds/types/tunnel.h"

namespace espalier::crds {

inline constexpr std::string_view kApiVersion = "espalier.io/v1alpha1";

using Object = std::variant<IPsecPolicy, Tunnel, NodeEndpoint, PodSlice, Secret>;

struct Decoded {
  std::optional<Object> object;  // only if there are no problems
  Problems problems;             // by place
};

// A Secret's values are wiped from the document.
[[nodiscard]] Decoded decode(Document&& document);

template <typename Kind>
struct DecodedKind {
  std::optional<Kind> object;  // only if there are no problems
  Problems problems;           // by place
};

[[nodiscard]] DecodedKind<NodePolicy> decode_node_policy(Document&& document);
[[nodiscard]] DecodedKind<PodSlice> decode_pod_slice(Document&& document);

// One kind alone: the error is the first of its problems, or kInvalid for an object of another
// kind. For IPsecPolicy, Tunnel, NodeEndpoint, NodePolicy and Secret.
template <typename Kind>
[[nodiscard]] Result<std::shared_ptr<const Kind>> decode_as(Document&& document);

// The structural schema of a kind's spec that the decoder keeps to, for comparison with the CRD;
// nullopt for a kind without one.
[[nodiscard]] std::optional<Json> spec_schema(std::string_view kind);

}  // namespace espalier::crds
