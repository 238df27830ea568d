#include "crds/kube/resources.h"

namespace espalier::crds {
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

}  // namespace espalier::crds
