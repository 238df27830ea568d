// Resource: a kind of object the API server serves, and where it lives. ObjectKey: one object of
// it.
//
// Guarantees: names are percent-encoded in paths, so no name can change what a path means.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace espalier::kube {

// The namespace (empty for cluster-scoped kinds) and name.
struct ObjectKey {
  std::string ns;
  std::string name;

  [[nodiscard]] std::string to_string() const { return ns.empty() ? name : ns + "/" + name; }
  friend auto operator<=>(const ObjectKey&, const ObjectKey&) = default;
};

enum class Scope : std::uint8_t { kCluster, kNamespaced };

struct Resource {
  std::string group;  // "espalier.io"; empty for the core group
  std::string version;
  std::string plural;  // "nodepolicies"
  std::string kind;    // "NodePolicy"
  Scope scope = Scope::kCluster;

  [[nodiscard]] std::string api_version() const;  // "espalier.io/v1alpha1", "v1"
  // "/apis/espalier.io/v1alpha1/tunnels": of all namespaces if `ns` is empty.
  [[nodiscard]] std::string collection_path(std::string_view ns = {}) const;
  // "/api/v1/namespaces/edge/secrets/psk", with "/status" behind it if a subresource is given.
  [[nodiscard]] std::string object_path(const ObjectKey& key,
                                        std::string_view subresource = {}) const;
  friend bool operator==(const Resource&, const Resource&) = default;
};

// What Kubernetes itself serves and we need.
[[nodiscard]] Resource nodes();
[[nodiscard]] Resource pods();
[[nodiscard]] Resource namespaces();
[[nodiscard]] Resource secrets();
[[nodiscard]] Resource config_maps();
[[nodiscard]] Resource endpoint_slices();
[[nodiscard]] Resource leases();
[[nodiscard]] Resource events();  // events.k8s.io/v1
[[nodiscard]] Resource certificate_signing_requests();
[[nodiscard]] Resource custom_resource_definitions();

// RFC 3986: everything but the unreserved characters becomes %XX.
[[nodiscard]] std::string percent_encode(std::string_view text);

}  // namespace espalier::kube

template <>
struct std::hash<espalier::kube::ObjectKey> {
  std::size_t operator()(const espalier::kube::ObjectKey& key) const noexcept {
    const std::hash<std::string> of_text;
    return of_text(key.ns) * 31 + of_text(key.name);
  }
};
