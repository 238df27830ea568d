#include "operator/reconcile/status/node_reports.h"

#include <random>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace espalier::reconcile {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

// A NodePolicy and what its agent says of it.
struct Told {
  crds::NodePolicy policy;
  crds::NodePolicyStatus status;
};

Told told(const std::string& node, const std::string& hash) {
  Told made;
  made.policy.meta.name = node;
  made.policy.meta.generation = 1;
  made.policy.spec.hash = hash;
  made.status.applied_hash = hash;
  return made;
}

void name(Told& to, const std::string& policy, const std::string& uid, std::int64_t generation) {
  to.policy.spec.policies.push_back({policy, uid, generation});
}

void say(Told& to, const std::string& policy, std::int64_t generation, std::int64_t peers,
         std::int64_t ready) {
  to.status.policies.push_back({policy, generation, peers, ready, {}});
}

void refuse(Told& to, std::int64_t generation, const std::string& message) {
  crds::put(to.status.conditions, {"Programmed", crds::ConditionStatus::kFalse, generation,
                                   "2026-01-01T00:00:00Z", "FeaturesMissing", message});
}

NodeReports::Touched put(NodeReports& reports, const Told& one) {
  return reports.put(one.policy, one.status);
}

TEST(NodeReports, CountNodesByHowFarTheyAre) {
  NodeReports reports;
  Told complete = told("n1", "h");
  name(complete, "cluster", "u", 2);
  say(complete, "cluster", 2, 4, 4);
  EXPECT_THAT(put(reports, complete).policies, ElementsAre("cluster"));
  Told half = told("n2", "h");
  name(half, "cluster", "u", 2);
  say(half, "cluster", 2, 4, 3);
  put(reports, half);
  Told older = told("n3", "h");
  older.status.applied_hash = "g";
  name(older, "cluster", "u", 2);
  say(older, "cluster", 1, 4, 4);
  put(reports, older);
  Told not_told = told("n4", "g");
  name(not_told, "cluster", "u", 1);
  say(not_told, "cluster", 1, 4, 4);
  put(reports, not_told);

  PolicyCount expected;
  expected.named = 4;
  expected.in_force = 2;
  expected.complete = 1;
  EXPECT_EQ(reports.count("cluster", "u", 2), expected);
  expected.in_force = expected.complete = 1;
  EXPECT_EQ(reports.count("cluster", "u", 1), expected);
  expected.in_force = expected.complete = 0;
  EXPECT_EQ(reports.count("cluster", "of another", 2), expected);
  EXPECT_EQ(reports.count("cluste", "u", 2), PolicyCount());

  EXPECT_THAT(reports.remove("n4").policies, ElementsAre("cluster"));
  EXPECT_THAT(reports.remove("n4").policies, IsEmpty());
  EXPECT_EQ(reports.count("cluster", "u", 2).named, 3);
  EXPECT_EQ(reports.count("cluster", "u", 1).in_force, 0);
}

TEST(NodeReports, TouchOnlyWhatBecameAnother) {
  NodeReports reports;
  Told node = told("n1", "h1");
  name(node, "a", "ua", 1);
  name(node, "b", "ub", 1);
  say(node, "a", 1, 2, 2);
  say(node, "b", 1, 2, 2);
  node.policy.spec.tunnels = {{"edge", "branch", "ut", 1}};
  node.status.tunnels = {{"edge", "branch", 1, true, {}, {}}};
  put(reports, node);
  NodeReports::Touched again = put(reports, node);
  EXPECT_THAT(again.policies, IsEmpty());
  EXPECT_THAT(again.tunnels, IsEmpty());

  // Another generation of a: b is in force as it was, though the hash is another.
  node.policy.spec.hash = "h2";
  node.policy.spec.policies[0].generation = 2;
  EXPECT_THAT(put(reports, node).policies, ElementsAre("a"));
  EXPECT_EQ(reports.count("a", "ua", 2).in_force, 0);
  EXPECT_EQ(reports.count("b", "ub", 1).complete, 1);
  node.status.policies[1].ready = 1;
  EXPECT_THAT(put(reports, node).policies, ElementsAre("b"));
  node.status.tunnels[0].established = false;
  again = put(reports, node);
  EXPECT_THAT(again.policies, IsEmpty());
  EXPECT_THAT(again.tunnels, ElementsAre(Pair("edge", "branch")));
  again = reports.remove("n1");
  EXPECT_THAT(again.policies, ElementsAre("a", "b"));
  EXPECT_THAT(again.tunnels, ElementsAre(Pair("edge", "branch")));
}

