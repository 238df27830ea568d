#include "nodeagent/follow/stored_plan.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "crds/types/decode.h"

namespace espalier::follow {
namespace {

using crds::Json;

constexpr int kVersion = 1;
constexpr std::array<const char*, 7> kFields = {
    "version", "node", "nodePolicy", "nodeEndpoints", "ipsecPolicies", "tunnels", "trust"};
constexpr const char* kPods = "pods";  // may be missing

template <typename Kind>
Result<std::shared_ptr<const Kind>> read_object(Json json) {
  crds::Document document;
  document.json = std::move(json);
  return crds::decode_as<Kind>(std::move(document));
}

template <typename Kind>
Status read_list(Json& all, const char* field, std::vector<std::shared_ptr<const Kind>>& to) {
  Json& list = all[field];
  if (!list.is_array()) return fail(Code::kInvalid, field, "a list is needed");
  for (std::size_t i = 0; i < list.size(); ++i) {
    auto object = read_object<Kind>(std::move(list[i]));
    if (!object) return within(fmt::format("{}[{}]", field, i), object);
    to.push_back(std::move(*object));
  }
  return {};
}

// By policy, a list of addresses.
Result<plan::PodsOfPolicies> read_pods(const Json& json) {
  if (!json.is_object()) return fail(Code::kInvalid, kPods, "an object is needed");
  plan::PodsOfPolicies pods;
  for (const auto& [policy, list] : json.items()) {
    if (!list.is_array()) return fail(Code::kInvalid, kPods, "a list is needed");
    std::vector<IpAddress>& of = pods[policy];
    for (const Json& one : list) {
      const auto address =
          one.is_string() ? IpAddress::parse(one.get<std::string>()) : std::nullopt;
      if (!address) return fail(Code::kInvalid, kPods, "an address is needed");
      of.push_back(*address);
    }
    std::sort(of.begin(), of.end());
    of.erase(std::unique(of.begin(), of.end()), of.end());
  }
  return pods;
}

Json pods_json(const plan::PodsOfPolicies& pods) {
  Json json = Json::object();
  for (const auto& [policy, addresses] : pods) {
    Json list = Json::array();
    for (const IpAddress& address : addresses) list.push_back(address.to_string());
    json[policy] = std::move(list);
  }
  return json;
}

}  // namespace

Json without_status(const Json& object) {
  Json kept = object;
  kept.erase("status");
  const auto metadata = kept.find("metadata");
  if (metadata != kept.end() && metadata->is_object()) {
    for (const char* field : {"annotations", "managedFields", "resourceVersion"})
      metadata->erase(field);
  }
  return kept;
}

std::string encode_stored_plan(const std::string& node, const StoredParts& parts) {
  Json all = {{"version", kVersion},
              {"node", node},
              {"nodePolicy", parts.node_policy},
              {"nodeEndpoints", parts.endpoints},
              {"ipsecPolicies", parts.policies},
              {"tunnels", parts.tunnels},
              {"trust", parts.trust_pem}};
  if (parts.pods) all[kPods] = pods_json(*parts.pods);
  return all.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<StoredPlan> decode_stored_plan(std::string_view text, const std::string& node) {
  Json all = Json::parse(text, nullptr, false);
  if (!all.is_object()) {
    return fail(Code::kInvalid, {}, "is no JSON object: it was cut off, or others wrote it");
  }
  const auto version = all.find("version");
  if (version == all.end() || *version != kVersion) {
    return fail(Code::kInvalid, "version",
                fmt::format("is {}; this release reads {}",
                            version == all.end() ? "missing" : version->dump(), kVersion));
  }
  for (const auto& [field, value] : all.items()) {
    if (field != kPods && std::find(kFields.begin(), kFields.end(), field) == kFields.end())
      return fail(Code::kInvalid, field, "is not known");
  }
  for (const char* field : kFields) {
    if (!all.contains(field)) return fail(Code::kInvalid, field, "is missing");
  }
  StoredPlan stored;
  stored.node = node;
  if (all["node"] != node) {
    return fail(Code::kInvalid, "node", "is " + all["node"].dump() + ", this one is " + node);
  }
  if (!all["trust"].is_string()) return fail(Code::kInvalid, "trust", "a text is needed");
  stored.trust_pem = all["trust"].get<std::string>();
  auto policy = read_object<crds::NodePolicy>(std::move(all["nodePolicy"]));
  if (!policy) return within("nodePolicy", policy);
  stored.node_policy = std::move(*policy);
  if (auto read = read_list(all, "nodeEndpoints", stored.world.endpoints); !read)
    return forward(read);
  if (auto read = read_list(all, "ipsecPolicies", stored.world.policies); !read)
    return forward(read);
  if (auto read = read_list(all, "tunnels", stored.world.tunnels); !read) return forward(read);
  if (all.contains(kPods)) {
    auto pods = read_pods(all[kPods]);
    if (!pods) return forward(pods);
    stored.pods = std::move(*pods);
  }
  return stored;
}

}  // namespace espalier::follow
