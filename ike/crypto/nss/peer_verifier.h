// The VerifyPeer job, with a memory of chains that verified. Thread-safe. Private to this adapter.
//
// A chain is remembered by its octets and its trust until it may no longer be believed, so a peer's
// hundred tunnels cost one chain; the leaf's decoded key is remembered with it. Bounded: the
// least recently used goes.
#pragma once

#include <array>
#include <list>
#include <map>
#include <memory>
#include <mutex>

#include "ike/crypto/nss/trust.h"
#include "ike/crypto/provider.h"

namespace espalier::ike::crypto::nss {

class PeerVerifier {
 public:
  static constexpr std::size_t kCapacity = 1024;  // a few KiB each

  explicit PeerVerifier(std::size_t capacity = kCapacity) : capacity_(capacity) {}

  // `generation` differs for every state a trust ever had.
  [[nodiscard]] Outcome verify(const VerifyPeer& job, const Trust& trust, std::uint64_t generation);
  // Lets everything go that holds a handle.
  void clear();
  // How many chains were verified rather than remembered.
  [[nodiscard]] std::uint64_t verified_chains() const;

 private:
  using Key = std::array<std::uint8_t, 32>;
  struct Entry {
    VerifiedChain chain;
    std::list<Key>::iterator place;
  };
  [[nodiscard]] std::optional<VerifiedChain> recall(const Key& key, WallTime now);
  void remember(const Key& key, const VerifiedChain& chain);

  const std::size_t capacity_;
  mutable std::mutex mutex_;
  std::map<Key, Entry> entries_;
  std::list<Key> order_;  // least recently used first
  std::uint64_t verified_ = 0;
};

}  // namespace espalier::ike::crypto::nss
