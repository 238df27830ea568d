// The Status answers of the fake API server, worded as the real one words them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kube/api_error.h"
#include "kube/resource.h"
#include "kube/transport.h"

namespace espalier::kube::testing {

[[nodiscard]] Response status_answer(int code, const std::string& reason,
                                     const std::string& message,
                                     const std::vector<ErrorCause>& causes = {});
[[nodiscard]] Response not_found_answer(const Resource& resource, const ObjectKey& key);
[[nodiscard]] Response too_large_answer(std::uint64_t asked, std::uint64_t current);
// 429 with Retry-After.
[[nodiscard]] Response too_many_requests_answer(int retry_after_seconds);

}  // namespace espalier::kube::testing
