#include "kube/resource.h"

namespace espalier::kube {
namespace {

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

}  // namespace

std::string Resource::api_version() const {
  return group.empty() ? version : group + "/" + version;
}

std::string Resource::collection_path(std::string_view ns) const {
  std::string path = group.empty() ? "/api/" : "/apis/" + percent_encode(group) + "/";
  path += percent_encode(version);
  if (!ns.empty()) path += "/namespaces/" + percent_encode(ns);
  return path + "/" + percent_encode(plural);
}

std::string Resource::object_path(const ObjectKey& key, std::string_view subresource) const {
  std::string path = collection_path(key.ns) + "/" + percent_encode(key.name);
  if (!subresource.empty()) path += "/" + percent_encode(subresource);
  return path;
}

Resource nodes() {
  return {"", "v1", "nodes", "Node", Scope::kCluster};
}
Resource pods() {
  return {"", "v1", "pods", "Pod", Scope::kNamespaced};
}
Resource namespaces() {
  return {"", "v1", "namespaces", "Namespace", Scope::kCluster};
}
Resource secrets() {
  return {"", "v1", "secrets", "Secret", Scope::kNamespaced};
}
Resource config_maps() {
  return {"", "v1", "configmaps", "ConfigMap", Scope::kNamespaced};
}
Resource endpoint_slices() {
  return {"discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", Scope::kNamespaced};
}
Resource leases() {
  return {"coordination.k8s.io", "v1", "leases", "Lease", Scope::kNamespaced};
}
Resource events() {
  return {"events.k8s.io", "v1", "events", "Event", Scope::kNamespaced};
}
Resource certificate_signing_requests() {
  return {"certificates.k8s.io", "v1", "certificatesigningrequests", "CertificateSigningRequest",
          Scope::kCluster};
}
Resource custom_resource_definitions() {
  return {"apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition",
          Scope::kCluster};
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (is_unreserved(c)) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kDigits[byte >> 4U];
    out += kDigits[byte & 0xFU];
  }
  return out;
}

}  // namespace espalier::kube
