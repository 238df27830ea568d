#include "kube/election.h"

#include <algorithm>
#include <memory>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kube/client.h"
#include "kube/elector.h"
#include "kube/testing/fake_api_server.h"
#include "kube/testing/manual_executor.h"
#include "kube/testing/status_answer.h"

namespace espalier::kube {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using testing::FakeApiServer;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::ManualExecutor;

const ObjectKey kLease{"espalier-system", "espalier-operator"};

ElectionConfig config(const std::string& identity) {
  ElectionConfig config;
  config.lease = kLease;
  config.identity = identity;
  return config;
}

// A candidate with a clock of its own, so that it can be paused while the others go on.
struct Candidate {
  Candidate(Transport& transport, const std::string& name, std::uint64_t seed)
      : elector(
            transport, executor, config(name), seed, [this] { return wall(); },
            {.on_started = [this] { told.emplace_back("started"); },
             .on_stopped = [this](const std::string& why) { told.push_back("stopped: " + why); },
             .on_problem =
                 [this](const ApiError& error) { problems.push_back(error.to_string()); }}) {}

  // Another text each time.
  [[nodiscard]] std::string wall() {
    return "2026-01-01T00:00:00." + std::to_string(100000 + ++renewals) + "Z";
  }
  std::vector<std::string> take() { return std::exchange(told, {}); }

  ManualExecutor executor;
  int renewals = 0;
  std::vector<std::string> told;
  std::vector<std::string> problems;
  Elector elector;
};

class ElectionTest : public ::testing::Test {
 protected:
  // Those in `who` run; for the others time goes on and nothing happens, as after SIGSTOP.
  void advance(Duration by, const std::vector<Candidate*>& who) {
    for (Duration done{}; done < by; done += 100ms) {
      for (auto* candidate : {&a_, &b_}) {
        if (std::find(who.begin(), who.end(), candidate) != who.end()) {
          candidate->executor.advance(100ms);
        } else {
          candidate->executor.skip(100ms);
        }
      }
      ASSERT_LE(a_.elector.leads() + b_.elector.leads(), 1);
    }
  }
  std::string holder() const {
    return field_text(server_.find(leases(), kLease)->json, "spec.holderIdentity");
  }
  std::int64_t transitions() const {
    return server_.find(leases(), kLease)->json["spec"]["leaseTransitions"].get<std::int64_t>();
  }
  void start() {
    a_.elector.start();
    advance(100ms, {&a_, &b_});
    b_.elector.start();
    advance(100ms, {&a_, &b_});
  }

