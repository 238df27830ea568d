// ManifestSet: the objects of a folder, or of a cluster, together; and what only shows once they
// stand together.
//
// Guarantees: immutable objects behind shared pointers, so that a set can keep the last good
// content of one file beside the new content of another without copying a Secret.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret_bytes.h"
#include "crds/types/decode.h"

namespace espalier::crds {

// Where the Secrets of cluster-scoped kinds are, and what a Secret without a namespace belongs to.
inline constexpr std::string_view kOperatorNamespace = "espalier-system";

struct ManifestSet {
  std::vector<std::shared_ptr<const IPsecPolicy>> policies;
  std::vector<std::shared_ptr<const Tunnel>> tunnels;
  std::vector<std::shared_ptr<const NodeEndpoint>> endpoints;
  std::vector<std::shared_ptr<const PodSlice>> pod_slices;
  std::vector<std::shared_ptr<const Secret>> secrets;

  void add(Object&& object);
  void add(const ManifestSet& other);

  // nullptr if there is none.
  [[nodiscard]] const Secret* find_secret(std::string_view ns, std::string_view name) const;
  // The value of a key. The error says which Secret, where it is written and what is missing.
  [[nodiscard]] Result<const SecretBytes*> find_value(std::string_view ns, std::string_view name,
                                                      std::string_view key) const;
};

// Two objects of one kind and name; nodes that share an address, a pod CIDR or an identity. The
// problem stands at the later object and names the place of the earlier.
[[nodiscard]] Problems check_together(const ManifestSet& set);

}  // namespace espalier::crds
