#include "kube/cpprest/tls.h"

#include <exception>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <sys/socket.h>

namespace espalier::kube {
namespace {

using TlsStream = boost::asio::ssl::stream<boost::asio::ip::tcp::socket&>;

// A watch may be silent for minutes; a dead peer must show within one.
constexpr int kIdleSeconds = 20;
constexpr int kProbeSeconds = 10;
constexpr int kProbes = 3;
constexpr int kUnacknowledgedMillis = 45'000;

int stream_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

void set_option(int socket, int level, int name, int value) {
  // Without it the watch's own timer notices, only later.
  static_cast<void>(::setsockopt(socket, level, name, &value, sizeof value));
}

// cpprest offers the socket before it is open; the handshake is the first that we see of it after.
void on_tls_state(const SSL* ssl, int where, int) {
  if (where != SSL_CB_HANDSHAKE_START) return;
  auto* stream = static_cast<TlsStream*>(SSL_get_ex_data(ssl, stream_index()));
  if (stream == nullptr || !stream->next_layer().is_open()) return;
  const int socket = stream->next_layer().native_handle();
  set_option(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(socket, IPPROTO_TCP, TCP_KEEPIDLE, kIdleSeconds);
  set_option(socket, IPPROTO_TCP, TCP_KEEPINTVL, kProbeSeconds);
  set_option(socket, IPPROTO_TCP, TCP_KEEPCNT, kProbes);
  set_option(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, kUnacknowledgedMillis);
}

boost::asio::const_buffer buffer_of(const SecretBytes& bytes) {
  return {bytes.view().data(), bytes.size()};
}

}  // namespace

void prepare_tls(boost::asio::ssl::context& context, const TlsMaterial& material) {
  SSL_CTX* raw = context.native_handle();
  SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
  if (!material.ca.empty()) {
    SSL_CTX_set_cert_store(raw, X509_STORE_new());
    context.add_certificate_authority(buffer_of(material.ca));
    // An anchor is an anchor, also when it is no root: as everywhere in Kubernetes.
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(raw), X509_V_FLAG_PARTIAL_CHAIN);
  }
  if (!material.certificate.empty()) {
    context.use_certificate_chain(buffer_of(material.certificate));
    context.use_private_key(buffer_of(material.key), boost::asio::ssl::context::pem);
  }
  SSL_CTX_set_info_callback(raw, on_tls_state);
}

Status check_tls(const TlsMaterial& material) {
  const char* what = "CA certificate";
  try {
    boost::asio::ssl::context context(boost::asio::ssl::context::tls_client);
    if (!material.ca.empty()) context.add_certificate_authority(buffer_of(material.ca));
    what = "client certificate";
    if (!material.certificate.empty()) {
      context.use_certificate_chain(buffer_of(material.certificate));
      what = "client key";
      context.use_private_key(buffer_of(material.key), boost::asio::ssl::context::pem);
      if (SSL_CTX_check_private_key(context.native_handle()) != 1) {
        return fail(Code::kInvalid, what, "does not belong to the client certificate");
      }
    }
  } catch (const std::exception& thrown) {
    return fail(Code::kInvalid, what, thrown.what());
  }
  return {};
}

void remember_socket(void* stream) {
  auto* tls = static_cast<TlsStream*>(stream);
  SSL_set_ex_data(tls->native_handle(), stream_index(), tls);
}

}  // namespace espalier::kube
