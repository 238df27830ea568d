#include "ike/sa/half_open.h"

#include <array>

namespace espalier::ike {
namespace {
constexpr Duration kSecretLife = std::chrono::seconds(60);
constexpr std::size_t kSecretSize = 32;
}  // namespace

void HalfOpen::remove(const IpAddress& remote) {
  const auto found = per_address_.find(remote);
  if (found == per_address_.end()) return;
  --total_;
  if (--found->second == 0) per_address_.erase(found);
}

bool HalfOpen::wants_cookie(const IpAddress& remote, const Settings& settings, bool busy) const {
  if (busy || total_ >= settings.half_open_before_cookies) return true;
  const auto found = per_address_.find(remote);
  return found != per_address_.end() && found->second >= settings.half_open_per_address;
}

Result<Bytes> HalfOpen::make(crypto::Provider& provider, const SecretBytes& secret,
                             std::uint8_t version, const Endpoint& remote, std::uint64_t spi_i,
                             ByteView ni) {
  std::array<std::uint8_t, 10> tail{};
  for (std::size_t i = 0; i < 8; ++i) tail[i] = static_cast<std::uint8_t>(spi_i >> (56 - 8 * i));
  tail[8] = static_cast<std::uint8_t>(remote.port >> 8);
  tail[9] = static_cast<std::uint8_t>(remote.port);
  const std::array<ByteView, 3> pieces = {ni, remote.address.bytes(), ByteView(tail)};
  auto mac = provider.prf(crypto::PrfId::kHmacSha2_256, secret.view(), pieces);
  if (!mac) return forward(mac);
  Bytes cookie = {version};
  append(cookie, mac->view());
  return cookie;
}

Result<Bytes> HalfOpen::cookie(crypto::Provider& provider, TimePoint now, const Endpoint& remote,
                               std::uint64_t spi_i, ByteView ni,
                               const std::function<void(std::span<std::uint8_t>)>& fresh_secret) {
  if (secret_.empty() || now >= rotate_at_) {
    previous_ = std::move(secret_);
    secret_ = SecretBytes(kSecretSize);
    fresh_secret(secret_.writable());
    ++version_;
    rotate_at_ = now + kSecretLife;
  }
  return make(provider, secret_, version_, remote, spi_i, ni);
}

bool HalfOpen::valid(crypto::Provider& provider, ByteView cookie, const Endpoint& remote,
                     std::uint64_t spi_i, ByteView ni) const {
  if (cookie.empty()) return false;
  const bool current = cookie[0] == version_;
  const SecretBytes& secret = current ? secret_ : previous_;
  if (secret.empty() || (!current && cookie[0] != static_cast<std::uint8_t>(version_ - 1)))
    return false;
  const auto expected = make(provider, secret, cookie[0], remote, spi_i, ni);
  return expected && ct_equal(*expected, cookie);
}

}  // namespace espalier::ike
