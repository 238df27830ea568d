// The two halves of each payload's codec, private to this folder: the generic header is read and
// written by decode.cc and encode.cc, the body here.
//
// A decode_body() reads its whole reader or fails it; an encode_body() fails its writer when a
// value breaks a rule that the decoder holds a peer to.
#pragma once

#include "ike/wire/payloads.h"
#include "ike/wire/reader.h"
#include "ike/wire/writer.h"

namespace espalier::ike::wire {

void decode_body(Reader& reader, Sa& sa);
void decode_body(Reader& reader, Ke& ke);
void decode_body(Reader& reader, Idi& id);
void decode_body(Reader& reader, Idr& id);
void decode_body(Reader& reader, Cert& cert);
void decode_body(Reader& reader, CertReq& request);
void decode_body(Reader& reader, Auth& auth);
void decode_body(Reader& reader, Nonce& nonce);
void decode_body(Reader& reader, Notify& notify);
void decode_body(Reader& reader, Delete& del);
void decode_body(Reader& reader, VendorId& vendor);
void decode_body(Reader& reader, Tsi& ts);
void decode_body(Reader& reader, Tsr& ts);
void decode_body(Reader& reader, Cp& cp);
void decode_body(Reader& reader, Eap& eap);
void decode_body(Reader& reader, Unknown& unknown);

void encode_body(Writer& writer, const Sa& sa);
void encode_body(Writer& writer, const Ke& ke);
void encode_body(Writer& writer, const Idi& id);
void encode_body(Writer& writer, const Idr& id);
void encode_body(Writer& writer, const Cert& cert);
void encode_body(Writer& writer, const CertReq& request);
void encode_body(Writer& writer, const Auth& auth);
void encode_body(Writer& writer, const Nonce& nonce);
void encode_body(Writer& writer, const Notify& notify);
void encode_body(Writer& writer, const Delete& del);
void encode_body(Writer& writer, const VendorId& vendor);
void encode_body(Writer& writer, const Tsi& ts);
void encode_body(Writer& writer, const Tsr& ts);
void encode_body(Writer& writer, const Cp& cp);
void encode_body(Writer& writer, const Eap& eap);
void encode_body(Writer& writer, const Unknown& unknown);

}  // namespace espalier::ike::wire