  FakeApiServer server_;
  Candidate a_{server_, "a", 1};
  Candidate b_{server_, "b", 2};
};

TEST_F(ElectionTest, TheFirstLeadsAndKeepsLeading) {
  start();
  EXPECT_THAT(a_.take(), ElementsAre("started"));
  EXPECT_TRUE(a_.elector.leads());
  const Json spec = server_.find(leases(), kLease)->json["spec"];
  EXPECT_EQ(spec["leaseDurationSeconds"], 15);
  EXPECT_EQ(spec["leaseTransitions"], 0);
  EXPECT_EQ(spec["acquireTime"], "2026-01-01T00:00:00.100001Z");
  advance(5min, {&a_, &b_});
  EXPECT_TRUE(a_.elector.leads());
  EXPECT_THAT(a_.take(), IsEmpty());
  EXPECT_THAT(b_.take(), IsEmpty());
  EXPECT_EQ(transitions(), 0);
}

TEST_F(ElectionTest, APausedLeaderDoesNotActAndTheOtherTakesOver) {
  start();
  advance(20s, {&b_});
  EXPECT_THAT(b_.take(), ElementsAre("started"));
  EXPECT_EQ(holder(), "b");
  EXPECT_EQ(transitions(), 1);
  EXPECT_FALSE(a_.elector.leads()) << "before anything of its own has run";
  LeaderOnly guarded(server_, [this] { return a_.elector.leads(); });
  const Client client(guarded, {.field_manager = "a"});
  const auto write = client.apply(nodes(), {{"metadata", {{"name", "n"}}}});
  ASSERT_FALSE(write);
  EXPECT_THAT(write.error().to_string(), HasSubstr("not the leader"));
  EXPECT_EQ(server_.find(nodes(), "n"), nullptr);
  EXPECT_TRUE(client.list(nodes(), {})) << "reading is for everybody";
  advance(1min, {&a_, &b_});
  EXPECT_THAT(a_.take(), ElementsAre("started", "stopped: not renewed in time"));
  EXPECT_TRUE(b_.elector.leads());
}

TEST_F(ElectionTest, TheOtherWaitsForTheWholeDurationFromWhatItSaw) {
  start();
  advance(10s, {&a_, &b_});
  advance(14s, {&b_});
  EXPECT_FALSE(b_.elector.leads());
  advance(4s, {&b_});
  EXPECT_TRUE(b_.elector.leads());
}

TEST_F(ElectionTest, ReleaseHandsOverAtOnce) {
  start();
  bool done = false;
  a_.elector.release([&] { done = true; });
  EXPECT_FALSE(a_.elector.leads()) << "it stops before it lets go";
  advance(3s, {&a_, &b_});
  EXPECT_TRUE(done);
  EXPECT_THAT(a_.take(), ElementsAre("started", "stopped: released"));
  EXPECT_TRUE(b_.elector.leads());
  advance(1min, {&a_, &b_});
  EXPECT_FALSE(a_.elector.leads()) << "it does not stand again";
}

TEST_F(ElectionTest, ReleaseOfOneThatDoesNotLeadLeavesTheLeaseAlone) {
  start();
  bool done = false;
  b_.elector.release([&] { done = true; });
  advance(3s, {&a_, &b_});
  EXPECT_TRUE(done);
  EXPECT_EQ(holder(), "a");
}

TEST_F(ElectionTest, ReleaseWithoutAServerEndsAllTheSame) {
  start();
  server_.inject({.times = 1000});
  bool done = false;
  a_.elector.release([&] { done = true; });
  advance(11s, {&a_, &b_});
  EXPECT_TRUE(done);
}

TEST_F(ElectionTest, WithoutTheServerItStopsInTimeAndLeadsAgainAfter) {
  start();
  server_.inject({.times = 1000});
  advance(7s, {&a_, &b_});
  EXPECT_TRUE(a_.elector.leads()) << "a few failures are borne";
  advance(4s, {&a_, &b_});
  EXPECT_FALSE(a_.elector.leads());
  EXPECT_THAT(a_.problems,
              ::testing::Contains(HasSubstr("write leases/espalier-system/espalier-operator")));
  server_.heal();
  advance(20s, {&a_, &b_});
  EXPECT_EQ(a_.elector.leads() + b_.elector.leads(), 1);
}

TEST_F(ElectionTest, ADeletedLeaseEndsTheReignAndIsMadeAgain) {
  start();
  server_.remove(leases(), kLease);
  advance(5s, {&a_, &b_});
  EXPECT_EQ(a_.elector.leads() + b_.elector.leads(), 1);
  EXPECT_NE(server_.find(leases(), kLease), nullptr);
}

TEST_F(ElectionTest, AConflictIsLookedInto) {
  start();
  // Somebody annotates the lease: our next write is refused, and it is still ours.
  Json lease = server_.find(leases(), kLease)->json;
  lease["metadata"]["annotations"]["who"] = "kubectl";
  server_.put(leases(), lease);
  advance(10s, {&a_, &b_});
  EXPECT_TRUE(a_.elector.leads());
  EXPECT_THAT(a_.take(), ElementsAre("started"));
  // Somebody takes it.
  lease = server_.find(leases(), kLease)->json;
  lease["spec"]["holderIdentity"] = "c";
  server_.put(leases(), lease);
  advance(4s, {&a_, &b_});
  EXPECT_THAT(a_.take(), ElementsAre("stopped: \"c\" holds the lease"));
  EXPECT_FALSE(b_.elector.leads());
}

TEST_F(ElectionTest, ALostAnswerIsNoReasonToLose) {
  start();
  server_.inject({.when = [](const Request& request) { return request.method == Method::kPut; },
                  .after_executing = true});
  advance(10s, {&a_, &b_});
  EXPECT_TRUE(a_.elector.leads());
  EXPECT_THAT(a_.take(), ElementsAre("started"));
}

// The pure machine, where the time of an answer matters.
class Machine {
 public:
  explicit Machine(const std::string& identity) : election(config(identity), 1) {}

