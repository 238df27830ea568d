#include "nodeagent/dataplane/xfrm/attributes.h"

#include <netlink/attr.h>

namespace espalier::dataplane::xfrm {

Attributes::Attributes(ByteView bytes) {
  const auto* attribute = reinterpret_cast<const nlattr*>(bytes.data());
  int remaining = static_cast<int>(bytes.size());
  while (nla_ok(attribute, remaining) != 0) {
    const int type = nla_type(attribute);
    if (type <= kAttributeMax) {
      found_.at(index(type)) = {static_cast<const std::uint8_t*>(nla_data(attribute)),
                                static_cast<std::size_t>(nla_len(attribute))};
    }
    attribute = nla_next(attribute, &remaining);
  }
}

}  // namespace espalier::dataplane::xfrm
