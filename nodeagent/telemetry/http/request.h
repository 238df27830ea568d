// The head of an HTTP/1.x request, as far as a server of three documents needs it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace espalier::telemetry::http {

inline constexpr std::size_t kMaxHead = 8192;  // octets; more is refused

enum class Method { kGet, kHead, kOther };

struct Request {
  Method method = Method::kOther;
  std::string path;  // without the query

  friend bool operator==(const Request&, const Request&) = default;
};

// Where the head ends: the offset behind the empty line (RFC 9112 section 2.1); nullopt: not yet.
[[nodiscard]] std::optional<std::size_t> end_of_head(std::string_view received);

// The request line of a complete head (RFC 9112 section 3); nullopt when it is none.
[[nodiscard]] std::optional<Request> parse_head(std::string_view head);

}  // namespace espalier::telemetry::http