  // The one output of that type that is due; the others are dropped.
  template <typename T>
  std::optional<T> next() {
    while (auto output = election.next_output()) {
      if (auto* wanted = std::get_if<T>(&*output)) return std::move(*wanted);
    }
    return std::nullopt;
  }
  static ApiResult<ObjectPtr> stored(Json lease, int version) {
    lease["metadata"]["resourceVersion"] = std::to_string(version);
    return *make_object(std::move(lease));
  }
  static ApiResult<ObjectPtr> missing() {
    ApiError error;
    error.kind = ErrorKind::kNotFound;
    return tl::unexpected(error);
  }

  Election election;
};

constexpr TimePoint kStart{1h};

TEST(Election, TimeCountsFromTheSendingOfARenewal) {
  Machine machine("a");
  machine.election.start(kStart);
  ASSERT_TRUE(machine.next<Election::Read>());
  machine.election.on_read(kStart, Machine::missing());
  const auto write = machine.next<Election::Write>();
  ASSERT_TRUE(write && write->create && write->acquires);
  machine.election.on_written(kStart + 4s, Machine::stored(write->lease, 1));
  EXPECT_TRUE(machine.next<Election::Started>());
  EXPECT_TRUE(machine.election.leads(kStart + 9s));
  EXPECT_FALSE(machine.election.leads(kStart + 10s));
}

TEST(Election, AnAnswerAfterTheDeadlineMakesNoLeader) {
  Machine machine("a");
  machine.election.start(kStart);
  machine.election.on_read(kStart, Machine::missing());
  const auto write = machine.next<Election::Write>();
  ASSERT_TRUE(write);
  machine.election.on_written(kStart + 11s, Machine::stored(write->lease, 1));
  EXPECT_FALSE(machine.next<Election::Started>());
  EXPECT_FALSE(machine.election.leads(kStart + 11s));
  EXPECT_EQ(machine.election.next_deadline(), kStart + 11s);
}

TEST(Election, ASlowServerOfFourSecondsIsBorne) {
  Machine machine("a");
  TimePoint now = kStart;
  machine.election.start(now);
  machine.election.on_read(now += 4s, Machine::missing());
  for (int i = 0; i < 20; ++i) {
    const auto write = machine.next<Election::Write>();
    ASSERT_TRUE(write) << i;
    machine.election.on_deadline(now + 3s);
    now += 4s;
    machine.election.on_written(now, Machine::stored(write->lease, i + 1));
    EXPECT_TRUE(machine.election.leads(now)) << i;
    machine.election.on_deadline(now);
  }
}

// Two candidates and a server that is far away: half of `far` until a request is carried out, half
// until its answer is here.
class FarServer {
 public:
  explicit FarServer(Duration far) : half_(far / 2) {}

  void run(TimePoint now, Machine& machine) {
    while (auto output = machine.election.next_output()) {
      Call call{&machine, now + half_, now + 2 * half_, {}, {}};
      if (auto* write = std::get_if<Election::Write>(&*output)) {
        call.write = std::move(*write);
      } else if (!std::holds_alternative<Election::Read>(*output)) {
        continue;
      }
      calls_.push_back(std::move(call));
    }
    for (Call& call : calls_) {
      if (call.arrives <= now && !call.answer) call.answer = carried_out(call);
    }
    for (auto call = calls_.begin(); call != calls_.end();) {
      if (call->who != &machine || now < call->answered) {
        ++call;
        continue;
      }
      const Call done = std::move(*call);
      call = calls_.erase(call);
      if (done.write) {
        machine.election.on_written(now, *done.answer);
      } else {
        machine.election.on_read(now, *done.answer);
      }
    }
    if (machine.election.next_deadline() <= now) machine.election.on_deadline(now);
  }

