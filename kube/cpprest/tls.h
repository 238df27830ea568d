// What we ask of OpenSSL in cpprest's connections. Includes neither: cpprest_transport.cc hands the
// context over as it came.
#pragma once

#include "base/result.h"
#include "kube/cpprest/credentials.h"

namespace boost::asio::ssl {
class context;
}

namespace espalier::kube {

// kInvalid, with what is wrong, if OpenSSL does not take it.
[[nodiscard]] Status check_tls(const TlsMaterial& material);

// Only our anchors (the system's if there are none), TLS 1.2 at least, the client's certificate,
// and TCP time-outs from the handshake on. Throws what Boost throws; check_tls() was there before.
void prepare_tls(boost::asio::ssl::context& context, const TlsMaterial& material);

// From cpprest's set_nativehandle_options: remembers the connection's socket until its handshake.
// `stream` is a boost::asio::ssl::stream<boost::asio::ip::tcp::socket&>*.
void remember_socket(void* stream);

}  // namespace espalier::kube
