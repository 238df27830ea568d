#include "cli/table/table.h"

#include <sstream>

#include <gmock/gmock.h>
#include <yaml-cpp/yaml.h>

#include "cli/table/amount.h"
#include "cli/table/text.h"
#include "cli/table/yaml.h"

namespace espalier::cli {
namespace {

using std::chrono::seconds;

TEST(Text, ControlCharactersNeverReachTheTerminal) {
  EXPECT_EQ(printable("plain, Grüße, 日本"), "plain, Grüße, 日本");
  EXPECT_EQ(printable("a\x1b[31mb\r\n\tc\x7f"), "a?[31mb???c?");
  EXPECT_EQ(printable("\xc2\x9b"
                      "1m"),
            "?1m")
      << "C1: CSI in one character";
  EXPECT_EQ(printable("\xff\xc0\xaf\xed\xa0\x80"), "??????") << "no UTF-8";
  EXPECT_EQ(printable("\xe2\x82"), "??") << "ends too early";
}

TEST(Text, WidthsCountCharacters) {
  EXPECT_EQ(width_of("Grüße"), 5U);
  EXPECT_EQ(shortened("Grüße", 5), "Grüße");
  EXPECT_EQ(shortened("Grüße", 4), "Grü…");
  EXPECT_EQ(shortened("abc", 1), "…");
  EXPECT_EQ(shortened("abc", 0), "");
}

TEST(Text, WrapsAtBlanks) {
  EXPECT_EQ(wrapped("why ", "one two three four", 12), "why one two\n    three\n    four\n");
  EXPECT_EQ(wrapped("", "aaaaaaaaaa b", 5), "aaaaaaaaaa\nb\n");
  EXPECT_EQ(wrapped("x ", "", 5), "x\n");
}

TEST(Table, AlignsAndLeavesNoTrailingBlanks) {
  Table table({{"NAME"}, {"IN", Align::kRight}, {"NOTE"}});
  table.add({"a", "10", ""});
  table.add({"long-name", "5"});
  EXPECT_EQ(table.text(), "NAME       IN  NOTE\na          10\nlong-name   5\n");
}

TEST(Table, TheWidestThatMayGivesWay) {
  Table table({{"A", Align::kLeft, 4}, {"B", Align::kLeft, 4}, {"C"}});
  table.add({std::string(12, 'a'), std::string(8, 'b'), std::string(6, 'c')});
  const std::string text = table.text(24);
  EXPECT_EQ(text, "A        B        C\naaaaaa…  bbbbbb…  cccccc\n");
  EXPECT_EQ(table.text(5), "A     B     C\naaa…  bbb…  cccccc\n") << "no narrower than allowed";
}

TEST(Table, MakesCellsPrintable) {
  Table table({{"NAME"}});
  table.add({"a\nb"});
  EXPECT_EQ(table.text(), "NAME\na?b\n");
}

TEST(Amount, Bytes) {
  EXPECT_EQ(bytes_text(0), "0 B");
  EXPECT_EQ(bytes_text(1023), "1023 B");
  EXPECT_EQ(bytes_text(1024), "1.0 KiB");
  EXPECT_EQ(bytes_text(1024 * 1024 - 1), "1.0 MiB") << "never 1024.0 KiB";
  EXPECT_EQ(bytes_text(24'536'678), "23.4 MiB");
  EXPECT_EQ(bytes_text(~std::uint64_t{0}), "16.0 EiB");
}

TEST(Amount, Durations) {
  EXPECT_EQ(duration_text(seconds(-3)), "0s");
  EXPECT_EQ(duration_text(seconds(59)), "59s");
  EXPECT_EQ(duration_text(seconds(90)), "1m30s");
  EXPECT_EQ(duration_text(seconds(2 * 3600 + 5 * 60 + 59)), "2h05m");
  EXPECT_EQ(duration_text(seconds(3 * 86400 + 4 * 3600)), "3d04h");
}

TEST(Yaml, IsBlockStyleInOrder) {
  const auto value = nlohmann::ordered_json::parse(
      R"({"zeta": "x", "alpha": [{"name": "a", "san": []}, {"name": "b", "san": ["c", "d"]}],
          "deep": {"list": [[1, 2]], "empty": {}}})");
  EXPECT_EQ(yaml_text(value),
            "zeta: x\nalpha:\n- name: a\n  san: []\n- name: b\n  san:\n  - c\n  - d\n"
            "deep:\n  list:\n  - - 1\n    - 2\n  empty: {}\n");
}

TEST(Yaml, ReadsBackAsWhatItWas) {
  const char* strings[] = {"",           "true", "No",  "0x1f",         "1e3",
                           "2026-11-24", "a: b", "# c", "- x",          "null",
                           "~",          ".5",   "a b", "[x]",          "\"q\"",
                           "l\nm",       "ünï",  "::1", "10.0.0.1:500", "%a",
                           "node2/v4",   "*x",   "!t"};
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const char* each : strings) list.push_back(each);
  const YAML::Node read = YAML::Load(yaml_text(nlohmann::ordered_json{{"list", list}}))["list"];
  ASSERT_EQ(read.size(), std::size(strings));
  for (std::size_t i = 0; i < read.size(); ++i) {
    EXPECT_EQ(read[i].as<std::string>(), strings[i]);
    EXPECT_FALSE(read[i].IsNull());
  }
}

}  // namespace
}  // namespace espalier::cli
