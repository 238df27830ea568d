#include "kube/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kube/transport.h"

namespace espalier::kube {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

ObjectPtr object(const std::string& name, const std::string& version, Json more = Json::object(),
                 const std::string& uid = "u") {
  Json json = {{"metadata", {{"name", name}, {"resourceVersion", version}, {"uid", uid}}}};
  json.update(more, true);
  auto made = make_object(std::move(json));
  EXPECT_TRUE(made) << made.error().to_string();
  return *made;
}

std::vector<std::string> told(const std::vector<Change>& changes) {
  std::vector<std::string> words;
  for (const auto& change : changes) {
    words.push_back((change.added()     ? "+"
                     : change.deleted() ? "-"
                                        : "~") +
                    change.key().to_string());
  }
  return words;
}

TEST(Store, TellsWhatChangedAndNothingTwice) {
  StoreWriter writer;
  const auto store = writer.store();
  EXPECT_FALSE(store->synced());
  EXPECT_THAT(told(writer.replace({object("a", "1"), object("b", "1")}, "5")),
              ElementsAre("+a", "+b"));
  EXPECT_TRUE(store->synced());
  EXPECT_EQ(store->resource_version(), "5");
  EXPECT_THAT(told(writer.put(object("a", "1"))), IsEmpty());
  EXPECT_THAT(told(writer.put(object("a", "6"))), ElementsAre("~a"));
  EXPECT_EQ(store->resource_version(), "6");
  EXPECT_THAT(told(writer.remove({"", "a"})), ElementsAre("-a"));
  EXPECT_THAT(told(writer.remove({"", "a"})), IsEmpty());
  EXPECT_EQ(store->find("a"), nullptr);
  EXPECT_THAT(store->list(), SizeIs(1));
}

TEST(Store, AWholeSetDeletesWhatIsNotInIt) {
  StoreWriter writer;
  writer.replace({object("a", "1"), object("b", "1"), object("c", "1")}, "5");
  EXPECT_THAT(told(writer.replace({object("a", "1"), object("c", "7"), object("d", "8")}, "9")),
              ElementsAre("~c", "+d", "-b"));
  EXPECT_THAT(told(writer.replace({object("a", "1"), object("c", "7"), object("d", "8")}, "9")),
              IsEmpty());
}

TEST(Store, DeletedAndMadeAgainIsBoth) {
  StoreWriter writer;
  writer.replace(
      {object("a", "1", Json::object(), "first"), object("b", "1", Json::object(), "first")}, "5");
  EXPECT_THAT(told(writer.put(object("a", "6", Json::object(), "second"))),
              ElementsAre("-a", "+a"));
  EXPECT_THAT(told(writer.replace({object("a", "6", Json::object(), "second"),
                                   object("b", "8", Json::object(), "second")},
                                  "9")),
              ElementsAre("-b", "+b"));
}

TEST(Store, ReadersKeepWhatTheyHold) {
  StoreWriter writer;
  writer.put(object("a", "1"));
  const ObjectPtr held = writer.store()->find("a");
  writer.put(object("a", "2"));
  writer.remove({"", "a"});
  EXPECT_EQ(held->metadata.resource_version, "1");
}

TEST(Store, IndexesFollow) {
  StoreWriter writer({{"node", [](const Object& pod) {
                         return std::vector{field_text(pod.json, "spec.nodeName")};
                       }}});
  const auto store = writer.store();
  const auto on = [](const char* node) { return Json{{"spec", {{"nodeName", node}}}}; };
  writer.replace({object("a", "1", on("n1")), object("b", "1", on("n1"))}, "5");
  EXPECT_THAT(store->find_by("node", "n1"), SizeIs(2));
  writer.put(object("a", "6", on("n2")));
  EXPECT_THAT(store->find_by("node", "n1"), ElementsAre(store->find("b")));
  EXPECT_THAT(store->find_by("node", "n2"), ElementsAre(store->find("a")));
  writer.remove({"", "b"});
  EXPECT_THAT(store->find_by("node", "n1"), IsEmpty());
  writer.replace({object("c", "7", on("n3"))}, "9");
  EXPECT_THAT(store->find_by("node", "n2"), IsEmpty());
  EXPECT_THAT(store->find_by("node", "n3"), SizeIs(1));
  EXPECT_THAT(store->find_by("colour", "n3"), IsEmpty());
}

TEST(Change, StatusOnlyIsToldFromTheGeneration) {
  const auto with = [](int generation, const char* label) {
    return object("a", std::to_string(generation) + label,
                  {{"metadata", {{"generation", generation}, {"labels", {{"l", label}}}}}});
  };
  EXPECT_TRUE((Change{with(1, "x"), with(1, "x")}).status_only());
  EXPECT_FALSE((Change{with(1, "x"), with(2, "x")}).status_only());
  EXPECT_FALSE((Change{with(1, "x"), with(1, "y")}).status_only());
  EXPECT_FALSE((Change{nullptr, with(1, "x")}).status_only());
  EXPECT_FALSE(
      (Change{object("a", "1", Json::object(), "u"), object("a", "2", Json::object(), "v")})
          .status_only());
}

TEST(Change, WithoutAGenerationTheSpecDecides) {
  const auto with = [](const char* version, const char* cidr, const char* ready) {
    return object("n", version, {{"spec", {{"podCIDR", cidr}}}, {"status", {{"ready", ready}}}});
  };
  EXPECT_TRUE((Change{with("1", "x", "yes"), with("2", "x", "no")}).status_only());
  EXPECT_FALSE((Change{with("1", "x", "yes"), with("2", "y", "yes")}).status_only());
}

TEST(Object, NamesTheFieldThatIsWrong) {
  const auto error_of_metadata = [](Json metadata) {
    auto made = make_object({{"metadata", std::move(metadata)}});
    return made ? "none" : made.error().to_string();
  };
  EXPECT_EQ(error_of_metadata({{"name", "a"}}), "none");
  EXPECT_EQ(error_of_metadata({{"namespace", "a"}}), "metadata.name: a name is needed");
  EXPECT_EQ(error_of_metadata({{"name", 7}}), "metadata.name: a string is needed");
  EXPECT_EQ(error_of_metadata({{"name", "a"}, {"labels", {{"x", true}}}}),
            "metadata.labels.x: a string is needed");
  EXPECT_EQ(error_of_metadata({{"name", "a"}, {"generation", "7"}}),
            "metadata.generation: a whole number is needed");
  EXPECT_EQ(error_of_metadata({{"name", "a"}, {"ownerReferences", {{{"kind", "Node"}}}}}),
            "metadata.ownerReferences.apiVersion: a string is needed");
  EXPECT_EQ(make_object(Json::array()).error().to_string(), "a map is needed");
}

TEST(Object, NeverHoldsManagedFields) {
  auto made = make_object({{"metadata", {{"name", "a"}, {"managedFields", {1, 2}}}}});
  ASSERT_TRUE(made);
  EXPECT_EQ(find_field((*made)->json, "metadata.managedFields"), nullptr);
}

TEST(Resource, PathsAreEncodedAndNamesMayBeLong) {
  EXPECT_EQ(nodes().object_path({"", "a"}, "status"), "/api/v1/nodes/a/status");
  EXPECT_EQ(leases().object_path({"kube-system", "x"}),
            "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/x");
  EXPECT_EQ(nodes().object_path({"", "../secrets?x=ä"}), "/api/v1/nodes/..%2Fsecrets%3Fx%3D%C3%A4");
  const std::string name(253, 'n');
  EXPECT_EQ(nodes().object_path({"", name}), "/api/v1/nodes/" + name);
  Request request;
  request.path = "/api/v1/pods";
  request.query = {{"labelSelector", "role in (a,b)"}, {"limit", "5"}};
  EXPECT_EQ(request.target(), "/api/v1/pods?labelSelector=role%20in%20%28a%2Cb%29&limit=5");
}

}  // namespace
}  // namespace espalier::kube