TEST(NodeReports, TakeNoNamesakesGenerationForThePolicys) {
  NodeReports reports;
  Told node = told("n1", "h1");
  name(node, "a", "first", 1);
  say(node, "a", 1, 2, 2);
  node.policy.spec.tunnels = {{"edge", "t", "first", 1}};
  node.status.tunnels = {{"edge", "t", 1, true, {}, {}}};
  put(reports, node);
  node.policy.spec.hash = "h2";
  node.policy.spec.policies[0].uid = "second";
  node.policy.spec.tunnels[0].uid = "second";
  put(reports, node);
  put(reports, node);
  EXPECT_EQ(reports.count("a", "second", 1).named, 1);
  EXPECT_EQ(reports.count("a", "second", 1).in_force, 0);
  EXPECT_FALSE(reports.report({"edge", "t"}, "n1")->in_force);
  node.status.applied_hash = "h2";
  put(reports, node);
  EXPECT_EQ(reports.count("a", "second", 1).in_force, 1);
  EXPECT_TRUE(reports.report({"edge", "t"}, "n1")->in_force);
  // Believed from then on, whatever else changes.
  node.policy.spec.hash = "h3";
  put(reports, node);
  EXPECT_EQ(reports.count("a", "second", 1).in_force, 1);
  EXPECT_TRUE(reports.report({"edge", "t"}, "n1")->in_force);
}

TEST(NodeReports, TellOfNodesThatCannotFollow) {
  NodeReports reports;
  for (const char* node : {"n2", "n1", "n3"}) {
    Told one = told(node, "h");
    one.status.applied_hash = "g";
    one.policy.meta.generation = 5;
    name(one, "new", "u", 1);
    name(one, "kept", "v", 1);
    say(one, "kept", 1, 0, 0);
    refuse(one, node == std::string("n3") ? 4 : 5, std::string("no such cipher on ") + node);
    put(reports, one);
  }
  const PolicyCount count = reports.count("new", "u", 1);
  EXPECT_EQ(count.failed, 2) << "n3 spoke of an older spec";
  EXPECT_EQ(count.first_failure, (NodeWords{"n1", "no such cipher on n1"}));
  EXPECT_EQ(reports.count("kept", "v", 1).failed, 0);
  EXPECT_EQ(reports.count("kept", "v", 1).in_force, 3);
}

TEST(NodeReports, TellWhoLosesToAnotherPolicy) {
  NodeReports reports;
  Told node = told("n1", "h");
  name(node, "a", "u", 1);
  say(node, "a", 1, 2, 2);
  node.status.policies[0].notes = {{"Overlay", "as it is"},
                                   {"Shadowed", "by b"},
                                   {"Shadowed", "by c"},
                                   {"ProfileConflict", "b has other ike"}};
  put(reports, node);
  const std::pair conflict{"ProfileConflict", NodeNotes{1, {"n1", "b has other ike"}}};
  const std::pair shadowed{"Shadowed", NodeNotes{1, {"n1", "by b"}}};
  EXPECT_THAT(reports.count("a", "u", 1).notes, ElementsAre(conflict, shadowed));
  node.status.policies[0].notes.pop_back();
  EXPECT_THAT(put(reports, node).policies, ElementsAre("a"));
  EXPECT_THAT(reports.count("a", "u", 1).notes, ElementsAre(shadowed));
}

TEST(NodeReports, GiveTheTunnelsOwnNodeFirst) {
  NodeReports reports;
  EXPECT_EQ(reports.report({"edge", "t"}, "n1"), std::nullopt);
  for (const char* node : {"n1", "n2"}) {
    Told one = told(node, "h");
    one.policy.spec.tunnels = {{"edge", "t", "u", 1}};
    put(reports, one);
  }
  EXPECT_EQ(reports.report({"edge", "t"}, "n2")->node, "n2");
  EXPECT_EQ(reports.report({"edge", "t"}, "n3")->node, "n1");
  (void)reports.remove("n1");
  EXPECT_EQ(reports.report({"edge", "t"}, "n3")->node, "n2");
  (void)reports.remove("n2");
  EXPECT_EQ(reports.report({"edge", "t"}, "n2"), std::nullopt);
}

