// Two replicas of the operator and an API server that is away for an hour, by a virtual clock: what
// operator/run wires, without its threads.
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crds/kube/resources.h"
#include "kube/elector.h"
#include "kube/testing/fake_api_server.h"
#include "kube/testing/manual_executor.h"
#include "kube/testing/network_path.h"
#include "operator/reconcile/plan_reconciler.h"
#include "operator/reconcile/status_reconciler.h"

namespace espalier::reconcile {
namespace {

using namespace std::chrono_literals;
using kube::Json;
using kube::testing::NetworkPath;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class Replica {
 public:
  Replica(kube::testing::FakeApiServer& server, kube::testing::ManualExecutor& executor,
          const std::string& name, std::uint64_t seed)
      : path(server, executor), executor_(executor), client_(guarded_, {name, false, {}}) {
    PlanReconciler::Sources sources;
    sources.nodes = follow(kube::nodes(), seed);
    sources.policies = follow(crds::ipsec_policies(), seed);
    sources.tunnels = follow(crds::tunnels(), seed);
    sources.api_servers = follow(kube::endpoint_slices(), seed);
    wanted_.follow(Written::kNodeEndpoint, *follow(crds::node_endpoints(), seed));
    kube::Informer* node_policies = follow(crds::node_policies(), seed);
    wanted_.follow(Written::kNodePolicy, *node_policies);
    wanted_.follow(Written::kRole, *follow(roles(), seed));
    plans_ =
        std::make_unique<PlanReconciler>(executor, sources, PlanReconciler::Options{}, wanted_);
    statuses_ = std::make_unique<StatusReconciler>(
        StatusReconciler::Sources{sources.policies, sources.tunnels, node_policies},
        StatusReconciler::Options{},
        [this](const StatusKey& key, Duration after) {
          if (leads()) status_writes_.add_at(executor_.now() + after, key);
        },
        [this] { return wall(); }, [](const kube::Happening&) {});
    plans_->on_refused_tunnels([this](PlanReconciler::RefusedTunnels refused) {
      statuses_->set_refused_tunnels(std::move(refused));
    });
    kube::ElectionConfig config;
    config.lease = {"espalier-system", "espalier-operator"};
    config.identity = name;
    kube::Elector::Handlers handlers;
    handlers.on_started = [this] {
      ++started;
      wanted_.enqueue_all();
      statuses_->enqueue_all();
    };
    handlers.on_stopped = [this](const std::string&) { ++stopped; };
    elector_ = std::make_unique<kube::Elector>(
        path, executor, config, seed, [this] { return wall(); }, std::move(handlers));
    for (const auto& informer : informers_) informer->start();
    elector_->start();
  }

  [[nodiscard]] bool leads() const { return elector_ && elector_->leads(); }
  // What the worker threads do, one key each.
  void work() {
    if (const auto key = writes_.take(executor_.now()))
      finish(writes_, executor_.now(), *key, wanted_.write(client_, *key));
    if (const auto key = status_writes_.take(executor_.now()))
      finish(status_writes_, executor_.now(), *key,
             statuses_->write(client_, *key, executor_.now()));
  }
  [[nodiscard]] std::uint64_t sets() const {
    std::uint64_t sets = 0;
    for (const auto& informer : informers_) sets += informer->counts().lists;
    return sets;
  }
  [[nodiscard]] std::size_t kinds() const { return informers_.size(); }

  NetworkPath path;
  int started = 0;
  int stopped = 0;

 private:
  // It must go on: a Lease that does not change is taken for one that nobody renews.
  [[nodiscard]] std::string wall() const {
    return std::to_string(executor_.now().time_since_epoch().count());
  }
  kube::Informer* follow(const kube::Resource& resource, std::uint64_t seed) {
    informers_.push_back(std::make_unique<kube::Informer>(
        path, executor_, kube::WatchSpec{resource, {}, {}}, seed + informers_.size()));
    return informers_.back().get();
  }

  kube::testing::ManualExecutor& executor_;
  kube::LeaderOnly guarded_{path, [this] { return leads(); }};
  kube::Client client_;
  kube::WorkQueue<WriteKey> writes_;
  kube::WorkQueue<StatusKey> status_writes_;
  std::vector<std::unique_ptr<kube::Informer>> informers_;
  WantedObjects wanted_{[this](const WriteKey& key, kube::Priority priority) {
    if (leads()) writes_.add(executor_.now(), key, priority);
  }};
  std::unique_ptr<PlanReconciler> plans_;
  std::unique_ptr<StatusReconciler> statuses_;
  std::unique_ptr<kube::Elector> elector_;
};

class OutageTest : public ::testing::Test {
 protected:
  OutageTest() {
    for (const auto& resource : {crds::ipsec_policies(), crds::tunnels(), crds::node_policies(),
                                 crds::node_endpoints(), kube::endpoint_slices(), roles()})
      server_.serve(resource);
    server_.put(
        roles(),
        {{"metadata", {{"name", "espalier-agent-secrets"}, {"namespace", "espalier-system"}}}});
    for (int i = 1; i <= 3; ++i) node(i);
    server_.put(crds::ipsec_policies(),
                {{"apiVersion", "espalier.io/v1alpha1"},
                 {"kind", "IPsecPolicy"},
                 {"metadata", {{"name", "mesh"}}},
                 {"spec", {{"enforcement", "Required"}, {"traffic", {"NodeToNode"}}}}});
    one_ = std::make_unique<Replica>(server_, executor_, "one", 100);
    two_ = std::make_unique<Replica>(server_, executor_, "two", 200);
    advance(60s);
    (void)asked();
    (void)written();
  }

