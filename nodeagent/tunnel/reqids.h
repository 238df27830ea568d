// Reqids: one reqid per child of a connection. It ties that child's SAs to its policies in the
// kernel, and tells after a restart whose SA an SA is.
//
// Guarantees: a (connection, child) keeps its reqid as long as it is known here; a reqid that was
// given up is given out again only after the whole range went by, and never while `alive` names it.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/result.h"
#include "nodeagent/dataplane/ownership.h"

namespace espalier::tunnel {

struct ChildKey {
  std::string connection;
  std::string child;
  friend auto operator<=>(const ChildKey&, const ChildKey&) = default;
};

class Reqids {
 public:
  // The key's reqid, a new one when it has none. kUnavailable: the range is exhausted.
  [[nodiscard]] Result<std::uint32_t> give(const ChildKey& key);
  [[nodiscard]] std::optional<std::uint32_t> find(const ChildKey& key) const;
  [[nodiscard]] std::optional<ChildKey> key_of(std::uint32_t reqid) const;

  // From the journal. False when the reqid is not of our range or one of both is taken.
  bool restore(const ChildKey& key, std::uint32_t reqid);
  void restore_next(std::uint32_t next);

  // Forgets all keys but `wanted` and those whose reqid an SA still has. True when some went.
  bool retain(const std::set<ChildKey>& wanted, const std::set<std::uint32_t>& alive);
  // Reqids of our range that stand in the kernel without a key: not to be given out.
  void avoid(std::set<std::uint32_t> reqids) { avoid_ = std::move(reqids); }

  [[nodiscard]] const std::map<ChildKey, std::uint32_t>& all() const { return by_key_; }
  [[nodiscard]] std::uint32_t next() const { return next_; }
  // Moves on whenever all() or next() may have changed.
  [[nodiscard]] std::uint64_t version() const { return version_; }

 private:
  std::map<ChildKey, std::uint32_t> by_key_;
  std::map<std::uint32_t, const ChildKey*> by_reqid_;  // keys of by_key_
  std::set<std::uint32_t> avoid_;
  std::uint32_t next_ = dataplane::kReqidFirst;
  std::uint64_t version_ = 1;
};

}  // namespace espalier::tunnel
