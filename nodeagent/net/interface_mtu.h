// What the node's interfaces carry in one piece.
#pragma once

#include <cstdint>
#include <map>

#include "base/ip.h"
#include "base/result.h"

namespace espalier::net {

// By the addresses of the interfaces that are up; octets. kIo: the kernel does not say.
[[nodiscard]] Result<std::map<IpAddress, std::uint32_t>> interface_mtus();

}  // namespace espalier::net
