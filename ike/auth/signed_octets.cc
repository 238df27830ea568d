#include "ike/auth/signed_octets.h"

#include <array>

namespace espalier::ike::auth {

Result<Bytes> signed_octets(crypto::Provider& provider, crypto::PrfId prf, ByteView real_message,
                            ByteView other_nonce, ByteView sk_p, ByteView id_body) {
  const auto maced = crypto::maced_id(provider, prf, sk_p, id_body);
  if (!maced) return tl::unexpected<Error>(maced.error());
  Bytes octets;
  octets.reserve(real_message.size() + other_nonce.size() + maced->size());
  append(octets, real_message);
  append(octets, other_nonce);
  append(octets, maced->view());
  return octets;
}

Result<Bytes> psk_auth(crypto::Provider& provider, crypto::PrfId prf, ByteView shared_key,
                       ByteView octets) {
  const std::array<ByteView, 1> pieces = {octets};
  const auto mac = crypto::psk_auth(provider, prf, shared_key, pieces);
  if (!mac) return tl::unexpected<Error>(mac.error());
  return to_bytes(mac->view());
}

}  // namespace espalier::ike::auth
