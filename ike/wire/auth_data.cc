#include "ike/wire/auth_data.h"

#include "ike/wire/reader.h"
#include "ike/wire/writer.h"

namespace espalier::ike::wire {

Decoded<SignatureAuth> decode_signature_auth(ByteView data) {
  Reader reader(data, "AUTH");
  const std::uint8_t length = reader.u8("asn1_length");
  SignatureAuth auth;
  auth.algorithm = reader.bytes(length, "algorithm_identifier");
  auth.signature = reader.rest();
  if (reader.ok() && auth.algorithm.empty()) reader.fail("asn1_length", Code::kInvalid, "is 0");
  if (reader.ok() && auth.signature.empty()) reader.fail("signature", Code::kTruncated, "is empty");
  if (!reader.ok()) {
    return tl::unexpected<DecodeFailure>(
        DecodeFailure{reader.error(), NotifyType::kInvalidSyntax, {}, {}});
  }
  return auth;
}

Result<Bytes> encode_signature_auth(ByteView algorithm, ByteView signature) {
  Writer writer(1 + algorithm.size() + signature.size());
  if (algorithm.empty()) writer.fail("AUTH.algorithm_identifier", "is empty");
  if (signature.empty()) writer.fail("AUTH.signature", "is empty");
  writer.count8(algorithm.size(), "AUTH.asn1_length");
  writer.bytes(algorithm);
  writer.bytes(signature);
  return writer.take();
}

}  // namespace espalier::ike::wire
