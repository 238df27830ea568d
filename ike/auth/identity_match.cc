#include "ike/auth/identity_match.h"

#include <algorithm>

namespace espalier::ike::auth {
namespace {
std::uint8_t lower(std::uint8_t c) {
  return c >= 'A' && c <= 'Z' ? static_cast<std::uint8_t>(c + ('a' - 'A')) : c;
}
}  // namespace

bool same_identity(const wire::Identification& a, const wire::Identification& b) {
  if (a.type != b.type || a.data.size() != b.data.size()) return false;
  if (a.type == wire::IdType::kFqdn) {
    return std::equal(a.data.begin(), a.data.end(), b.data.begin(),
                      [](std::uint8_t x, std::uint8_t y) { return lower(x) == lower(y); });
  }
  if (a.type == wire::IdType::kRfc822Addr) {
    // Only the part behind the @ is a host name; the mailbox is compared as it is (RFC 5280
    // section 7.5).
    const auto at = std::find(a.data.begin(), a.data.end(), static_cast<std::uint8_t>('@'));
    const auto box = at - a.data.begin();
    return std::equal(a.data.begin(), at, b.data.begin()) &&
           std::equal(at, a.data.end(), b.data.begin() + box,
                      [](std::uint8_t x, std::uint8_t y) { return lower(x) == lower(y); });
  }
  return equal(a.data, b.data);
}

}  // namespace espalier::ike::auth
