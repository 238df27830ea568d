#include "kube/testing/status_answer.h"

#include "kube/object.h"

namespace espalier::kube::testing {
namespace {

std::string qualified(const Resource& resource) {
  return resource.group.empty() ? resource.plural : resource.plural + "." + resource.group;
}

}  // namespace

Response status_answer(int code, const std::string& reason, const std::string& message,
                       const std::vector<ErrorCause>& causes) {
  Json status = {{"apiVersion", "v1"}, {"kind", "Status"},         {"metadata", Json::object()},
                 {"code", code},       {"status", "Failure"},      {"reason", reason},
                 {"message", message}, {"details", Json::object()}};
  for (const auto& cause : causes) {
    status["details"]["causes"].push_back(
        {{"field", cause.field}, {"reason", cause.reason}, {"message", cause.message}});
  }
  return {code, {{"Content-Type", "application/json"}}, status.dump()};
}

Response not_found_answer(const Resource& resource, const ObjectKey& key) {
  return status_answer(404, "NotFound", qualified(resource) + " \"" + key.name + "\" not found");
}

Response too_large_answer(std::uint64_t asked, std::uint64_t current) {
  return status_answer(504, "Timeout",
                       "Too large resource version: " + std::to_string(asked) +
                           ", current: " + std::to_string(current),
                       {{"", "ResourceVersionTooLarge", "Too large resource version"}});
}

Response too_many_requests_answer(int retry_after_seconds) {
  Response response =
      status_answer(429, "TooManyRequests", "Too many requests, please try again later.");
  response.headers.emplace_back("Retry-After", std::to_string(retry_after_seconds));
  return response;
}

}  // namespace espalier::kube::testing
