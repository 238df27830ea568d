#include "operator/plan/world.h"

namespace espalier::plan {

World world_of(const crds::ManifestSet& manifests) {
  return {manifests.endpoints, manifests.policies, manifests.tunnels, {}};
}

}  // namespace espalier::plan
