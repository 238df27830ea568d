#include "operator/reconcile/pods/selected_pods.h"

#include <random>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace espalier::reconcile {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Labels = SelectedPods::Labels;

IpAddress address(std::uint32_t number) {
  return IpAddress::v4(0x0a000000U + number);
}

Pod pod(const std::string& ns, const std::string& name, const Labels& labels,
        std::vector<IpAddress> addresses) {
  return {ns, name, labels, std::move(addresses)};
}

crds::LabelSelector with(const std::string& key, const std::string& value) {
  return {{{key, value}}, {}};
}

crds::LabelSelector without(const std::string& key, const std::string& value) {
  return {{}, {{key, crds::LabelOperator::kNotIn, {value}}}};
}

class SelectedPodsTest : public testing::Test {
 protected:
  // The addresses of the slices that stand, after all that is to be written was.
  std::set<IpAddress> written(const std::string& policy) {
    write();
    std::set<IpAddress> all;
    for (const auto& [name, slice] : objects_) {
      if (slice.spec.policy != policy) continue;
      all.insert(slice.spec.addresses.begin(), slice.spec.addresses.end());
    }
    return all;
  }

  std::size_t write() {
    plan::PodSlices::Changes changes = slices_.take_changes();
    const std::size_t count = changes.written.size() + changes.deleted.size();
    for (const std::string& name : changes.deleted) objects_.erase(name);
    for (crds::PodSlice& slice : changes.written) objects_[slice.meta.name] = std::move(slice);
    return count;
  }

  plan::PodSlices slices_;
  SelectedPods pods_{slices_};
  std::map<std::string, crds::PodSlice> objects_;
};

TEST_F(SelectedPodsTest, MatchBothSelectorsAsFarAsTheyAreThere) {
  pods_.put_namespace("shop", {{"confidential", "true"}});
  pods_.put_namespace("blog", {});
  pods_.put_pod(pod("shop", "web", {{"app", "web"}}, {address(1)}));
  pods_.put_pod(pod("shop", "db", {{"app", "db"}}, {address(2)}));
  pods_.put_pod(pod("blog", "db", {{"app", "db"}}, {address(3)}));
  pods_.put_policy("namespaces", {with("confidential", "true"), std::nullopt});
  pods_.put_policy("pods", {std::nullopt, with("app", "db")});
  pods_.put_policy("both", {with("confidential", "true"), with("app", "db")});
  pods_.put_policy("neither", {});
  pods_.put_policy("all", {crds::LabelSelector(), std::nullopt});
  EXPECT_THAT(written("namespaces"), ElementsAre(address(1), address(2)));
  EXPECT_THAT(written("pods"), ElementsAre(address(2), address(3)));
  EXPECT_THAT(written("both"), ElementsAre(address(2)));
  EXPECT_THAT(written("neither"), IsEmpty());
  EXPECT_THAT(written("all"), ElementsAre(address(1), address(2), address(3)));
}

TEST_F(SelectedPodsTest, FollowLabelsOfPodsAndNamespaces) {
  pods_.put_policy("p", {with("confidential", "true"), without("app", "proxy")});
  pods_.put_pod(pod("shop", "web", {}, {address(1)}));
  EXPECT_THAT(written("p"), IsEmpty()) << "the namespace is not known yet";
  pods_.put_namespace("shop", {{"confidential", "true"}});
  EXPECT_THAT(written("p"), ElementsAre(address(1)));
  pods_.put_pod(pod("shop", "web", {{"app", "proxy"}}, {address(1)}));
  EXPECT_THAT(written("p"), IsEmpty());
  pods_.put_pod(pod("shop", "web", {{"app", "web"}}, {address(1), address(9)}));
  EXPECT_THAT(written("p"), ElementsAre(address(1), address(9)));
  pods_.put_namespace("shop", {});
  EXPECT_THAT(written("p"), IsEmpty());
  pods_.put_namespace("shop", {{"confidential", "true"}});
  pods_.put_pod(pod("shop", "web", {{"app", "web"}}, {}));
  EXPECT_THAT(written("p"), IsEmpty());
  EXPECT_EQ(pods_.pod_count(), 0U);
  EXPECT_EQ(pods_.group_count(), 0U);
}

TEST_F(SelectedPodsTest, NoNegativeSelectorMatchesANamespaceThatIsNotKnown) {
  pods_.put_policy("p", {without("open", "true"), std::nullopt});
  pods_.put_pod(pod("shop", "web", {}, {address(1)}));
  EXPECT_THAT(written("p"), IsEmpty());
  pods_.put_namespace("shop", {});
  EXPECT_THAT(written("p"), ElementsAre(address(1)));
  pods_.remove_namespace("shop");
  EXPECT_THAT(written("p"), IsEmpty());
}

