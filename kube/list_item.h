// The items of a list, which the API server hands out without their kind.
#pragma once

#include "base/result.h"
#include "kube/object.h"
#include "kube/resource.h"

namespace espalier::kube {

// The item as an object of its own, trimmed; fails as make_object() does.
[[nodiscard]] Result<ObjectPtr> object_of_item(const Resource& resource, Json item,
                                               const Trim& trim = {});

}  // namespace espalier::kube
