// Responder: a small HTTP server for a few documents that are made when they are asked for.
//
// One thread, no keep-alive, GET and HEAD only. It exists because the web server library of
// Debian's prometheus-cpp is built without IPv6 and takes two seconds to stop.
//
// Guarantees: bounded: at most kConnections at a time (a new one pushes out the oldest), each for
// kPatience, each with a head of kMaxHead octets; the destructor returns as soon as a document that
// is being made is done.
// Assumptions: what makes documents is safe to call from another thread; it may block for a while,
// and then everyone waits. Caveat: plain HTTP, no authentication.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "base/ip.h"
#include "base/result.h"
#include "nodeagent/telemetry/http/socket.h"

namespace espalier::telemetry::http {

inline constexpr std::size_t kConnections = 16;
inline constexpr std::chrono::seconds kPatience{10};

struct Reply {
  int status = 200;  // 200, 404, 500, 503
  std::string type = "text/plain; charset=utf-8";
  std::string body;
};

class Responder {
 public:
  using Documents = std::function<Reply(std::string_view path)>;

  // Listens on `at`; the unspecified IPv6 address takes IPv4 too. Port 0: any. Fails with kExists
  // when the port is taken, else kIo.
  [[nodiscard]] static Result<std::unique_ptr<Responder>> start(const Endpoint& at,
                                                                Documents documents);
  Responder(const Responder&) = delete;
  Responder& operator=(const Responder&) = delete;
  ~Responder();

  [[nodiscard]] const Endpoint& bound() const { return bound_; }

 private:
  Responder(Socket listener, Socket wake, Endpoint bound, Documents documents);
  void serve();

  Socket listener_;
  Socket wake_;  // an eventfd: time to end
  Endpoint bound_;
  Documents documents_;
  std::thread thread_;
};

}  // namespace espalier::telemetry::http
