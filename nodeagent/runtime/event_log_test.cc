#include "nodeagent/runtime/event_log.h"

#include <array>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "base/process/fd.h"
#include "nodeagent/runtime/log_line.h"

namespace espalier::runtime {
namespace {

using std::chrono::milliseconds;
using telemetry::Event;
using telemetry::EventId;
using telemetry::Level;
using ::testing::ElementsAre;
using ::testing::MatchesRegex;

// What a peer might send to spoil a log.
const Event kHostile{
    EventId::kStrangerRefused,
    {{"identity", "a b\n2026-01-01 forged=\"line\"\x1b[31m"}, {"peer", "10.0.0.9"}}};

TEST(LogLine, TextQuotesOnlyWhatMustBe) {
  EXPECT_EQ(text_line({EventId::kConnectionUp, {{"connection", "node2/v4"}, {"note", ""}}}),
            "ConnectionUp connection=node2/v4 note=\"\"");
  EXPECT_EQ(text_line(kHostile),
            "StrangerRefused identity=\"a b\\x0a2026-01-01 forged=\\\"line\\\"\\x1b[31m\" "
            "peer=10.0.0.9");
}

TEST(LogLine, JsonIsOneValidLine) {
  const std::string line = "{" + json_members(kHostile) + "}";
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const auto parsed = nlohmann::json::parse(line);
  EXPECT_EQ(parsed["event"], "StrangerRefused");
  EXPECT_EQ(parsed["identity"], kHostile.fields[0].value);
  const std::string broken =
      "{" + json_members({EventId::kConnectionUp, {{"identity", "\xff\xfe"}}}) + "}";
  EXPECT_TRUE(nlohmann::json::accept(broken)) << "bytes that are no UTF-8 are replaced";
}

TEST(Events, HaveNamesLevelsAndMeanings) {
  EXPECT_EQ(telemetry::name_of(EventId::kPeerLost), "PeerLost");
  EXPECT_EQ(telemetry::level_of(EventId::kManifestProblem), Level::kError);
  for (std::size_t i = 0; i < telemetry::event_count(); ++i) {
    EXPECT_THAT(std::string(telemetry::meaning_of(static_cast<EventId>(i))),
                ::testing::EndsWith("."));
  }
}

TEST(FloodLimit, CountsWhatItLeavesOut) {
  FloodLimit limit(2);
  const TimePoint start = TimePoint(std::chrono::hours(1));
  EXPECT_TRUE(limit.on_event(1, start).pass);
  EXPECT_TRUE(limit.on_event(1, start + milliseconds(10)).pass);
  EXPECT_FALSE(limit.on_event(1, start + milliseconds(20)).pass);
  EXPECT_FALSE(limit.on_event(1, start + milliseconds(999)).pass);
  EXPECT_TRUE(limit.on_event(2, start + milliseconds(20)).pass) << "kinds are apart";
  const auto later = limit.on_event(1, start + milliseconds(1000));
  EXPECT_TRUE(later.pass);
  EXPECT_EQ(later.suppressed_before, 2U);
  EXPECT_EQ(limit.on_event(1, start + milliseconds(1001)).suppressed_before, 0U);
}

class EventLogTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::array<int, 2> ends{};
    ASSERT_EQ(pipe(ends.data()), 0);
    reader_ = process::Fd(ends[0]);
    writer_ = process::Fd(ends[1]);
  }
  std::string written() {
    writer_.reset();
    std::string all;
    std::array<char, 4096> buffer{};
    for (ssize_t n; (n = read(reader_.get(), buffer.data(), buffer.size())) > 0;) {
      all.append(buffer.data(), static_cast<std::size_t>(n));
    }
    return all;
  }
  process::Fd reader_;
  process::Fd writer_;
};

TEST_F(EventLogTest, WritesTextLinesOfTheLevelAndAbove) {
  EventLog log({.level = Level::kWarning, .fd = writer_.get()});
  log.on_event({EventId::kConnectionUp, {}});
  log.on_event({EventId::kPeerLost, {{"connection", "node2/v4"}}});
  EXPECT_THAT(written(), MatchesRegex("[0-9]+-[0-9]+-[0-9]+T[0-9]+:[0-9]+:[0-9]+\\.[0-9]+Z warning "
                                      "PeerLost connection=node2/v4\n"));
}

TEST_F(EventLogTest, WritesJsonLines) {
  EventLog log({.format = LogFormat::kJson, .fd = writer_.get()});
  log.on_event({EventId::kConnectionUp, {{"connection", "50%{v}"}}});
  const auto parsed = nlohmann::json::parse(written());
  EXPECT_EQ(parsed["level"], "info");
  EXPECT_EQ(parsed["event"], "ConnectionUp");
  EXPECT_EQ(parsed["connection"], "50%{v}");
  EXPECT_TRUE(parsed.contains("time"));
}

TEST_F(EventLogTest, LimitsAFlood) {
  EventLog log({.per_second = 3, .fd = writer_.get()});
  for (int i = 0; i < 300; ++i) log.on_event(kHostile);
  const std::string all = written();
  EXPECT_LT(std::count(all.begin(), all.end(), '\n'), 300);
}

TEST(LogFlags, NameWhatIsAllowed) {
  EXPECT_EQ(*parse_log_format("json"), LogFormat::kJson);
  EXPECT_EQ(*parse_log_level("warning"), Level::kWarning);
  EXPECT_EQ(parse_log_format("xml").error().detail, "'xml' is not text or json");
  EXPECT_EQ(parse_log_level("loud").error().detail, "'loud' is not debug, info, warning or error");
}

}  // namespace
}  // namespace espalier::runtime
