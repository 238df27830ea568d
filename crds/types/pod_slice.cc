#include "crds/types/pod_slice.h"

#include "crds/types/kinds.h"

namespace espalier::crds {

Value<PodSliceSpec> pod_slice_spec() {
  using Spec = PodSliceSpec;
  Value<IpAddress> pod = address();
  pod.schema["minLength"] = 2;
  Shape<Spec> shape;
  shape.required("policy", &Spec::policy,
                 text(253, is_dns_subdomain, "the name of an IPsecPolicy"));
  shape.required("addresses", &Spec::addresses, set(std::move(pod), 1, kMaxAddressesOfSlice));
  return shape.value();
}

}  // namespace espalier::crds
