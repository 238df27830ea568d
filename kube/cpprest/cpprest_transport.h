// The Transport over cpprestsdk.
//
// Guarantees: the server is verified always, by the CA given (the system's only if none is); a
// token never leaves over plain HTTP but to loopback; redirects are not followed. Certificates and
// tokens in files are read again as they rotate, without a restart and without cutting watches. A
// dead connection is noticed within about a minute (TCP keepalive and user timeout).
//
// Caveats: HTTP/1.1, one connection per watch; destroying it waits for the streams' sinks to be
// done with. Through a proxy a dead connection is noticed by time-outs alone. "[::1]" as server
// needs another IPv6 address on the host.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "kube/access.h"
#include "kube/transport.h"

namespace espalier::kube {

struct CpprestOptions {
  std::string user_agent = "espalier";
  // Credentials that could not be read again (the old ones stay in use), and the like. From any
  // thread.
  std::function<void(std::string_view)> on_problem = {};
};

// kInvalid or kIo if the URL, a certificate, the key or a file is not usable.
[[nodiscard]] Result<std::unique_ptr<Transport>> make_cpprest_transport(
    Access access, CpprestOptions options = {});

}  // namespace espalier::kube
