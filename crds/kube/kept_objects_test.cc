#include "crds/kube/kept_objects.h"

#include <gtest/gtest.h>

#include "crds/kube/resources.h"

namespace espalier::crds {
namespace {

kube::ObjectPtr endpoint(const std::string& address, std::int64_t generation,
                         const std::string& role = {}) {
  kube::Json metadata = {{"name", "node1"}, {"uid", "u1"}, {"generation", generation}};
  if (!role.empty()) metadata["labels"] = {{"role", role}};
  auto object = kube::make_object(
      {{"apiVersion", node_endpoints().api_version()},
       {"kind", node_endpoints().kind},
       {"metadata", std::move(metadata)},
       {"spec", {{"addresses", kube::Json::array({address})}, {"identity", "node1"}}}});
  EXPECT_TRUE(object);
  return object ? *object : nullptr;
}

const kube::ObjectKey kKey{"", "node1"};

TEST(KeptObjects, KeepsThePointerOfWhatSaysTheSame) {
  KeptObjects<NodeEndpoint> kept;
  EXPECT_TRUE(kept.set(kKey, endpoint("10.0.0.1", 1)));
  const auto before = kept.all().at(kKey);
  EXPECT_FALSE(kept.set(kKey, endpoint("10.0.0.1", 1)));
  EXPECT_EQ(kept.all().at(kKey), before);
  EXPECT_TRUE(kept.set(kKey, endpoint("10.0.0.1", 1, "storage"))) << "labels have no generation";
  EXPECT_EQ(kept.all().at(kKey)->meta.labels.at("role"), "storage");
  EXPECT_TRUE(kept.set(kKey, endpoint("10.0.0.2", 2)));
}

TEST(KeptObjects, SaysWhyAnObjectIsLeftOut) {
  KeptObjects<NodeEndpoint> kept;
  EXPECT_TRUE(kept.set(kKey, endpoint("10.0.0.1", 1)));
  EXPECT_TRUE(kept.set(kKey, endpoint("ten", 2)));
  EXPECT_TRUE(kept.all().empty()) << "not even in its last state";
  EXPECT_NE(kept.refused().at(kKey).find("spec.addresses[0]"), std::string::npos)
      << kept.refused().at(kKey);
  EXPECT_FALSE(kept.set(kKey, endpoint("ten", 2))) << "the same complaint again";
  EXPECT_TRUE(kept.set(kKey, endpoint("10.0.0.1", 3)));
  EXPECT_TRUE(kept.refused().empty());
}

TEST(KeptObjects, ForgetsWhatIsGone) {
  KeptObjects<NodeEndpoint> kept;
  EXPECT_FALSE(kept.set(kKey, nullptr));
  EXPECT_TRUE(kept.set(kKey, endpoint("ten", 1)));
  EXPECT_TRUE(kept.set(kKey, nullptr));
  EXPECT_TRUE(kept.refused().empty());
  EXPECT_TRUE(kept.set(kKey, endpoint("10.0.0.1", 1)));
  EXPECT_TRUE(kept.set(kKey, nullptr));
  EXPECT_TRUE(kept.all().empty());
}

}  // namespace
}  // namespace espalier::crds
