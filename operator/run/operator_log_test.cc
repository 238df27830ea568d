#include "operator/run/operator_log.h"

#include <gtest/gtest.h>

namespace espalier::operator_run {
namespace {

std::string line_of(LogFormat format, const std::string& value) {
  std::string line;
  OperatorLog log(
      format, [] { return "2026-11-24T22:10:00.000000Z"; },
      [&](const std::string& text) { line += text; });
  log.warn("refused", {{"object", "IPsecPolicy web"}, {"why", value}});
  return line;
}

TEST(OperatorLog, OneLineWhateverIsInAValue) {
  EXPECT_EQ(line_of(LogFormat::kText, "plain"),
            "2026-11-24T22:10:00.000000Z warning refused object=\"IPsecPolicy web\" why=plain\n");
  EXPECT_EQ(line_of(LogFormat::kText, "two\nlines"),
            "2026-11-24T22:10:00.000000Z warning refused object=\"IPsecPolicy web\" "
            "why=\"two\\nlines\"\n");
  EXPECT_EQ(
      line_of(LogFormat::kJson, "a \"b\" \xff\n"),
      "{\"time\":\"2026-11-24T22:10:00.000000Z\",\"level\":\"warning\",\"message\":\"refused\","
      "\"object\":\"IPsecPolicy web\",\"why\":\"a \\\"b\\\" \xEF\xBF\xBD\\n\"}\n");
}

}  // namespace
}  // namespace espalier::operator_run
