#include "kube/line_framer.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kube/watch_event.h"

namespace espalier::kube {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> take_all(LineFramer& framer) {
  std::vector<std::string> lines;
  for (auto line = framer.next(); line && *line; line = framer.next()) lines.emplace_back(**line);
  return lines;
}

TEST(LineFramer, GivesTheSameLinesForEverySplit) {
  const std::string stream = "{\"a\":\"ä\"}\n\n{\"b\":1}\r\n  {}  \n";
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    for (std::size_t second = cut; second <= stream.size(); ++second) {
      LineFramer framer(100);
      std::vector<std::string> lines;
      for (const auto& part :
           {stream.substr(0, cut), stream.substr(cut, second - cut), stream.substr(second)}) {
        framer.feed(part);
        for (auto& line : take_all(framer)) lines.push_back(std::move(line));
      }
      ASSERT_THAT(lines, ElementsAre("{\"a\":\"ä\"}", "{\"b\":1}", "  {}  "))
          << cut << " " << second;
      EXPECT_EQ(framer.pending(), 0U);
    }
  }
}

TEST(LineFramer, ALineOfTheCapIsTakenALongerOneIsAnError) {
  LineFramer framer(10);
  framer.feed(std::string(10, 'x') + "\n");
  EXPECT_THAT(take_all(framer), ElementsAre(std::string(10, 'x')));
  framer.feed("ok\n" + std::string(11, 'y'));
  auto line = framer.next();
  ASSERT_TRUE(line && *line);
  line = framer.next();
  ASSERT_FALSE(line);
  EXPECT_EQ(line.error().to_string(), "watch: an event is longer than 10 bytes");
  framer.feed("\nz\n");
  EXPECT_FALSE(framer.next());
  EXPECT_EQ(framer.pending(), 0U) << "nothing is kept of it";
}

TEST(WatchEvent, OfFiveMegabytes) {
  const Json event = {{"type", "ADDED"},
                      {"object",
                       {{"metadata", {{"name", "big"}, {"resourceVersion", "7"}}},
                        {"data", {{"x", std::string(5 << 20, 'x')}}}}}};
  auto parsed = parse_watch_event(event.dump());
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->resource_version, "7");
}

TEST(WatchEvent, ErrorsNameTheField) {
  const auto error = [](std::string_view line) {
    auto parsed = parse_watch_event(line);
    return parsed ? "none" : parsed.error().to_string();
  };
  EXPECT_EQ(error("{\"type\":\"ADD"), "event: no JSON");
  EXPECT_EQ(error("[]"), "event.type: \"\" is no type of event");
  EXPECT_EQ(error(R"({"type":"RENAMED","object":{}})"),
            "event.type: \"RENAMED\" is no type of event");
  EXPECT_EQ(error(R"({"type":"ADDED"})"), "event.object: a map is needed");
  EXPECT_EQ(error(R"({"type":"ADDED","object":{"metadata":{"name":""}}})"),
            "event.object.metadata.name: a name is needed");
  EXPECT_EQ(error(std::string(100000, '[')), "event: JSON nested too deep");
}

TEST(WatchEvent, TheEndOfTheInitialEvents) {
  const auto parsed = parse_watch_event(
      R"({"type":"BOOKMARK","object":{"kind":"Node","metadata":{"resourceVersion":"12",
          "annotations":{"k8s.io/initial-events-end":"true"}}}})");
  ASSERT_TRUE(parsed);
  EXPECT_TRUE(parsed->initial_events_end);
  EXPECT_EQ(parsed->resource_version, "12");
}

TEST(WatchEvent, AnErrorIsAStatus) {
  const auto parsed = parse_watch_event(
      R"({"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old"}})");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->error.kind, ErrorKind::kGone);
  EXPECT_THAT(parsed->error.to_string(), HasSubstr("too old"));
}

TEST(WatchEvent, TrimIsDoneBeforeAnybodySeesIt) {
  const auto parsed = parse_watch_event(
      R"({"type":"ADDED","object":{"metadata":{"name":"a"},"status":{"images":[1,2,3]}}})",
      [](Json& json) { json.erase("status"); });
  ASSERT_TRUE(parsed);
  EXPECT_FALSE(parsed->object->json.contains("status"));
}

}  // namespace
}  // namespace espalier::kube
