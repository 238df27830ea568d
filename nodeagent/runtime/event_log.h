// EventLog: events as lines on standard error, through spdlog.
//
//   text  2026-11-24T19:03:11.402Z info ConnectionUp connection=node2/v4 peer=node2
//   json
//   {"time":"2026-11-24T19:03:11.402Z","level":"info","event":"ConnectionUp","connection":"node2/v4"}
//
// Guarantees: UTC; one line per event; at most `per_second` lines per kind of event, what was left
// out is counted in the next line (`suppressed`). spdlog's exceptions end here.
#pragma once

#include <memory>
#include <string_view>

#include "base/result.h"
#include "nodeagent/runtime/flood_limit.h"
#include "nodeagent/telemetry/event.h"

namespace spdlog {
class logger;
}

namespace espalier::runtime {

enum class LogFormat : std::uint8_t { kText, kJson };

// "text" or "json"; "debug", "info", "warning" or "error". Else kInvalid, with what is allowed.
[[nodiscard]] Result<LogFormat> parse_log_format(std::string_view text);
[[nodiscard]] Result<telemetry::Level> parse_log_level(std::string_view text);

class EventLog : public telemetry::EventSink {
 public:
  struct Options {
    LogFormat format = LogFormat::kText;
    telemetry::Level level = telemetry::Level::kInfo;  // and above
    std::uint32_t per_second = 50;                     // lines per kind of event
    int fd = 2;
  };

  explicit EventLog(const Options& options);
  ~EventLog() override;

  void on_event(const telemetry::Event& event) override;

 private:
  Options options_;
  FloodLimit limit_;
  std::shared_ptr<spdlog::logger> logger_;
};

}  // namespace espalier::runtime
