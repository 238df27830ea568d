// The CRDs and the decoder say the same: same fields, same types, same bounds, same words.
#include <fstream>
#include <iterator>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crds/types/decode.h"
#include "crds/types/status.h"
#include "crds/yamlcpp/collected_documents.h"
#include "tests/source_dir.h"

namespace espalier::crds {
namespace {

Json read_crd(const std::string& plural) {
  const std::string path = source_dir() + "/crds/espalier.io_" + plural + ".yaml";
  std::ifstream stream(path);
  const std::string text((std::istreambuf_iterator<char>(stream)), {});
  Documents read = collect_documents(text, path);
  for (const Problem& problem : read.problems) ADD_FAILURE() << problem.to_string();
  if (read.documents.size() != 1) {
    ADD_FAILURE() << path << " holds " << read.documents.size() << " documents";
    return Json::object();
  }
  return read.documents[0].json;
}

const Json& schema_of(const Json& crd) {
  return crd.at("spec").at("versions").at(0).at("schema").at("openAPIV3Schema");
}

std::set<std::string> words(const Json& list) {
  return list.is_array() ? list.get<std::set<std::string>>() : std::set<std::string>();
}

std::set<std::string> fields(const Json& schema) {
  std::set<std::string> names;
  if (schema.contains("properties")) {
    for (const auto& [name, ignored] : schema.at("properties").items()) names.insert(name);
  }
  return names;
}

// A list of one writer's is atomic to the API server, which then need not keep an account of its
// entries; that they differ is for the decoder to see.
bool is_one_writers(const std::string& path, const Json& crd) {
  static const std::set<std::string> kPaths = {
      "NodePolicy.spec.policies", "NodePolicy.spec.tunnels", "NodePolicy.status.policies",
      "NodePolicy.status.tunnels", "PodSlice.spec.addresses"};
  return kPaths.count(path) != 0 && crd.value("x-kubernetes-list-type", "") == "atomic";
}

void expect_same(const std::string& path, const Json& decoder, const Json& crd) {
  if (decoder.empty()) return;  // only whether it is there
  SCOPED_TRACE(path);
  EXPECT_EQ(decoder.value("type", ""), crd.value("type", ""));
  for (const char* bound : {"minimum", "maximum", "minItems", "maxItems", "minLength", "maxLength",
                            "x-kubernetes-map-type"}) {
    if (decoder.contains(bound)) {
      EXPECT_EQ(decoder.at(bound), crd.value(bound, Json())) << bound;
    }
  }
  for (const char* bound : {"minimum", "maximum", "minItems", "minLength"}) {
    EXPECT_EQ(decoder.contains(bound), crd.contains(bound))
        << bound << " is told by one of the two only";
  }
  EXPECT_EQ(words(decoder.value("enum", Json())), words(crd.value("enum", Json())));
  EXPECT_EQ(words(decoder.value("required", Json())), words(crd.value("required", Json())));
  for (const char* kind : {"x-kubernetes-list-type", "x-kubernetes-list-map-keys"}) {
    if (decoder.contains(kind) && !is_one_writers(path, crd)) {
      EXPECT_EQ(decoder.at(kind), crd.value(kind, Json()));
    }
  }
  EXPECT_EQ(decoder.contains("additionalProperties"), crd.contains("additionalProperties"));

  std::set<std::string> known = fields(decoder);
  const std::set<std::string> pending = words(decoder.value("x-pending", Json()));
  known.insert(pending.begin(), pending.end());
  EXPECT_EQ(known, fields(crd));
  for (const std::string& name : fields(decoder)) {
    if (fields(crd).count(name) == 0) continue;
    expect_same(path + "." + name, decoder.at("properties").at(name),
                crd.at("properties").at(name));
  }
  if (decoder.contains("items") && crd.contains("items")) {
    expect_same(path + "[]", decoder.at("items"), crd.at("items"));
  }
}

// What the API server needs to bound the cost of rules, and kubectl explain to teach.
void expect_bounded_and_told(const std::string& path, const Json& schema, bool item) {
  SCOPED_TRACE(path);
  const std::string type = schema.value("type", "");
  EXPECT_NE(type, "");
  if (!item) {
    EXPECT_NE(schema.value("description", ""), "");
  }
  if (type == "string" && !schema.contains("enum") && !schema.contains("format")) {
    EXPECT_TRUE(schema.contains("maxLength"));
  }
  if (type == "array") {
    EXPECT_TRUE(schema.contains("maxItems"));
    EXPECT_TRUE(schema.contains("x-kubernetes-list-type"));
    expect_bounded_and_told(path + "[]", schema.at("items"), true);
  }
  if (schema.contains("additionalProperties")) {
    EXPECT_TRUE(schema.contains("maxProperties"));
  }
  if (schema.contains("properties")) {
    for (const auto& [name, child] : schema.at("properties").items()) {
      expect_bounded_and_told(path + "." + name, child, false);
    }
  }
}

class Crd : public testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(Crd, AgreesWithTheDecoder) {
  const auto& [kind, plural] = GetParam();
  const Json crd = read_crd(plural);
  ASSERT_TRUE(crd.contains("spec"));
  EXPECT_EQ(crd.at("spec").at("names").at("kind"), kind);
  EXPECT_EQ(crd.at("metadata").at("name"), std::string(plural) + ".espalier.io");
  EXPECT_EQ(std::string(crd.at("spec").at("group")) + "/" +
                std::string(crd.at("spec").at("versions").at(0).at("name")),
            kApiVersion);
  const Json& properties = schema_of(crd).at("properties");
  expect_same(std::string(kind) + ".spec", *spec_schema(kind), properties.at("spec"));
  const std::optional<Json> status = status_schema(kind);
  ASSERT_EQ(status.has_value(), properties.contains("status"));
  if (status) {
    expect_same(std::string(kind) + ".status", *status, properties.at("status"));
    EXPECT_TRUE(crd.at("spec").at("versions").at(0).at("subresources").contains("status"));
  }
}

TEST_P(Crd, BoundsEverythingAndTellsWhatItIs) {
  const Json crd = read_crd(GetParam().second);
  ASSERT_TRUE(crd.contains("spec"));
  for (const char* part : {"spec", "status"}) {
    if (!schema_of(crd).at("properties").contains(part)) continue;
    expect_bounded_and_told(part, schema_of(crd).at("properties").at(part), false);
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, Crd,
                         testing::Values(std::pair("IPsecPolicy", "ipsecpolicies"),
                                         std::pair("Tunnel", "tunnels"),
                                         std::pair("NodeEndpoint", "nodeendpoints"),
                                         std::pair("NodePolicy", "nodepolicies"),
                                         std::pair("PodSlice", "podslices")));

}  // namespace
}  // namespace espalier::crds
