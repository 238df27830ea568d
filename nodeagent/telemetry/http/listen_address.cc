#include "nodeagent/telemetry/http/listen_address.h"

#include <charconv>
#include <string>

namespace espalier::telemetry::http {

Result<Endpoint> parse_listen_address(std::string_view text) {
  const auto bad = [&] {
    return fail(Code::kInvalid, std::string(text),
                "no address to listen on; allowed: ADDRESS:PORT, [IPV6]:PORT, :PORT");
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return bad();
  const std::string_view port = text.substr(colon + 1);
  std::uint16_t number = 0;
  const auto parsed = std::from_chars(port.data(), port.data() + port.size(), number);
  if (port.empty() || parsed.ec != std::errc() || parsed.ptr != port.data() + port.size())
    return bad();
  std::string_view host = text.substr(0, colon);
  if (host.empty()) return Endpoint{IpAddress::any(IpFamily::kV6), number};
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  const auto address = IpAddress::parse(host);
  if (!address || address->is_v4() == bracketed) return bad();
  return Endpoint{*address, number};
}

}  // namespace espalier::telemetry::http
