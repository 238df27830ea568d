// The key schedule of IKEv2 and its Child SAs, over any Provider: what is derived from what, and
// nothing else.
//
// Guarantees: pure; keys exist in SecretBytes only; nothing is derived twice.
// The letters i and r are the original initiator and responder of the exchange that made the keys.
#pragma once

#include <optional>
#include <span>

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret_bytes.h"
#include "ike/crypto/provider.h"
#include "ike/crypto/suite.h"

namespace espalier::ike::crypto {

// What an IKE SA holds after IKE_SA_INIT or its rekey (RFC 7296 section 2.14).
struct IkeKeys {
  SecretBytes sk_d;
  SecretBytes sk_pi;
  SecretBytes sk_pr;
  SkKeys i;  // SK_ei, SK_ai: what the initiator seals with
  SkKeys r;  // SK_er, SK_ar
};

struct IkeKeyInput {
  ByteView ni;  // the nonces' data, without payload header
  ByteView nr;
  std::uint64_t spi_i = 0;
  std::uint64_t spi_r = 0;
};

// RFC 7296 section 2.14: SKEYSEED = prf(Ni | Nr, g^ir).
[[nodiscard]] Result<IkeKeys> derive_ike_keys(Provider& provider, const IkeSuite& suite,
                                              const IkeKeyInput& input, ByteView shared);

// RFC 7296 section 2.18: SKEYSEED = prf(SK_d (old), g^ir (new) | Ni | Nr) with the old SA's PRF;
// the rest with the new suite's.
[[nodiscard]] Result<IkeKeys> derive_rekeyed_ike_keys(Provider& provider, PrfId old_prf,
                                                      ByteView old_sk_d, const IkeSuite& suite,
                                                      const IkeKeyInput& input, ByteView shared);

// RFC 8784 section 3: SK_d, SK_pi, SK_pr become prf+(PPK, SK_x), each as long as before.
[[nodiscard]] Status mix_ppk(Provider& provider, PrfId prf, ByteView ppk, IkeKeys& keys);

// One direction of a Child SA.
struct EspKeys {
  SecretBytes encr;   // keymat_size() octets: an AEAD's salt at the end, as the kernel wants it
  SecretBytes integ;  // empty for an AEAD
};

struct ChildKeys {
  EspKeys i_to_r;  // from the initiator of the exchange that made the Child SA
  EspKeys r_to_i;
};

// RFC 7296 section 2.17: KEYMAT = prf+(SK_d, [g^ir (new) |] Ni | Nr); an empty `shared` leaves g^ir
// out.
[[nodiscard]] Result<ChildKeys> derive_child_keys(Provider& provider, PrfId prf, ByteView sk_d,
                                                  const EspSuite& suite, ByteView ni, ByteView nr,
                                                  ByteView shared);

// RFC 7296 section 2.15: prf(SK_px, the ID payload without its generic header), the last part of
// the signed octets.
[[nodiscard]] Result<SecretBytes> maced_id(Provider& provider, PrfId prf, ByteView sk_p,
                                           ByteView id_body);

// RFC 7296 section 2.15: AUTH = prf(prf(Shared Secret, "Key Pad for IKEv2"), signed octets).
[[nodiscard]] Result<SecretBytes> psk_auth(Provider& provider, PrfId prf, ByteView shared_secret,
                                           std::span<const ByteView> signed_octets);

}  // namespace espalier::ike::crypto
