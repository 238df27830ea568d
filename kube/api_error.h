// ApiError: why the API server did not do what it was asked, and what that calls for.
//
// Guarantees: the kind alone tells whether to try again; the message names the fields that the
// server complained of. Caveat: message and causes are the server's words; they may quote a value
// of the object that was sent, so do not log those of a Secret.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>
#include <tl/expected.hpp>

#include "base/error.h"
#include "base/time.h"
#include "kube/transport.h"

namespace espalier::kube {

enum class ErrorKind : std::uint8_t {
  kTransient,  // not reached, overloaded, 5xx, 429: try again with back-off
  kConflict,   // 409: somebody else changed it or owns the field; read again, or report
  kExists,     // 409 AlreadyExists
  kInvalid,  // 400, 422, 413, 415...: the same request fails again; wait for a change of the input
  kForbidden,     // 403: RBAC or an admission policy; try again seldom, tell people
  kUnauthorized,  // 401: the credentials are not taken; the transport tried fresh ones already
  kNotFound,      // 404: no such object, or the kind is not served (yet)
  kGone,          // 410: the resource version is too old; list again
};

[[nodiscard]] std::string_view name_of(ErrorKind kind);  // "Transient"

struct ErrorCause {
  std::string field;    // "spec.priority"
  std::string reason;   // "FieldValueInvalid"
  std::string message;  // what to do about it
};

struct ApiError {
  ErrorKind kind = ErrorKind::kTransient;
  int status = 0;       // HTTP's; 0: there was no answer
  std::string reason;   // Status.reason: "Invalid", "Conflict", ...
  std::string message;  // Status.message, or what the transport said
  std::vector<ErrorCause> causes;
  std::optional<Duration> retry_after;  // the server asks for this pause
  std::string where;                    // "PATCH nodepolicies/a"

  // "PATCH nodepolicies/a: Invalid: NodePolicy "a" is invalid: spec.hash: ..."
  [[nodiscard]] std::string to_string() const;
  [[nodiscard]] bool worth_retrying() const { return kind == ErrorKind::kTransient; }
  [[nodiscard]] Error to_error() const;
};

template <typename T>
using ApiResult = tl::expected<T, ApiError>;
using ApiStatus = ApiResult<void>;

// From an answer with a status of 400 or more; `body` may be a Status, other text, or nothing.
[[nodiscard]] ApiError error_of(int status, const Headers& headers, std::string_view body);
// From a Status object alone, as in a watch's ERROR event.
[[nodiscard]] ApiError error_of_status(const nlohmann::json& status);
// From a transport that got no answer.
[[nodiscard]] ApiError error_of(const Error& unreached);

// What is wrong with an answer: that there is none, or its status; nullopt if nothing is.
[[nodiscard]] std::optional<ApiError> error_in(const Result<Response>& answer);

// Retry-After in whole seconds, at most an hour; nullopt if missing or an HTTP date.
[[nodiscard]] std::optional<Duration> retry_after(const Headers& headers);

// Status.details.causes has reason "ResourceVersionTooLarge": the server is behind what we asked
// for.
[[nodiscard]] bool is_resource_version_too_large(const ApiError& error);

}  // namespace espalier::kube
