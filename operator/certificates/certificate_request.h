// CertificateRequest: a PKCS #10 request (RFC 2986) for a node's certificate, read, judged and
// made.
//
// Guarantees: decode_request() takes any octets; check_request() refuses everything that is not
// exactly one node's request, and says which field is wrong, by a place such as
// "subject.commonName", "subjectAltName[1]", "subjectPublicKeyInfo", "signature".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "operator/certificates/signing_keys.h"
#include "operator/certificates/x509.h"

namespace espalier::certificates {

// The Organization of a node's certificate: what tells it from anything else a CA may have signed.
inline constexpr std::string_view kNodeOrganization = "espalier.io";

// The longest request taken, in octets of DER. A node's has about 300.
inline constexpr std::size_t kMaxRequest = 4096;

struct CertificateRequest {
  Bytes info;  // the signed octets
  Name subject;
  PublicKey key;
  std::vector<AltName> alt_names;
  Digest digest = Digest::kSha256;
  Bytes signature;
};

// The request in DER. Attributes other than one extensionRequest, and extensions other than a
// subjectAltName, are refused: what else stands in the certificate is for the signer to say.
[[nodiscard]] Result<CertificateRequest> decode_request(ByteView der);
// The same from PEM with exactly one block, "CERTIFICATE REQUEST".
[[nodiscard]] Result<CertificateRequest> decode_request_pem(std::string_view text);

// Who may ask for what.
struct NodeIdentity {
  std::string node;      // the Kubernetes node's name
  std::string identity;  // its IKE identity, a DNS name: NodeEndpoint spec.identity

  friend bool operator==(const NodeIdentity&, const NodeIdentity&) = default;
};

// The request is of `node`: Organization and CN, the one SAN, and a signature by the key asked for.
// kDenied: another's name; kInvalid: too much or too little in it.
[[nodiscard]] Status check_request(const CertificateRequest& request, const NodeIdentity& node,
                                   SigningKeys& keys);

// The node's side: a request that check_request() takes, in DER.
[[nodiscard]] Result<Bytes> make_request(const SigningKey& key, const NodeIdentity& node,
                                         SigningKeys& keys);

}  // namespace espalier::certificates