 private:
  struct Call {
    Machine* who;
    TimePoint arrives;
    TimePoint answered;
    std::optional<Election::Write> write;
    std::optional<ApiResult<ObjectPtr>> answer;
  };

  ApiResult<ObjectPtr> carried_out(const Call& call) {
    if (!call.write) return lease_ ? ApiResult<ObjectPtr>(lease_) : Machine::missing();
    const std::string decided_on = field_text(call.write->lease, "metadata.resourceVersion");
    if (call.write->create ? lease_ != nullptr
                           : lease_ == nullptr || lease_->metadata.resource_version != decided_on) {
      ApiError error;
      error.kind = call.write->create ? ErrorKind::kExists : ErrorKind::kConflict;
      return tl::unexpected(error);
    }
    lease_ = *Machine::stored(call.write->lease, ++version_);
    return lease_;
  }

  const Duration half_;
  std::vector<Call> calls_;
  ObjectPtr lease_;
  int version_ = 0;
};

TEST(Election, WithAServerNineSecondsAwayNeverTwoLead) {
  Machine a("a");
  Machine b("b");
  FarServer server(9s);
  a.election.start(kStart);
  b.election.start(kStart + 1s);
  int led = 0;
  for (TimePoint now = kStart; now < kStart + 10min; now += 100ms) {
    server.run(now, a);
    if (now >= kStart + 1s) server.run(now, b);
    const int leading = int{a.election.leads(now)} + int{b.election.leads(now)};
    ASSERT_LE(leading, 1) << (now - kStart) / 1s << " s";
    led += leading;
  }
  EXPECT_GT(led, 0) << "a second of every renewal is left";
}

TEST(Election, OthersClocksSayNothing) {
  Machine machine("a");
  machine.election.start(kStart);
  Json theirs = {{"metadata", {{"name", "l"}, {"namespace", "n"}}},
                 {"spec",
                  {{"holderIdentity", "b"},
                   {"leaseDurationSeconds", 15},
                   {"renewTime", "1999-01-01T00:00:00.000000Z"}}}};
  machine.election.on_read(kStart, Machine::stored(theirs, 7));
  EXPECT_FALSE(machine.next<Election::Write>()) << "it may be alive, with a clock that is wrong";
  EXPECT_EQ(machine.election.holder(), "b");
  machine.election.on_deadline(kStart + 3s);
  machine.election.on_read(kStart + 14s, Machine::stored(theirs, 8));
  machine.election.on_deadline(kStart + 17s);
  machine.election.on_read(kStart + 28s, Machine::stored(theirs, 8));
  EXPECT_FALSE(machine.next<Election::Write>()) << "seen alive 14 s ago";
  machine.election.on_deadline(kStart + 31s);
  machine.election.on_read(kStart + 31s, Machine::stored(theirs, 8));
  const auto write = machine.next<Election::Write>();
  ASSERT_TRUE(write);
  EXPECT_EQ(write->lease["metadata"]["resourceVersion"], "8");
  EXPECT_EQ(write->lease["spec"]["leaseTransitions"], 1);
}

TEST(Election, ConfigIsChecked) {
  EXPECT_TRUE(config("a").check());
  EXPECT_FALSE(config("").check());
  ElectionConfig tight = config("a");
  tight.renew_deadline = 15s;
  EXPECT_FALSE(tight.check());
  tight.renew_deadline = 2s;
  EXPECT_FALSE(tight.check());
  tight = config("a");
  tight.lease_duration = 15500ms;
  EXPECT_FALSE(tight.check());
}

}  // namespace
}  // namespace espalier::kube
