#include "cni/install/conflist.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cni/install/json_spans.h"

namespace espalier::cni {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Json entry(int timeout = 15) {
  return entry_of("/run/espalier/pods.sock", std::chrono::seconds(timeout), {"espalier-system"});
}
constexpr const char* kEntry =
    R"({"type":"espalier-cni","socket":"/run/espalier/pods.sock","timeoutSeconds":15,"exemptNamespaces":["espalier-system"]})";

// As a network's own installer writes it: a field that CNI does not know, numbers that a parser
// would spell anew, braces within strings.
constexpr const char* kCalico = R"({
  "name": "k8s-pod-network",
  "cniVersion": "0.3.1",
  "plugins": [
    {
      "type": "calico",
      "mtu": 1.500e3,
      "note": "\"}], \\",
      "kubernetes": {"kubeconfig": "/etc/cni/net.d/calico-kubeconfig"}
    },
    {"type": "portmap", "snat": true, "capabilities": {"portMappings": true}}
  ],
  "x-later": [1, 2.50, {}]
}
)";

std::string error_of(std::string_view text) {
  const auto patched = with_entry(text, entry());
  return patched ? "patched" : patched.error().to_string();
}

TEST(JsonSpans, FindsMembersAndElements) {
  const std::string_view text = R"( { "a" : [1,"]", {"b":2} ] , "c\"d":null, "e":-1.5e3} )";
  const auto members = members_of(text, 0);
  ASSERT_EQ(members.size(), 3U);
  EXPECT_EQ(members[0].key.of(text), "a");
  EXPECT_EQ(members[0].value.of(text), R"([1,"]", {"b":2} ])");
  EXPECT_EQ(members[1].key.of(text), "c\\\"d");
  EXPECT_EQ(members[1].value.of(text), "null");
  EXPECT_EQ(members[2].value.of(text), "-1.5e3");
  const auto elements = elements_of(text, members[0].value.begin);
  ASSERT_EQ(elements.size(), 3U);
  EXPECT_EQ(elements[1].of(text), R"("]")");
  EXPECT_EQ(elements[2].of(text), R"({"b":2})");
  EXPECT_THAT(members_of("{ }", 0), IsEmpty());
  EXPECT_THAT(elements_of("[\n]", 0), IsEmpty());
  EXPECT_THAT(members_of("[1]", 0), IsEmpty());
}

TEST(Conflist, TheEntryStandsBehindTheNetworksPluginsAndNothingElseChanges) {
  std::string expected = kCalico;
  const std::string last = R"("capabilities": {"portMappings": true}})";
  const std::size_t behind = expected.find(last) + last.size();
  expected.insert(behind, ",\n    " + std::string(kEntry));
  const auto patched = with_entry(kCalico, entry());
  ASSERT_TRUE(patched) << patched.error().to_string();
  EXPECT_EQ(*patched, expected);
  EXPECT_TRUE(has_entry(*patched));
  EXPECT_FALSE(has_entry(kCalico));
  EXPECT_EQ(*with_entry(*patched, entry()), *patched) << "again it changes nothing";
  EXPECT_EQ(without_entry(*patched), kCalico);
  EXPECT_EQ(without_entry(kCalico), kCalico);
}

TEST(Conflist, OnOneLineItStaysOnOneLine) {
  const std::string text =
      R"({"cniVersion":"1.1.0","name":"net","plugins":[{"type":"ptp"}],"disableCheck":true})";
  EXPECT_EQ(*with_entry(text, entry()),
            R"({"cniVersion":"1.1.0","name":"net","plugins":[{"type":"ptp"},)" +
                std::string(kEntry) + R"(],"disableCheck":true})");
}

TEST(Conflist, AnEntryWithOtherWordsIsReplacedWhereItStands) {
  const std::string middle = R"({"cniVersion":"1.0.0","name":"net","plugins":[{"type":"ptp"}, )" +
                             entry(3).dump() + R"(, {"type":"bandwidth"}]})";
  EXPECT_EQ(*with_entry(middle, entry()),
            R"({"cniVersion":"1.0.0","name":"net","plugins":[{"type":"ptp"}, )" +
                std::string(kEntry) + R"(, {"type":"bandwidth"}]})");
  EXPECT_EQ(
      without_entry(middle),
      R"({"cniVersion":"1.0.0","name":"net","plugins":[{"type":"ptp"}, {"type":"bandwidth"}]})");
  // The same words in another order are the same.
  const std::string same =
      R"({"cniVersion":"1.0.0","name":"net","plugins":[{"type":"ptp"},{"exemptNamespaces":["espalier-system"],)"
      R"("timeoutSeconds":15,"socket":"/run/espalier/pods.sock","type":"espalier-cni"}]})";
  EXPECT_EQ(*with_entry(same, entry()), same);
}