TEST_F(SelectedPodsTest, WriteNothingForWhatOnlyChangedItsReason) {
  pods_.put_policy("p", {std::nullopt, with("app", "web")});
  pods_.put_pod(pod("shop", "web-0", {{"app", "web"}}, {address(1)}));
  EXPECT_EQ(write(), 1U);
  pods_.put_pod(pod("shop", "web-0", {{"app", "web"}, {"version", "2"}}, {address(1)}));
  EXPECT_EQ(write(), 0U);
  pods_.put_pod(pod("shop", "web-1", {{"app", "web"}}, {address(1)}));  // its successor
  pods_.remove_pod("shop", "web-0");
  EXPECT_EQ(write(), 0U);
  pods_.put_policy("p", {std::nullopt, without("app", "db")});
  EXPECT_EQ(write(), 0U);
  pods_.remove_pod("shop", "web-1");
  EXPECT_EQ(write(), 1U);
  EXPECT_THAT(objects_, IsEmpty());
}

TEST_F(SelectedPodsTest, APolicyThatIsGoneHasNoSlicesNotEvenThoseFromBefore) {
  crds::PodSlice before;
  before.meta.name = "p-1";
  before.spec = {"p", {address(1), address(2)}};
  objects_["p-1"] = before;
  slices_.adopt(before);
  pods_.put_pod(pod("shop", "web", {}, {address(1)}));
  EXPECT_EQ(write(), 0U);
  pods_.remove_policy("p");
  EXPECT_THAT(written("p"), IsEmpty());
  pods_.put_policy("p", {std::nullopt, crds::LabelSelector()});
  EXPECT_THAT(written("p"), ElementsAre(address(1)));
  pods_.put_policy("p", {});
  EXPECT_THAT(written("p"), IsEmpty());
}

TEST_F(SelectedPodsTest, PodsWithTheSameLabelsAreOneGroup) {
  for (std::uint32_t i = 0; i < 1000; ++i) {
    pods_.put_pod(pod("shop", fmt::format("web-{}", i), {{"app", "web"}}, {address(i)}));
  }
  EXPECT_EQ(pods_.pod_count(), 1000U);
  EXPECT_EQ(pods_.group_count(), 1U);
  pods_.put_policy("p", {std::nullopt, with("app", "web")});
  EXPECT_EQ(write(), 10U);
}

TEST_F(SelectedPodsTest, AreWhatSelectorsSayThroughAnyChanges) {
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    const auto below = [&random](std::uint32_t limit) {
      return static_cast<std::uint32_t>(random() % limit);
    };
    const auto some_labels = [&below] {
      Labels labels;
      for (const char* key : {"a", "b"}) {
        if (below(3) != 0) labels[key] = below(2) == 0 ? "x" : "y";
      }
      return labels;
    };
    const auto some_selector = [&below]() -> std::optional<crds::LabelSelector> {
      const std::string key = below(2) == 0 ? "a" : "b";
      const std::string value = below(2) == 0 ? "x" : "y";
      switch (below(4)) {
        case 0:
          return std::nullopt;
        case 1:
          return crds::LabelSelector();
        case 2:
          return with(key, value);
        default:
          return without(key, value);
      }
    };
    slices_ = plan::PodSlices();
    objects_.clear();
    SelectedPods pods(slices_);
    std::map<std::pair<std::string, std::string>, Pod> all_pods;
    std::map<std::string, Labels> namespaces;
    std::map<std::string, PodSelection> policies;
    for (int step = 0; step < 800; ++step) {
      const std::string ns = fmt::format("ns{}", below(4));
      const std::string policy = fmt::format("p{}", below(4));
      const std::uint32_t what = below(20);
      if (what < 11) {
        // Few addresses, so that several pods have the same.
        Pod one = pod(ns, fmt::format("pod{}", below(12)), some_labels(), {});
        const std::uint32_t count = below(3);
        for (std::uint32_t i = 0; i < count; ++i)
          one.addresses.push_back(address(2 * below(20) + i));
        pods.put_pod(one);
        all_pods[{ns, one.name}] = one;
      } else if (what < 14) {
        const std::string name = fmt::format("pod{}", below(12));
        pods.remove_pod(ns, name);
        all_pods.erase({ns, name});
      } else if (what < 16) {
        namespaces[ns] = some_labels();
        pods.put_namespace(ns, namespaces[ns]);
      } else if (what == 16) {
        namespaces.erase(ns);
        pods.remove_namespace(ns);
      } else if (what < 19) {
        policies[policy] = {some_selector(), some_selector()};
        pods.put_policy(policy, policies[policy]);
      } else {
        policies.erase(policy);
        pods.remove_policy(policy);
      }
      if (below(3) == 0) continue;  // several changes may be one write
      for (const char* name : {"p0", "p1", "p2", "p3"}) {
        std::set<IpAddress> expected;
        const PodSelection& selection = policies[name];
        for (const auto& [key, one] : all_pods) {
          if (!selection.namespace_selector && !selection.pod_selector) break;
          const auto space = namespaces.find(one.ns);
          if (selection.namespace_selector &&
              (space == namespaces.end() ||
               !selection.namespace_selector->matches(space->second))) {
            continue;
          }
          if (selection.pod_selector && !selection.pod_selector->matches(one.labels)) continue;
          expected.insert(one.addresses.begin(), one.addresses.end());
        }
        ASSERT_EQ(written(name), expected) << name << " after step " << step;
      }
    }
  }
}

}  // namespace
}  // namespace espalier::reconcile
