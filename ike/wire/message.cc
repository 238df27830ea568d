#include "ike/wire/message.h"

namespace espalier::ike::wire {

const Notify* find_notify(const std::vector<Payload>& payloads, NotifyType type) {
  for (const Payload& payload : payloads) {
    const Notify* notify = std::get_if<Notify>(&payload);
    if (notify && notify->type == type) return notify;
  }
  return nullptr;
}

const Notify* find_error(const std::vector<Payload>& payloads) {
  for (const Payload& payload : payloads) {
    const Notify* notify = std::get_if<Notify>(&payload);
    if (notify && is_error(notify->type)) return notify;
  }
  return nullptr;
}

}  // namespace espalier::ike::wire