  void node(int i) {
    const std::string number = std::to_string(i);
    server_.put(
        kube::nodes(),
        {{"metadata", {{"name", "node" + number}}},
         {"spec", {{"podCIDRs", {"10.244." + number + ".0/24"}}}},
         {"status", {{"addresses", {{{"type", "InternalIP"}, {"address", "10.0.0." + number}}}}}}});
  }
  void advance(Duration time) {
    for (const TimePoint end = executor_.now() + time; executor_.now() < end;) {
      executor_.advance(100ms);
      one_->work();
      two_->work();
    }
  }
  // An hour, and what others do meanwhile.
  void away() {
    one_->path.cut();
    two_->path.cut();
    advance(11s);
    EXPECT_FALSE(one_->leads());
    EXPECT_FALSE(two_->leads());
    advance(1h);
    node(4);
    server_.remove(kube::nodes(), {"", "node2"});
  }
  void back() {
    one_->path.mend();
    two_->path.mend();
    advance(90s);
  }
  std::vector<NetworkPath::Asked> asked() {
    auto all = one_->path.take_asked();
    for (auto& asked : two_->path.take_asked()) all.push_back(std::move(asked));
    return all;
  }
  // What was written, but for the Lease and statuses.
  std::vector<std::string> written() {
    std::vector<std::string> lines;
    for (const auto& write : server_.take_writes()) {
      if (write.resource == kube::leases() || !write.subresource.empty()) continue;
      lines.push_back(std::string(kube::name_of(write.method)) + " " + write.resource.kind + " " +
                      write.key.name);
    }
    return lines;
  }
  void expect_caught_up() {
    EXPECT_NE(one_->leads(), two_->leads()) << "one leads again";
    EXPECT_THAT(written(),
                UnorderedElementsAre("PATCH NodeEndpoint node4", "PATCH NodePolicy node4",
                                     "DELETE NodeEndpoint node2", "DELETE NodePolicy node2"));
    advance(10min);
    EXPECT_THAT(written(), IsEmpty());
    EXPECT_EQ(server_.list(crds::node_policies()).size(), 3U);
  }

  kube::testing::FakeApiServer server_;
  kube::testing::ManualExecutor executor_;
  std::unique_ptr<Replica> one_;
  std::unique_ptr<Replica> two_;
};

TEST_F(OutageTest, AnHourAwayGivesUpTheLeadAndAsksLittle) {
  ASSERT_NE(one_->leads(), two_->leads());
  Replica& leader = one_->leads() ? *one_ : *two_;
  away();
  EXPECT_EQ(leader.stopped, 1);
  std::map<std::string, std::size_t> by_path;
  for (const auto& asked : asked()) {
    EXPECT_FALSE(asked.arrived);
    EXPECT_NE(asked.what, NetworkPath::Ask::kSet) << "where it was is not forgotten";
    ++by_path[asked.path];
  }
  EXPECT_EQ(by_path.size(), one_->kinds() + 1) << "each kind and the Lease";
  for (const auto& [path, count] : by_path) {
    // Of two replicas: a watch every 16 s, the Lease every 2 s.
    EXPECT_LT(count, path.find("leases") == std::string::npos ? 2 * 300U : 2 * 2000U) << path;
    EXPECT_GT(count, 2 * 100U) << path << " is tried on and on";
  }
}

TEST_F(OutageTest, BackItGoesOnWhereItWas) {
  away();
  (void)asked();
  const auto sets = one_->sets() + two_->sets();
  back();
  EXPECT_EQ(one_->sets() + two_->sets(), sets) << "nothing is listed";
  expect_caught_up();
}

TEST_F(OutageTest, BackAndForgottenItListsEachKindOnce) {
  away();
  server_.compact();
  (void)asked();
  back();
  std::map<std::string, std::size_t> by_path;
  std::vector<TimePoint> times;
  for (const auto& asked : asked()) {
    if (asked.what != NetworkPath::Ask::kSet) continue;
    ++by_path[asked.path];
    times.push_back(asked.at);
  }
  EXPECT_EQ(by_path.size(), one_->kinds());
  for (const auto& [path, count] : by_path) EXPECT_EQ(count, 2U) << path << ", one per replica";
  EXPECT_LT(kube::testing::peak_within(times, 1s), one_->kinds()) << "not all at once";
  expect_caught_up();
}

TEST_F(OutageTest, OneReplicaCutOffHandsTheLeadToTheOther) {
  Replica& leader = one_->leads() ? *one_ : *two_;
  Replica& other = one_->leads() ? *two_ : *one_;
  leader.path.cut();
  advance(30s);
  EXPECT_FALSE(leader.leads());
  EXPECT_TRUE(other.leads());
  node(4);
  advance(30s);
  EXPECT_THAT(written(),
              UnorderedElementsAre("PATCH NodeEndpoint node4", "PATCH NodePolicy node4"));
  leader.path.mend();
  advance(90s);
  EXPECT_TRUE(other.leads()) << "who comes back does not take it";
  EXPECT_THAT(written(), IsEmpty());
}

}  // namespace
}  // namespace espalier::reconcile