TEST(Conflist, OfSeveralEntriesOneIsLeft) {
  const std::string one(kEntry);
  const std::string text =
      R"({"cniVersion":"1.0.0","name":"n","plugins":[)" + one + R"(,{"type":"ptp"},)" + one + "]}";
  EXPECT_EQ(*with_entry(text, entry()),
            R"({"cniVersion":"1.0.0","name":"n","plugins":[)" + one + R"(,{"type":"ptp"}]})");
  EXPECT_EQ(without_entry(text), R"({"cniVersion":"1.0.0","name":"n","plugins":[{"type":"ptp"}]})");
}

TEST(Conflist, WhatIsWrongIsNamed) {
  EXPECT_EQ(error_of("{\"name\":"), "is no JSON");
  EXPECT_EQ(error_of("[]"), "an object is needed");
  EXPECT_EQ(error_of("\xEF\xBB\xBF{\"name\":\"n\",\"plugins\":[{\"type\":\"ptp\"}]}"),
            "must begin with {");
  EXPECT_EQ(error_of(R"({"name":"n","cniVersion":"1.0.0"})"), "plugins: a list is needed");
  EXPECT_EQ(error_of(R"({"cniVersion":"1.0.0","plugins":[{"type":"a"}]})"), "name: is missing");
  EXPECT_EQ(error_of(R"({"name":"","cniVersion":"1.0.0","plugins":[{"type":"a"}]})"),
            "name: must be a string that is not empty");
  EXPECT_EQ(error_of(R"({"name":"n","plugins":[{"type":"a"}]})"), "cniVersion: is missing");
  EXPECT_EQ(error_of(R"({"name":"n","cniVersion":"0.2.0","plugins":[{"type":"a"}]})"),
            "cniVersion: '0.2.0' is none of 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0");
  EXPECT_EQ(error_of(R"({"name":"n","cniVersion":"1.0.0","plugins":[]})"),
            "plugins: no plugin of a network is in it");
  EXPECT_EQ(error_of(R"({"name":"n","cniVersion":"1.0.0","plugins":[{"type":"a"},{"typ":"b"}]})"),
            "plugins[1].type: is missing");
  EXPECT_EQ(error_of(R"({"name":"n","cniVersion":"1.0.0","plugins":["a"]})"),
            "plugins[0]: an object is needed");
  EXPECT_EQ(error_of(R"({"plugins":[],"name":"n","cniVersion":"1.0.0","plugins":[{"type":"a"}]})"),
            "plugins: stands there twice");
  EXPECT_EQ(error_of(R"({"plugin\u0073":[{"type":"a"}],"name":"n","cniVersion":"1.0.0"})"),
            "plugins: cannot be found in the text");
  EXPECT_EQ(error_of(std::string(kLargestInput + 1, ' ')), "more than 1 MiB");
}

TEST(Conflist, OursComesOutOfWhatIsRefused) {
  const std::string text =
      R"({"cniVersion":"9.9.9","plugins":[{"type":"ptp"},)" + std::string(kEntry) + "]}";
  EXPECT_EQ(without_entry(text), R"({"cniVersion":"9.9.9","plugins":[{"type":"ptp"}]})");
}

TEST(Conflist, AConfBecomesAListOfOne) {
  const std::string conf =
      "{\n \"cniVersion\": \"0.4.0\", \"name\": \"old\",\n \"type\": \"ptp\"}\n\n";
  const auto conflist = conflist_of(conf);
  ASSERT_TRUE(conflist) << conflist.error().to_string();
  EXPECT_EQ(*conflist,
            "{\"cniVersion\":\"0.4.0\",\"name\":\"old\",\"plugins\":[{\n \"cniVersion\": "
            "\"0.4.0\", \"name\": \"old\",\n \"type\": \"ptp\"}]}\n");
  EXPECT_TRUE(with_entry(*conflist, entry()));
  EXPECT_EQ(conflist_of(R"({"cniVersion":"0.4.0","name":"old"})").error().to_string(),
            "type: is missing");
}

}  // namespace
}  // namespace espalier::cni
