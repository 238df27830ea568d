// Session: one HTTP connection, from the first octet of the request to the last of the answer.
#pragma once

#include <chrono>
#include <string>

#include "nodeagent/telemetry/http/responder.h"
#include "nodeagent/telemetry/http/socket.h"

namespace espalier::telemetry::http {

class Session {
 public:
  using Clock = std::chrono::steady_clock;

  Session(Socket socket, Clock::time_point until) : socket_(std::move(socket)), until_(until) {}

  [[nodiscard]] int fd() const { return socket_.fd(); }
  [[nodiscard]] Clock::time_point until() const { return until_; }
  [[nodiscard]] short wanted_events() const;  // for poll()

  // Goes on as far as it can without waiting. False: the connection is over.
  [[nodiscard]] bool go_on(const Responder::Documents& documents);

 private:
  // Reading the head; writing the answer; then waiting for the peer to close, so that octets we
  // never read do not turn the close into a reset that eats the answer (RFC 9112 section 9.6).
  enum class Stage { kReading, kWriting, kDraining };

  [[nodiscard]] bool read_head(const Responder::Documents& documents);
  [[nodiscard]] bool write_answer();
  [[nodiscard]] bool drain();
  void answer(const Reply& reply, bool with_body);

  Socket socket_;
  Clock::time_point until_;
  Stage stage_ = Stage::kReading;
  std::string received_;
  std::string answer_;
  std::size_t written_ = 0;
};

}  // namespace espalier::telemetry::http
