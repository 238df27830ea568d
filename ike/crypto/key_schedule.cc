#include "ike/crypto/key_schedule.h"

#include <array>

namespace espalier::ike::crypto {
namespace {

constexpr std::string_view kKeyPad =
    "Key Pad for IKEv2";  // RFC 7296 section 2.15, 17 octets without a null

std::array<std::uint8_t, 16> spis(const IkeKeyInput& input) {
  std::array<std::uint8_t, 16> bytes{};
  for (std::size_t i = 0; i < 8; ++i) {
    bytes[i] = static_cast<std::uint8_t>(input.spi_i >> (56 - 8 * i));
    bytes[8 + i] = static_cast<std::uint8_t>(input.spi_r >> (56 - 8 * i));
  }
  return bytes;
}

// Gives out the parts of a longer secret one after the other.
class Slicer {
 public:
  explicit Slicer(const SecretBytes& whole) : whole_(whole) {}
  SecretBytes take(std::size_t length) {
    SecretBytes part = whole_.slice(offset_, length);
    offset_ += length;
    return part;
  }

 private:
  const SecretBytes& whole_;
  std::size_t offset_ = 0;
};

// RFC 7296 section 2.14: {SK_d | SK_ai | SK_ar | SK_ei | SK_er | SK_pi | SK_pr} = prf+(SKEYSEED, Ni
// | Nr | SPIi | SPIr)
Result<IkeKeys> expand(Provider& provider, const IkeSuite& suite, const IkeKeyInput& input,
                       const SecretBytes& skeyseed) {
  const std::size_t prf_size = key_size(suite.prf);
  const std::size_t integ_size = key_size(suite.integ);
  const std::size_t encr_size = keymat_size(suite.encr);
  const auto spi_bytes = spis(input);
  const std::array<ByteView, 3> seed = {input.ni, input.nr, spi_bytes};
  auto stream = provider.prf_plus(suite.prf, skeyseed.view(), seed,
                                  3 * prf_size + 2 * integ_size + 2 * encr_size);
  if (!stream) return forward(stream);

  Slicer slicer(*stream);
  IkeKeys keys;
  keys.i.encr = keys.r.encr = suite.encr;
  keys.i.integ = keys.r.integ = suite.integ;
  keys.sk_d = slicer.take(prf_size);
  keys.i.integ_key = slicer.take(integ_size);
  keys.r.integ_key = slicer.take(integ_size);
  keys.i.encr_key = slicer.take(encr_size);
  keys.r.encr_key = slicer.take(encr_size);
  keys.sk_pi = slicer.take(prf_size);
  keys.sk_pr = slicer.take(prf_size);
  return keys;
}

SecretBytes joined(ByteView a, ByteView b) {
  SecretBytes whole(a.size() + b.size());
  std::copy(a.begin(), a.end(), whole.writable().begin());
  std::copy(b.begin(), b.end(), whole.writable().begin() + static_cast<std::ptrdiff_t>(a.size()));
  return whole;
}

}  // namespace

Result<IkeKeys> derive_ike_keys(Provider& provider, const IkeSuite& suite, const IkeKeyInput& input,
                                ByteView shared) {
  const SecretBytes nonces = joined(input.ni, input.nr);
  const std::array<ByteView, 1> data = {shared};
  auto skeyseed = provider.prf(suite.prf, nonces.view(), data);
  if (!skeyseed) return forward(skeyseed);
  return expand(provider, suite, input, *skeyseed);
}

Result<IkeKeys> derive_rekeyed_ike_keys(Provider& provider, PrfId old_prf, ByteView old_sk_d,
                                        const IkeSuite& suite, const IkeKeyInput& input,
                                        ByteView shared) {
  const std::array<ByteView, 3> data = {shared, input.ni, input.nr};
  auto skeyseed = provider.prf(old_prf, old_sk_d, data);
  if (!skeyseed) return forward(skeyseed);
  return expand(provider, suite, input, *skeyseed);
}

Status mix_ppk(Provider& provider, PrfId prf, ByteView ppk, IkeKeys& keys) {
  std::array<SecretBytes, 3> mixed;
  std::array<SecretBytes*, 3> sources = {&keys.sk_d, &keys.sk_pi, &keys.sk_pr};
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const std::array<ByteView, 1> seed = {sources[i]->view()};
    auto made = provider.prf_plus(prf, ppk, seed, sources[i]->size());
    if (!made) return forward(made);
    mixed[i] = std::move(*made);
  }
  for (std::size_t i = 0; i < sources.size(); ++i) *sources[i] = std::move(mixed[i]);
  return {};
}

Result<ChildKeys> derive_child_keys(Provider& provider, PrfId prf, ByteView sk_d,
                                    const EspSuite& suite, ByteView ni, ByteView nr,
                                    ByteView shared) {
  const std::size_t encr_size = keymat_size(suite.encr);
  const std::size_t integ_size = key_size(suite.integ);
  const std::array<ByteView, 3> seed = {shared, ni, nr};
  auto keymat = provider.prf_plus(prf, sk_d, seed, 2 * (encr_size + integ_size));
  if (!keymat) return forward(keymat);

  Slicer slicer(*keymat);
  ChildKeys keys;
  keys.i_to_r.encr = slicer.take(encr_size);
  keys.i_to_r.integ = slicer.take(integ_size);
  keys.r_to_i.encr = slicer.take(encr_size);
  keys.r_to_i.integ = slicer.take(integ_size);
  return keys;
}

Result<SecretBytes> maced_id(Provider& provider, PrfId prf, ByteView sk_p, ByteView id_body) {
  const std::array<ByteView, 1> data = {id_body};
  return provider.prf(prf, sk_p, data);
}

Result<SecretBytes> psk_auth(Provider& provider, PrfId prf, ByteView shared_secret,
                             std::span<const ByteView> signed_octets) {
  const std::array<ByteView, 1> pad = {as_bytes(kKeyPad)};
  auto key = provider.prf(prf, shared_secret, pad);
  if (!key) return forward(key);
  return provider.prf(prf, key->view(), signed_octets);
}

}  // namespace espalier::ike::crypto
