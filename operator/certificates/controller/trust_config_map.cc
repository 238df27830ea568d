#include "operator/certificates/controller/trust_config_map.h"

#include <utility>

namespace espalier::certificates {

using kube::Json;

kube::ApiResult<std::optional<std::string>> read_trust(const kube::Client& client,
                                                       const std::string& ns) {
  const auto found = client.get(kube::config_maps(), {ns, std::string(kTrustConfigMap)});
  if (!found) {
    if (found.error().kind == kube::ErrorKind::kNotFound) return std::nullopt;
    return tl::unexpected(found.error());
  }
  const Json* data = kube::find_field((*found)->json, "data");
  if (data == nullptr || !data->is_object()) return std::string();
  const auto at = data->find(std::string(kTrustKey));
  return at != data->end() && at->is_string() ? at->get<std::string>() : std::string();
}

kube::ApiStatus publish_trust(const kube::Client& client, const std::string& ns,
                              const std::string& bundle) {
  auto done = client.apply(kube::config_maps(),
                           {{"metadata", {{"name", kTrustConfigMap}, {"namespace", ns}}},
                            {"data", {{kTrustKey, bundle}}}});
  if (!done) return tl::unexpected(std::move(done.error()));
  return {};
}

}  // namespace espalier::certificates
