#include "nodeagent/runtime/event_log.h"

#include <exception>
#include <mutex>

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include "base/process/clock.h"
#include "nodeagent/runtime/log_line.h"

namespace espalier::runtime {
namespace {

using telemetry::Level;

spdlog::level::level_enum spdlog_level(Level level) {
  switch (level) {
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kWarning:
      return spdlog::level::warn;
    case Level::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

// One write per line, so that lines of several processes do not mix.
class FdSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit FdSink(int fd) : fd_(fd) {}

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    [[maybe_unused]] const ssize_t written = ::write(fd_, line.data(), line.size());
  }
  void flush_() override {}

 private:
  int fd_;
};

constexpr const char* kTextPattern = "%Y-%m-%dT%H:%M:%S.%eZ %l %v";
constexpr const char* kJsonPattern = R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})";

}  // namespace

Result<LogFormat> parse_log_format(std::string_view text) {
  if (text == "text") return LogFormat::kText;
  if (text == "json") return LogFormat::kJson;
  return fail(Code::kInvalid, "log format", "'" + std::string(text) + "' is not text or json");
}

Result<Level> parse_log_level(std::string_view text) {
  for (const Level level : {Level::kDebug, Level::kInfo, Level::kWarning, Level::kError}) {
    if (text == telemetry::name_of(level)) return level;
  }
  return fail(Code::kInvalid, "log level",
              "'" + std::string(text) + "' is not debug, info, warning or error");
}

EventLog::EventLog(const Options& options)
    : options_(options),
      limit_(options.per_second),
      logger_(std::make_shared<spdlog::logger>("events", std::make_shared<FdSink>(options.fd))) {
  logger_->set_level(spdlog_level(options.level));
  logger_->set_formatter(std::make_unique<spdlog::pattern_formatter>(
      options.format == LogFormat::kJson ? kJsonPattern : kTextPattern,
      spdlog::pattern_time_type::utc));
}

EventLog::~EventLog() = default;

void EventLog::on_event(const telemetry::Event& event) {
  const Level level = telemetry::level_of(event.id);
  if (level < options_.level) return;
  const auto verdict =
      limit_.on_event(static_cast<std::uint32_t>(event.id), process::monotonic_now());
  if (!verdict.pass) return;
  try {
    const auto line = [&](const telemetry::Event& told) {
      return options_.format == LogFormat::kJson ? json_members(told) : text_line(told);
    };
    if (verdict.suppressed_before == 0) {
      logger_->log(spdlog_level(level), line(event));
      return;
    }
    telemetry::Event more = event;
    more.fields.push_back({"suppressed", std::to_string(verdict.suppressed_before)});
    logger_->log(spdlog_level(level), line(more));
  } catch (const std::exception&) {
    // A line that cannot be written is lost; the agent goes on.
  }
}

}  // namespace espalier::runtime
