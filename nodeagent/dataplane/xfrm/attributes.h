// The attributes of a netlink message, found once and read by type.
//
// Guarantees: any bytes are taken; what is too short for what is asked of it is not there.
#pragma once

#include <array>
#include <cstring>
#include <optional>

#include "base/bytes.h"
#include "nodeagent/dataplane/xfrm/uapi.h"

namespace espalier::dataplane::xfrm {

class Attributes {
 public:
  // The attributes in `bytes`. Of several of one type the last counts, as in the kernel.
  explicit Attributes(ByteView bytes);

  [[nodiscard]] bool has(int type) const { return found_.at(index(type)).data() != nullptr; }
  [[nodiscard]] ByteView bytes(int type) const { return found_.at(index(type)); }
  // The attribute's fixed structure; longer ones are cut.
  template <typename Value>
  [[nodiscard]] std::optional<Value> get(int type) const {
    return read_front<Value>(bytes(type));
  }

  template <typename Value>
  [[nodiscard]] static std::optional<Value> read_front(ByteView bytes) {
    if (bytes.size() < sizeof(Value)) return std::nullopt;
    Value value;
    std::memcpy(&value, bytes.data(), sizeof(Value));
    return value;
  }

 private:
  static std::size_t index(int type) { return static_cast<std::size_t>(type); }
  std::array<ByteView, kAttributeMax + 1> found_{};
};

// The fixed structure a message begins with, and the attributes behind it.
template <typename Body>
struct Parsed {
  Body body;
  Attributes attributes;
};
template <typename Body>
[[nodiscard]] std::optional<Parsed<Body>> parse(ByteView payload) {
  const auto body = Attributes::read_front<Body>(payload);
  if (!body) return std::nullopt;
  const std::size_t behind = (sizeof(Body) + NLMSG_ALIGNTO - 1) & ~std::size_t{NLMSG_ALIGNTO - 1};
  return Parsed<Body>{*body, Attributes(payload.subspan(std::min(behind, payload.size())))};
}

}  // namespace espalier::dataplane::xfrm
