#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crds/yamlcpp/collected_documents.h"
#include "crds/yamlcpp/plain_scalar.h"

namespace espalier::crds {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> problems(std::string_view text) {
  std::vector<std::string> lines;
  for (const Problem& problem : collect_documents(text, "f.yaml").problems) {
    lines.push_back(problem.to_string());
  }
  return lines;
}

TEST(ReadDocuments, KeepsWhereEveryKeyAndValueStands) {
  const Documents read = collect_documents(
      "---\n# a comment\na: 1\nb:\n- {c/d: x}\n- [v, w]\n---\n---\ne: {}\n", "f.yaml");
  ASSERT_THAT(read.problems, ElementsAre());
  ASSERT_EQ(read.documents.size(), 2U) << "the empty document is none";
  const Document& first = read.documents[0];
  EXPECT_EQ(first.json, Json::parse(R"({"a":1,"b":[{"c/d":"x"},["v","w"]]})"));
  EXPECT_EQ(first.origin.to_string(), "f.yaml:3:1");
  EXPECT_EQ(first.keys.at("/a"), (Position{3, 1}));
  EXPECT_EQ(first.values.at("/a"), (Position{3, 4}));
  EXPECT_EQ(first.keys.at("/b/0/c~1d"), (Position{5, 4}));
  EXPECT_EQ(first.values.at("/b/0/c~1d"), (Position{5, 9}));
  EXPECT_EQ(first.values.at("/b/1/1"), (Position{6, 7}));
  EXPECT_EQ(read.documents[1].origin.to_string(), "f.yaml:9:1");
}

TEST(ReadDocuments, ReadsJson) {
  const Documents read = collect_documents(
      "{\n\t\"a\": \"10.0.0.0\\/8\",\n\t\"b\": [true, null, -1.5e3]\n}\n", "f.json");
  ASSERT_THAT(read.problems, ElementsAre());
  EXPECT_EQ(read.documents.at(0).json,
            Json::parse(R"({"a":"10.0.0.0/8","b":[true,null,-1500.0]})"));
}

TEST(ReadDocuments, RefusesAKeyThatComesTwice) {
  EXPECT_THAT(problems("a: 1\nb: {c: 1, c: 2}\na: 3\n"),
              ElementsAre("f.yaml:2:11: key \"c\" is given twice in one map (first in line 2)",
                          "f.yaml:3:1: key \"a\" is given twice in one map (first in line 1)"));
}

TEST(ReadDocuments, AliasesAreBounded) {
  EXPECT_EQ(collect_documents("a: &x {b: 1}\nc: *x\n", "").documents.at(0).json,
            Json::parse(R"({"a":{"b":1},"c":{"b":1}})"));
  // Each line has nine times what the line before it had.
  std::string laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string alias = " *a" + std::to_string(i - 1) + " ";
    laughs += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + alias;
    for (int j = 0; j < 8; ++j) laughs += "," + alias;
    laughs += "]\n";
  }
  EXPECT_THAT(problems(laughs), ElementsAre(HasSubstr("more than 200000 values, aliases counted")));
  EXPECT_THAT(problems("a: &x [*x]\n"),
              ElementsAre(HasSubstr("f.yaml:1:8: an alias inside of what it stands for")));
  EXPECT_THAT(problems("a: *x\n"), ElementsAre(HasSubstr("this is no YAML")));
}

TEST(ReadDocuments, RefusesWhatItDoesNotTake) {
  EXPECT_THAT(problems("<<: {a: 1}\n"), ElementsAre(HasSubstr("f.yaml:1:1: merge keys")));
  EXPECT_THAT(problems("a: !!binary AQID\n"),
              ElementsAre(HasSubstr("tag \"tag:yaml.org,2002:binary\" is not supported")));
  EXPECT_THAT(problems("a: !mine {}\n"), ElementsAre(HasSubstr("is not supported")));
  EXPECT_THAT(problems("? [a]\n: 1\n"),
              ElementsAre(HasSubstr("a list cannot be the key of a map")));
  EXPECT_THAT(problems("? {a: b}\n: 1\n"),
              ElementsAre(HasSubstr("a map cannot be the key of a map")));
  EXPECT_THAT(problems("~: 1\n"), ElementsAre(HasSubstr("nothing (null) cannot be the key")));
  EXPECT_THAT(problems("a: [1\nb: 2\n").size(), 1U);
  EXPECT_THAT(problems("a: 1\n b: 2\n"), ElementsAre(HasSubstr("f.yaml:2:3: this is no YAML")));
  EXPECT_THAT(problems(std::string("a: \0b", 5)),
              ElementsAre("f.yaml:1:4: control character 0x00; allowed: text"));
  EXPECT_THAT(problems("a: 1\nb: \xff\n"), ElementsAre("f.yaml:2:4: the file is not UTF-8 here"));
  EXPECT_THAT(problems("\xff\xfe"
                       "a\0"),
              ElementsAre(HasSubstr("not UTF-8")));
  EXPECT_THAT(problems(std::string(kMaxFileSize + 1, ' ')),
              ElementsAre(HasSubstr("the file has 1048577 bytes")));
  EXPECT_THAT(problems(std::string(40, '[') + std::string(40, ']')),
              ElementsAre(HasSubstr("more than 32 lists and maps")));
  EXPECT_THAT(problems(std::string(100'000, '[') + std::string(100'000, ']')),
              ElementsAre(HasSubstr("more than 32 lists and maps")));
}

TEST(ReadDocuments, KeepsTheDocumentsBeforeASyntaxError) {
  const Documents read = collect_documents("a: 1\n---\nb: [\n", "f.yaml");
  EXPECT_EQ(read.documents.size(), 1U);
  EXPECT_EQ(read.problems.size(), 1U);
}

TEST(PlainScalar, MeansWhatKubectlTakesItFor) {
  for (const char* text : {"true", "True", "TRUE", "yes", "on", "y"})
    EXPECT_EQ(plain_scalar(text), Json(true)) << text;
  for (const char* text : {"false", "No", "OFF", "n"})
    EXPECT_EQ(plain_scalar(text), Json(false)) << text;
  EXPECT_EQ(plain_scalar("4096"), Json(4096));
  EXPECT_EQ(plain_scalar("-7"), Json(-7));
  EXPECT_EQ(plain_scalar("0x1F"), Json(31));
  EXPECT_EQ(plain_scalar("0o17"), Json(15));
  EXPECT_EQ(plain_scalar("017"), Json(15));
  EXPECT_EQ(plain_scalar("1.5"), Json(1.5));
  EXPECT_EQ(plain_scalar("-1e3"), Json(-1000.0));
  EXPECT_TRUE(plain_scalar("0x5d1f0a6ce4b83f7729d0a1c4e5b6f70819283746556473829100ffeeddccbbaa")
                  .is_number());
  EXPECT_TRUE(plain_scalar("99999999999999999999").is_number());
  for (const char* text : {"8h", "tRue", "10.0.0.1", "fd00::1", "10.0.0.0/8", "-", "+", ".",
                           "1.2.3", "0x", "0xg", "a", "", "e3", "1_000"}) {
    EXPECT_EQ(plain_scalar(text), Json(text)) << text;
  }
}

}  // namespace
}  // namespace espalier::crds
