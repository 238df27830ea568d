#include "nodeagent/dataplane/sa.h"

#include <fmt/format.h>

namespace espalier::dataplane {

std::string SaId::to_string() const {
  return fmt::format("SA {:#010x} to {}", spi, destination.to_string());
}

SaId id_of(const Sa& sa) {
  return {sa.destination, sa.spi};
}

}  // namespace espalier::dataplane