// What the header says, counted anew from all that stands.
class Model {
 public:
  void put(const Told& one) {
    const std::string& node = one.policy.meta.name;
    const bool fresh = standing_.count(node) == 0;
    const bool applied = one.status.applied_hash == one.policy.spec.hash;
    std::map<std::string, std::string>& known = believed_[node];
    std::map<std::string, std::string> next;
    for (const crds::PolicyReference& told : one.policy.spec.policies) {
      const auto old = known.find(told.name);
      if (fresh || applied || (old != known.end() && old->second == told.uid)) {
        next[told.name] = told.uid;
      }
    }
    known = next;
    standing_[node] = one;
  }
  void remove(const std::string& node) {
    standing_.erase(node);
    believed_.erase(node);
  }

  PolicyCount count(const crds::PolicyReference& state) const {
    PolicyCount sum;
    for (const auto& [node, one] : standing_) {
      for (const crds::PolicyReference& told : one.policy.spec.policies) {
        if (told.name != state.name) continue;
        ++sum.named;
        if (told == state) add(sum, node, one, told);
      }
    }
    return sum;
  }

  const std::map<std::string, Told>& standing() const { return standing_; }

 private:
  void add(PolicyCount& sum, const std::string& node, const Told& one,
           const crds::PolicyReference& told) const {
    const crds::PolicyOnNode* said = nullptr;
    for (const crds::PolicyOnNode& entry : one.status.policies) {
      if (entry.name == told.name && entry.generation == told.generation) said = &entry;
    }
    if (said != nullptr && believed_.at(node).count(told.name) != 0) {
      ++sum.in_force;
      if (said->ready >= said->peers) ++sum.complete;
      for (const crds::StatusNote& note : said->notes) {
        NodeNotes& notes = sum.notes[note.reason];
        if (notes.nodes++ == 0) notes.first = {node, note.message};
      }
      return;
    }
    const crds::Condition* programmed = crds::find(one.status.conditions, "Programmed");
    if (one.status.applied_hash != one.policy.spec.hash && programmed != nullptr &&
        programmed->observed_generation >= one.policy.meta.generation) {
      if (sum.failed++ == 0) sum.first_failure = {node, programmed->message};
    }
  }

  std::map<std::string, Told> standing_;
  std::map<std::string, std::map<std::string, std::string>> believed_;
};

TEST(NodeReports, AreWhatAllNodesSayThroughAnyChanges) {
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    const auto below = [&random](std::uint32_t limit) {
      return static_cast<std::int64_t>(random() % limit);
    };
    NodeReports reports;
    Model model;
    std::vector<crds::PolicyReference> states;
    for (const char* policy : {"a", "b", "bb"}) {
      for (const char* uid : {"u1", "u2"}) {
        for (const std::int64_t generation : {1, 2}) states.push_back({policy, uid, generation});
      }
    }
    for (int step = 0; step < 400; ++step) {
      std::vector<PolicyCount> before;
      for (const auto& state : states) before.push_back(model.count(state));
      NodeReports::Touched touched;
      const std::string node = fmt::format("n{}", below(5));
      if (below(6) == 0) {
        touched = reports.remove(node);
        model.remove(node);
      } else {
        Told one = told(node, fmt::format("h{}", below(2)));
        one.status.applied_hash = fmt::format("h{}", below(2));
        one.policy.meta.generation = 1 + below(2);
        for (const char* policy : {"a", "b", "bb"}) {
          if (below(4) != 0) name(one, policy, fmt::format("u{}", 1 + below(2)), 1 + below(2));
          if (below(4) == 0) continue;
          say(one, policy, 1 + below(2), 2, 1 + below(2));
          for (const char* reason : {"ProfileConflict", "Shadowed"}) {
            if (below(4) != 0) continue;
            one.status.policies.back().notes.push_back({reason, fmt::format("{}", below(3))});
          }
        }
        if (below(3) == 0) refuse(one, 1 + below(2), fmt::format("w{}", below(3)));
        touched = put(reports, one);
        model.put(one);
      }
      for (std::size_t i = 0; i < states.size(); ++i) {
        const crds::PolicyReference& state = states[i];
        const PolicyCount now = model.count(state);
        ASSERT_EQ(reports.count(state.name, state.uid, state.generation), now) << step;
        if (!(now == before[i])) {
          ASSERT_EQ(touched.policies.count(state.name), 1U) << step;
        }
      }
      ASSERT_EQ(reports.node_count(), model.standing().size());
    }
  }
}

}  // namespace
}  // namespace espalier::reconcile
