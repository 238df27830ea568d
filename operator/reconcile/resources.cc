#include "operator/reconcile/resources.h"

namespace espalier::reconcile {
namespace {

kube::Resource ours(const char* plural, const char* kind,
                    kube::Scope scope = kube::Scope::kCluster) {
  return {"espalier.io", "v1alpha1", plural, kind, scope};
}

}  // namespace

kube::Resource ipsec_policies() {
  return ours("ipsecpolicies", "IPsecPolicy");
}
kube::Resource tunnels() {
  return ours("tunnels", "Tunnel", kube::Scope::kNamespaced);
}
kube::Resource node_policies() {
  return ours("nodepolicies", "NodePolicy");
}
kube::Resource node_endpoints() {
  return ours("nodeendpoints", "NodeEndpoint");
}
kube::Resource pod_slices() {
  return ours("podslices", "PodSlice");
}
kube::Resource endpoint_slices() {
  return {"discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", kube::Scope::kNamespaced};
}

}  // namespace espalier::reconcile
