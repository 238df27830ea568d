#include "kube/list_item.h"

#include <utility>

namespace espalier::kube {

Result<ObjectPtr> object_of_item(const Resource& resource, Json item, const Trim& trim) {
  if (item.is_object()) {
    item["apiVersion"] = resource.api_version();
    item["kind"] = resource.kind;
    if (trim) trim(item);
  }
  return make_object(std::move(item));
}

}  // namespace espalier::kube
