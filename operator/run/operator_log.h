// OperatorLog: what happened, as lines on standard error.
//
//   {"time":"2026-11-24T22:10:00.000000Z","level":"info","message":"leads","lease":"espalier/…"}
//   2026-11-24T22:10:00.000000Z info leads lease=espalier/…
//
// Guarantees: one line per call whatever is in the values; thread-safe. Callers pass no secret.
#pragma once

#include <functional>
#include <initializer_list>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace espalier::operator_run {

enum class LogFormat : bool { kText, kJson };

class OperatorLog {
 public:
  using Fields = std::initializer_list<std::pair<std::string_view, std::string>>;
  using Clock = std::function<std::string()>;            // RFC 3339
  using Sink = std::function<void(const std::string&)>;  // one line, with its end

  OperatorLog(LogFormat format, Clock clock, Sink sink)
      : format_(format), clock_(std::move(clock)), sink_(std::move(sink)) {}

  void info(std::string_view message, Fields fields = {}) { write("info", message, fields); }
  void warn(std::string_view message, Fields fields = {}) { write("warning", message, fields); }
  void error(std::string_view message, Fields fields = {}) { write("error", message, fields); }

 private:
  void write(std::string_view level, std::string_view message, Fields fields);

  const LogFormat format_;
  const Clock clock_;
  const Sink sink_;
  std::mutex mutex_;
};

}  // namespace espalier::operator_run
