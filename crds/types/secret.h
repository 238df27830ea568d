// Secret (v1): keys, certificates, PSKs and PPKs by name.
//
// Guarantees: values live in SecretBytes only and never enter a message. Certificates and key files
// are checked to be PEM, or DER (tls.p12), at all, not to be good; a Secret holds a certificate in
// one form only.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret_bytes.h"
#include "crds/types/meta.h"

namespace espalier::crds {

struct Secret {
  Meta meta;
  std::string type;
  std::map<std::string, SecretBytes> data;
};

// A certificate with its key is either tls.crt and tls.key (PEM) or a PKCS #12 file, then with its
// password, if it has one.
inline constexpr const char* kPkcs12Key = "tls.p12";
inline constexpr const char* kPkcs12PasswordKey = "password";

// A PSK or PPK as it is used: "0x" and hexadecimal digits mean those bytes, anything else its own
// bytes (one line break at the end is dropped). The error has no part of the value in it.
[[nodiscard]] Result<SecretBytes> key_bytes(ByteView written);

}  // namespace espalier::crds
