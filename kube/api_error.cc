#include "kube/api_error.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <utility>

#include "kube/object.h"

namespace espalier::kube {
namespace {

constexpr std::size_t kMaxMessage = 4096;  // of what is not a Status: a proxy's HTML page, say
constexpr std::int64_t kMaxRetryAfter = 3600;
constexpr std::size_t kMaxCauses = 20;

// The API server says 500 to an apply whose fields its schema does not have, though the fault is
// ours.
constexpr std::string_view kUnknownToSchema = "failed to create typed patch object";

ErrorKind kind_of(int status, std::string_view reason, std::string_view message) {
  if (status == 500 && message.substr(0, kUnknownToSchema.size()) == kUnknownToSchema) {
    return ErrorKind::kInvalid;
  }
  switch (status) {
    case 401:
      return ErrorKind::kUnauthorized;
    case 403:
      return ErrorKind::kForbidden;
    case 404:
      return ErrorKind::kNotFound;
    case 409:
      return reason == "AlreadyExists" ? ErrorKind::kExists : ErrorKind::kConflict;
    case 410:
      return ErrorKind::kGone;
    case 408:
    case 429:
      return ErrorKind::kTransient;
    default:
      return status >= 400 && status < 500 ? ErrorKind::kInvalid : ErrorKind::kTransient;
  }
}

std::optional<Duration> seconds(std::int64_t count) {
  if (count < 0) return std::nullopt;
  return std::chrono::seconds(std::min(count, kMaxRetryAfter));
}

Code code_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kTransient:
    case ErrorKind::kConflict:
    case ErrorKind::kGone:
      return Code::kUnavailable;
    case ErrorKind::kExists:
      return Code::kExists;
    case ErrorKind::kInvalid:
      return Code::kInvalid;
    case ErrorKind::kForbidden:
    case ErrorKind::kUnauthorized:
      return Code::kDenied;
    case ErrorKind::kNotFound:
      return Code::kNotFound;
  }
  return Code::kInternal;
}

}  // namespace

std::string_view name_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kTransient:
      return "Transient";
    case ErrorKind::kConflict:
      return "Conflict";
    case ErrorKind::kExists:
      return "AlreadyExists";
    case ErrorKind::kInvalid:
      return "Invalid";
    case ErrorKind::kForbidden:
      return "Forbidden";
    case ErrorKind::kUnauthorized:
      return "Unauthorized";
    case ErrorKind::kNotFound:
      return "NotFound";
    case ErrorKind::kGone:
      return "Gone";
  }
  return "Transient";
}

std::string ApiError::to_string() const {
  std::string text = where.empty() ? std::string() : where + ": ";
  text += name_of(kind);
  if (!message.empty()) text += ": " + message;
  for (const auto& cause : causes) {
    // The message of an Invalid lists its causes already.
    if (!cause.field.empty() && message.find(cause.field) == std::string::npos) {
      text += "; " + cause.field + ": " + cause.message;
    }
  }
  return text;
}

Error ApiError::to_error() const {
  return {code_of(kind), "", to_string()};
}

ApiError error_of_status(const nlohmann::json& status) {
  ApiError error;
  if (const Json* code = find_field(status, "code"); code && code->is_number_integer()) {
    error.status = static_cast<int>(std::clamp<std::int64_t>(code->get<std::int64_t>(), 0, 999));
  }
  error.reason = field_text(status, "reason");
  error.message = field_text(status, "message");
  if (const Json* wait = find_field(status, "details.retryAfterSeconds");
      wait && wait->is_number_integer() && wait->get<std::int64_t>() > 0) {
    error.retry_after = seconds(wait->get<std::int64_t>());
  }
  if (const Json* causes = find_field(status, "details.causes"); causes && causes->is_array()) {
    for (const auto& cause : *causes) {
      if (error.causes.size() == kMaxCauses) break;
      error.causes.push_back(
          {field_text(cause, "field"), field_text(cause, "reason"), field_text(cause, "message")});
    }
  }
  if (error.status == 0 && error.reason == "Expired") error.status = 410;
  error.kind = kind_of(error.status, error.reason, error.message);
  return error;
}

ApiError error_of(int status, const Headers& headers, std::string_view body) {
  ApiError error;
  const Json json = Json::parse(body, nullptr, false);
  if (json.is_object() && field_text(json, "kind") == "Status") {
    error = error_of_status(json);
  } else {
    error.message = std::string(body.substr(0, kMaxMessage));
    while (!error.message.empty() && error.message.back() == '\n') error.message.pop_back();
  }
  error.status = status;
  error.kind = kind_of(status, error.reason, error.message);
  if (error.message.empty()) error.message = "HTTP status " + std::to_string(status);
  if (const auto wait = retry_after(headers)) error.retry_after = wait;
  return error;
}

ApiError error_of(const Error& unreached) {
  ApiError error;
  error.kind = ErrorKind::kTransient;
  error.message = unreached.to_string();
  return error;
}

std::optional<ApiError> error_in(const Result<Response>& answer) {
  if (!answer) return error_of(answer.error());
  if (answer->status >= 300) return error_of(answer->status, answer->headers, answer->body);
  return std::nullopt;
}

std::optional<Duration> retry_after(const Headers& headers) {
  const std::string* text = find_header(headers, "Retry-After");
  if (text == nullptr || text->empty()) return std::nullopt;
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), count);
  if (error != std::errc() || end != text->data() + text->size()) return std::nullopt;
  return seconds(count);
}

bool is_resource_version_too_large(const ApiError& error) {
  return std::any_of(error.causes.begin(), error.causes.end(), [](const ErrorCause& cause) {
    return cause.reason == "ResourceVersionTooLarge";
  });
}

}  // namespace espalier::kube
