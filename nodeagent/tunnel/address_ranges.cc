#include "nodeagent/tunnel/address_ranges.h"

namespace espalier::tunnel {

std::vector<Prefix> prefixes_of(const IpAddress& first, const IpAddress& last) {
  std::vector<Prefix> result;
  if (first.family() != last.family() || last < first) return result;
  IpAddress at = first;
  for (;;) {
    // The shortest prefix that begins here and does not reach beyond the end.
    int length = at.bits();
    while (length > 0) {
      const Prefix wider(at, length - 1);
      if (wider.first() != at || last < wider.last()) break;
      --length;
    }
    const Prefix prefix(at, length);
    result.push_back(prefix);
    if (prefix.last() == last) return result;
    at = prefix.last().next();
  }
}

}  // namespace espalier::tunnel
