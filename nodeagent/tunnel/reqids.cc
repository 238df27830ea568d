#include "nodeagent/tunnel/reqids.h"

namespace espalier::tunnel {

Result<std::uint32_t> Reqids::give(const ChildKey& key) {
  if (const auto known = find(key)) return *known;
  constexpr std::uint32_t kCount = dataplane::kReqidLast - dataplane::kReqidFirst + 1;
  for (std::uint32_t tried = 0; tried < kCount; ++tried) {
    const std::uint32_t reqid = next_;
    next_ = reqid == dataplane::kReqidLast ? dataplane::kReqidFirst : reqid + 1;
    if (by_reqid_.contains(reqid) || avoid_.contains(reqid)) continue;
    by_reqid_.emplace(reqid, &by_key_.emplace(key, reqid).first->first);
    ++version_;
    return reqid;
  }
  return fail(Code::kUnavailable, key.connection + " " + key.child, "no reqid is free");
}

std::optional<std::uint32_t> Reqids::find(const ChildKey& key) const {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return std::nullopt;
  return found->second;
}

std::optional<ChildKey> Reqids::key_of(std::uint32_t reqid) const {
  const auto found = by_reqid_.find(reqid);
  if (found == by_reqid_.end()) return std::nullopt;
  return *found->second;
}

bool Reqids::restore(const ChildKey& key, std::uint32_t reqid) {
  if (!dataplane::owns_reqid(reqid) || by_key_.contains(key) || by_reqid_.contains(reqid)) {
    return false;
  }
  by_reqid_.emplace(reqid, &by_key_.emplace(key, reqid).first->first);
  ++version_;
  return true;
}

void Reqids::restore_next(std::uint32_t next) {
  if (!dataplane::owns_reqid(next)) return;
  next_ = next;
  ++version_;
}

bool Reqids::retain(const std::set<ChildKey>& wanted, const std::set<std::uint32_t>& alive) {
  const std::size_t before = by_key_.size();
  for (auto it = by_key_.begin(); it != by_key_.end();) {
    if (wanted.contains(it->first) || alive.contains(it->second)) {
      ++it;
      continue;
    }
    by_reqid_.erase(it->second);
    it = by_key_.erase(it);
  }
  const bool changed = by_key_.size() != before;
  if (changed) ++version_;
  return changed;
}

}  // namespace espalier::tunnel
