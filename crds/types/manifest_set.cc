#include "crds/types/manifest_set.h"

#include <map>
#include <utility>

#include <fmt/format.h>

namespace espalier::crds {

namespace {

std::string secret_namespace(const Secret& secret) {
  return secret.meta.ns.empty() ? std::string(kOperatorNamespace) : secret.meta.ns;
}

std::string also_at(const Meta& earlier) {
  const std::string place = earlier.origin.to_string();
  return place.empty() ? "" : " (" + place + ")";
}

Problem problem_at(const Meta& meta, std::string_view kind, std::string field, std::string detail) {
  return {ProblemKind::kInvalid, meta.origin, fmt::format("{} {}", kind, qualified_name(meta)),
          std::move(field), std::move(detail)};
}

template <typename Kind>
void check_names(const std::vector<std::shared_ptr<const Kind>>& objects, std::string_view kind,
                 Problems& problems) {
  std::map<std::pair<std::string, std::string>, const Meta*> seen;
  for (const auto& object : objects) {
    std::string ns = object->meta.ns;
    if constexpr (std::is_same_v<Kind, Secret>) ns = secret_namespace(*object);
    const auto [place, fresh] = seen.emplace(std::pair(ns, object->meta.name), &object->meta);
    if (fresh) continue;
    problems.push_back(
        problem_at(object->meta, kind, {},
                   "is given twice: there is already one of this name" + also_at(*place->second)));
  }
}

void check_endpoints(const ManifestSet& set, Problems& problems) {
  // Pairs of nodes are many, so what must be unique is looked up; overlaps of blocks are compared
  // with the neighbours in address order only, which is enough because equal parts are sorted
  // together and a block that holds others comes before them.
  std::map<IpAddress, const NodeEndpoint*> addresses;
  std::map<std::string, const NodeEndpoint*> identities;
  std::map<Prefix, const NodeEndpoint*> blocks;
  const auto clash = [&](const NodeEndpoint& later, const NodeEndpoint& earlier, std::string field,
                         const std::string& what) {
    problems.push_back(problem_at(
        later.meta, "NodeEndpoint", std::move(field),
        fmt::format("{} NodeEndpoint {}{}", what, earlier.meta.name, also_at(earlier.meta))));
  };
  for (const auto& endpoint : set.endpoints) {
    for (std::size_t i = 0; i < endpoint->spec.addresses.size(); ++i) {
      const IpAddress& address = endpoint->spec.addresses[i];
      const auto [place, fresh] = addresses.emplace(address, endpoint.get());
      if (!fresh && place->second->meta.name != endpoint->meta.name) {
        clash(*endpoint, *place->second, fmt::format("spec.addresses[{}]", i),
              fmt::format("{} also belongs to", address.to_string()));
      }
    }
    const auto [place, fresh] = identities.emplace(endpoint->spec.identity, endpoint.get());
    if (!fresh && place->second->meta.name != endpoint->meta.name) {
      clash(*endpoint, *place->second, "spec.identity",
            fmt::format("{} is also the identity of", endpoint->spec.identity));
    }
    for (std::size_t i = 0; i < endpoint->spec.pod_cidrs.size(); ++i) {
      const Prefix& block = endpoint->spec.pod_cidrs[i];
      const auto after = blocks.lower_bound(block);
      const NodeEndpoint* other = nullptr;
      if (after != blocks.end() && after->first.overlaps(block)) other = after->second;
      if (!other && after != blocks.begin() && std::prev(after)->first.overlaps(block)) {
        other = std::prev(after)->second;
      }
      if (other && other->meta.name != endpoint->meta.name) {
        clash(*endpoint, *other, fmt::format("spec.podCIDRs[{}]", i),
              fmt::format("{} overlaps a block of", block.to_string()));
      } else {
        blocks.emplace(block, endpoint.get());
      }
    }
  }
  for (const auto& [address, endpoint] : addresses) {
    const auto after = blocks.upper_bound(Prefix::host(address));
    if (after == blocks.begin()) continue;
    const auto& [block, owner] = *std::prev(after);
    if (owner == endpoint || !block.contains(address)) continue;
    clash(*endpoint, *owner, "spec.addresses",
          fmt::format("{} lies in the pod block {} of", address.to_string(), block.to_string()));
  }
}

}  // namespace

void ManifestSet::add(Object&& object) {
  struct Adder {
    ManifestSet& set;
    void operator()(IPsecPolicy&& policy) const {
      set.policies.push_back(std::make_shared<const IPsecPolicy>(std::move(policy)));
    }
    void operator()(Tunnel&& tunnel) const {
      set.tunnels.push_back(std::make_shared<const Tunnel>(std::move(tunnel)));
    }
    void operator()(NodeEndpoint&& endpoint) const {
      set.endpoints.push_back(std::make_shared<const NodeEndpoint>(std::move(endpoint)));
    }
    void operator()(PodSlice&& slice) const {
      set.pod_slices.push_back(std::make_shared<const PodSlice>(std::move(slice)));
    }
    void operator()(Secret&& secret) const {
      set.secrets.push_back(std::make_shared<const Secret>(std::move(secret)));
    }
  };
  std::visit(Adder{*this}, std::move(object));
}

void ManifestSet::add(const ManifestSet& other) {
  policies.insert(policies.end(), other.policies.begin(), other.policies.end());
  tunnels.insert(tunnels.end(), other.tunnels.begin(), other.tunnels.end());
  endpoints.insert(endpoints.end(), other.endpoints.begin(), other.endpoints.end());
  pod_slices.insert(pod_slices.end(), other.pod_slices.begin(), other.pod_slices.end());
  secrets.insert(secrets.end(), other.secrets.begin(), other.secrets.end());
}

const Secret* ManifestSet::find_secret(std::string_view ns, std::string_view name) const {
  for (const auto& secret : secrets) {
    if (secret->meta.name == name && secret_namespace(*secret) == ns) return secret.get();
  }
  return nullptr;
}

Result<const SecretBytes*> ManifestSet::find_value(std::string_view ns, std::string_view name,
                                                   std::string_view key) const {
  const Secret* secret = find_secret(ns, name);
  if (!secret) {
    return fail(Code::kNotFound, fmt::format("Secret {}/{}", ns, name), "there is no such Secret");
  }
  const auto value = secret->data.find(std::string(key));
  if (value == secret->data.end()) {
    std::string keys;
    for (const auto& [present, ignored] : secret->data)
      keys += (keys.empty() ? "" : ", ") + present;
    return fail(Code::kNotFound, fmt::format("Secret {}/{}{}", ns, name, also_at(secret->meta)),
                fmt::format("it has no key {}; it has: {}", key, keys.empty() ? "none" : keys));
  }
  return &value->second;
}

Problems check_together(const ManifestSet& set) {
  Problems problems;
  check_names(set.policies, "IPsecPolicy", problems);
  check_names(set.tunnels, "Tunnel", problems);
  check_names(set.endpoints, "NodeEndpoint", problems);
  check_names(set.pod_slices, "PodSlice", problems);
  check_names(set.secrets, "Secret", problems);
  check_endpoints(set, problems);
  sort_by_place(problems);
  return problems;
}

}  // namespace espalier::crds
