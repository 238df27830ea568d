// The AUTH payload's signatures: made with a private key, checked with a certificate's key. Private
// to this adapter.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "ike/crypto/nss/certificate.h"
#include "ike/crypto/nss/handles.h"
#include "ike/crypto/provider.h"

namespace espalier::ike::crypto::nss {

// As the Sign job says. `info` describes the key's certificate.
[[nodiscard]] Result<Signature> sign(SECKEYPrivateKey* key, const CertificateInfo& info,
                                     const std::vector<HashId>& peer_hashes, ByteView octets);

// "ECDSA P-256 with SHA2-256" when the Authentication Data is the key's signature over the octets.
// The refusal's sentence starts with a verb: its subject is the peer.
[[nodiscard]] tl::expected<std::string, Refusal> verify(const Certificate& certificate,
                                                        wire::AuthMethod method, ByteView auth_data,
                                                        ByteView octets);

}  // namespace espalier::ike::crypto::nss
