#include "crds/types/words.h"

#include <gtest/gtest.h>

#include "crds/types/duration.h"
#include "crds/types/label_selector.h"
#include "crds/types/secret.h"

namespace espalier::crds {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::nanoseconds;
using std::chrono::seconds;

TEST(Duration, ReadsGoSpelling) {
  EXPECT_EQ(parse_duration("90s"), seconds(90));
  EXPECT_EQ(parse_duration("8h"), hours(8));
  EXPECT_EQ(parse_duration("1h30m"), minutes(90));
  EXPECT_EQ(parse_duration("1.5h"), minutes(90));
  EXPECT_EQ(parse_duration(".5s"), milliseconds(500));
  EXPECT_EQ(parse_duration("250ms"), milliseconds(250));
  EXPECT_EQ(parse_duration("1m0.000000001s"), minutes(1) + nanoseconds(1));
  EXPECT_EQ(parse_duration("3\u00b5s"), nanoseconds(3000));
  EXPECT_EQ(parse_duration("0"), seconds(0));
  EXPECT_EQ(parse_duration("0s"), seconds(0));
}

TEST(Duration, RefusesEverythingElse) {
  for (const char* bad : {"", "90", "s", "1 h", "-1s", "+1s", "1d", "1h-30m", "1e3s", ".s", "1.",
                          "1h ", " 1h", "00", "9223372036854775808ns", "99999999h", "1hh"}) {
    EXPECT_FALSE(parse_duration(bad)) << bad;
  }
}

TEST(Duration, WritesWhatItReads) {
  for (const char* text : {"0s", "1h30m", "1m30s", "250ms", "1h1ns", "2us", "8h"}) {
    EXPECT_EQ(format_duration(*parse_duration(text)), text);
  }
  EXPECT_EQ(format_duration(seconds(90)), "1m30s");
}

TEST(Words, KnowsKubernetesNames) {
  EXPECT_TRUE(is_dns_subdomain("a-1.example"));
  for (const char* bad : {"", "-a", "a-", "A", "a..b", "a.", "a_b"})
    EXPECT_FALSE(is_dns_subdomain(bad)) << bad;
  EXPECT_FALSE(is_dns_label(std::string(64, 'a')));
  EXPECT_TRUE(is_label_key("kubernetes.io/os"));
  EXPECT_FALSE(is_label_key("/os"));
  EXPECT_FALSE(is_label_key("a/b/c"));
  EXPECT_TRUE(is_label_value(""));
  EXPECT_FALSE(is_label_value("_x"));
}

TEST(Words, FindsWhatWasMeant) {
  const std::vector<std::string> known = {"enforcement", "traffic", "ike", "esp"};
  EXPECT_EQ(closest("enforcment", known), "enforcement");
  EXPECT_EQ(closest("Traffic", known), "traffic");
  EXPECT_EQ(closest("eps", known), "esp");
  EXPECT_FALSE(closest("mode", known));
  EXPECT_FALSE(closest("x", known));
  EXPECT_FALSE(closest(std::string(1000, 'x'), known));
}

TEST(Words, QuotesWithoutControlCharacters) {
  EXPECT_EQ(in_quotes("a\"b\n"), R"("a\"b\x0a")");
  EXPECT_EQ(in_quotes(std::string(59, 'x') + "\u20ac\u20ac"),
            "\"" + std::string(59, 'x') + "\u20ac\"...");
}

TEST(KeyBytes, ReadsTextAndHexadecimal) {
  EXPECT_EQ(to_text(key_bytes(as_bytes("k7Qm\n"))->view()), "k7Qm");
  EXPECT_EQ(to_hex(key_bytes(as_bytes("0x00fF"))->view()), "00ff");
  for (const char* bad : {"", "\n", "0x", "0x0", "0x0g"})
    EXPECT_FALSE(key_bytes(as_bytes(bad))) << bad;
}

TEST(LabelSelector, MatchesAsInKubernetes) {
  LabelSelector selector;
  EXPECT_TRUE(selector.matches({}));
  selector.match_labels = {{"role", "storage"}};
  EXPECT_TRUE(selector.matches({{"role", "storage"}, {"zone", "a"}}));
  EXPECT_FALSE(selector.matches({{"role", "web"}}));
  selector.match_labels.clear();
  selector.match_expressions = {{"zone", LabelOperator::kNotIn, {"a", "b"}}};
  EXPECT_TRUE(selector.matches({})) << "a missing label is in no list";
  EXPECT_FALSE(selector.matches({{"zone", "b"}}));
  selector.match_expressions = {{"zone", LabelOperator::kIn, {"a"}},
                                {"gone", LabelOperator::kDoesNotExist, {}}};
  EXPECT_TRUE(selector.matches({{"zone", "a"}}));
  EXPECT_FALSE(selector.matches({{"zone", "a"}, {"gone", ""}}));
  EXPECT_FALSE(selector.matches({}));
}

}  // namespace
}  // namespace espalier::crds
