// HalfOpen: how many IKE SAs others have begun and not authenticated, and the cookies that hold a
// flood back (RFC 7296 section 2.6).
//
// Guarantees: memory is bounded by the half-open SAs themselves; a request that brings a valid
// cookie is never dropped; a cookie is good for the secret that made it and the one before, so for
// one to two rotations. Assumption: the caller counts each half-open SA in with add() and out with
// remove().
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "base/bytes.h"
#include "base/ip.h"
#include "base/result.h"
#include "base/secret_bytes.h"
#include "base/time.h"
#include "ike/config.h"
#include "ike/crypto/provider.h"

namespace espalier::ike {

class HalfOpen {
 public:
  void add(const IpAddress& remote) {
    ++total_;
    ++per_address_[remote];
  }
  void remove(const IpAddress& remote);
  [[nodiscard]] std::size_t total() const { return total_; }

  // Whether a new IKE_SA_INIT request from `remote` has to bring a cookie first. `busy`: the crypto
  // pool is behind.
  [[nodiscard]] bool wants_cookie(const IpAddress& remote, const Settings& settings,
                                  bool busy) const;

  // Cookie = <version> | prf(secret, Ni | IPi | SPIi) (section 2.6). `fresh_secret` fills a new
  // secret when due.
  [[nodiscard]] Result<Bytes> cookie(
      crypto::Provider& provider, TimePoint now, const Endpoint& remote, std::uint64_t spi_i,
      ByteView ni, const std::function<void(std::span<std::uint8_t>)>& fresh_secret);
  [[nodiscard]] bool valid(crypto::Provider& provider, ByteView cookie, const Endpoint& remote,
                           std::uint64_t spi_i, ByteView ni) const;

 private:
  [[nodiscard]] static Result<Bytes> make(crypto::Provider& provider, const SecretBytes& secret,
                                          std::uint8_t version, const Endpoint& remote,
                                          std::uint64_t spi_i, ByteView ni);

  std::size_t total_ = 0;
  std::unordered_map<IpAddress, std::size_t> per_address_;
  SecretBytes secret_, previous_;
  std::uint8_t version_ = 0;
  TimePoint rotate_at_{};
};

}  // namespace espalier::ike
