#include "nodeagent/telemetry/http/request.h"

#include <algorithm>

namespace espalier::telemetry::http {

std::optional<std::size_t> end_of_head(std::string_view received) {
  const std::size_t at = received.find("\r\n\r\n");
  if (at == std::string_view::npos) return std::nullopt;
  return at + 4;
}

std::optional<Request> parse_head(std::string_view head) {
  const std::string_view line = head.substr(0, head.find("\r\n"));
  const std::size_t first = line.find(' ');
  const std::size_t second = line.rfind(' ');
  if (first == std::string_view::npos || second == first) return std::nullopt;
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, second - first - 1);
  const std::string_view version = line.substr(second + 1);
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return std::nullopt;
  const auto visible = [](char c) { return c > 0x20 && c < 0x7f; };
  if (target.empty() || target.front() != '/' ||
      !std::all_of(target.begin(), target.end(), visible)) {
    return std::nullopt;
  }
  Request request;
  if (method == "GET") request.method = Method::kGet;
  if (method == "HEAD") request.method = Method::kHead;
  request.path = std::string(target.substr(0, target.find('?')));
  return request;
}

}  // namespace espalier::telemetry::http
