// ConfigMap espalier-trust: what nodes trust, key ca.crt, PEM. Agents follow it.
//
// Errors are the API server's. Blocking, for any thread; one writer at a time, the leader.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "kube/client.h"

namespace espalier::certificates {

inline constexpr std::string_view kTrustConfigMap = "espalier-trust";
inline constexpr std::string_view kTrustKey = "ca.crt";

// nullopt: there is none; empty: it holds nothing under that key.
[[nodiscard]] kube::ApiResult<std::optional<std::string>> read_trust(const kube::Client& client,
                                                                     const std::string& ns);
[[nodiscard]] kube::ApiStatus publish_trust(const kube::Client& client, const std::string& ns,
                                            const std::string& bundle);

}  // namespace espalier::certificates
