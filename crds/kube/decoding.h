// An API server's object as one of our kinds.
#pragma once

#include <memory>

#include "base/result.h"
#include "crds/types/decode.h"
#include "crds/types/document.h"
#include "kube/object.h"

namespace espalier::crds {

[[nodiscard]] Document document_of(const kube::Object& object);

// The error is the first of the object's problems, or kInvalid for an object of another kind.
// For IPsecPolicy, Tunnel, NodeEndpoint, NodePolicy and Secret.
template <typename Kind>
[[nodiscard]] Result<std::shared_ptr<const Kind>> decode_as(Document&& document);

}  // namespace espalier::crds
