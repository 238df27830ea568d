#include "nodeagent/dataplane/fake/fake_kernel.h"

#include <gtest/gtest.h>

#include "nodeagent/dataplane/fake/fake_guard.h"
#include "nodeagent/dataplane/ownership.h"

namespace espalier::dataplane {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kReqid = kReqidFirst + 1;

IpAddress address(const char* text) {
  return IpAddress::parse(text).value();
}
Prefix host(const char* text) {
  return Prefix::host(address(text));
}
TimePoint at(Duration time) {
  return TimePoint{} + time;
}

EspKeys keys(std::uint8_t fill) {
  EspKeys result{SecretBytes(36), SecretBytes()};
  for (auto& octet : result.encryption.writable()) octet = fill;
  return result;
}

// From node a (10.0.0.1) to node b (10.0.0.2), or back.
Selector flow(bool a_to_b) {
  const auto a = host("10.0.0.1");
  const auto b = host("10.0.0.2");
  return a_to_b ? Selector{a, b, 17, 1000, 2000} : Selector{b, a, 17, 2000, 1000};
}

Sa sa(bool a_to_b, Direction direction, std::uint32_t spi) {
  Sa result;
  result.source = a_to_b ? address("10.0.0.1") : address("10.0.0.2");
  result.destination = a_to_b ? address("10.0.0.2") : address("10.0.0.1");
  result.spi = spi;
  result.reqid = kReqid;
  result.direction = direction;
  if (direction == Direction::kIn) result.replay_window = 64;
  return result;
}

Policy policy(Direction direction, bool a_to_b,
              Template::Level level = Template::Level::kRequired) {
  Policy result;
  result.selector = flow(a_to_b);
  result.selector.protocol = 0;
  result.selector.source_port = result.selector.destination_port = 0;
  result.direction = direction;
  result.priority = 100;
  result.transform = Template{};
  result.transform->reqid = kReqid;
  result.transform->level = level;
  return result;
}

FakePacket packet(bool a_to_b) {
  return {flow(a_to_b)};
}

// Two nodes; what a sends goes to b and back.
struct Pair {
  FakeKernel a;
  FakeKernel b;

  void require(Template::Level level = Template::Level::kRequired) {
    ASSERT_TRUE(a.apply(Step{SetPolicy{policy(Direction::kOut, true, level)}}));
    ASSERT_TRUE(a.apply(Step{SetPolicy{policy(Direction::kIn, false, level)}}));
    ASSERT_TRUE(b.apply(Step{SetPolicy{policy(Direction::kOut, false, level)}}));
    ASSERT_TRUE(b.apply(Step{SetPolicy{policy(Direction::kIn, true, level)}}));
  }
  void install(std::uint32_t spi, std::uint8_t key = 1) {
    ASSERT_TRUE(b.apply(Step{AddSa{sa(true, Direction::kIn, spi), keys(key)}}));
    ASSERT_TRUE(a.apply(Step{AddSa{sa(true, Direction::kOut, spi), keys(key)}}));
  }
  FakeFate a_to_b() {
    auto sent = a.send(packet(true));
    return sent.passed ? b.receive(*sent.packet) : sent;
  }
};

TEST(FakeKernel, WithoutPoliciesEverythingIsClear) {
  Pair pair;
  EXPECT_TRUE(pair.a_to_b().in_clear());
}

TEST(FakeKernel, RequiredWithoutSaDropsAndAcquiresOnce) {
  Pair pair;
  pair.require();
  EXPECT_EQ(pair.a_to_b().dropped_by, "XfrmOutNoStates");
  EXPECT_EQ(pair.a_to_b().dropped_by, "XfrmOutNoStates");
  const auto events = pair.a.take_events();
  ASSERT_EQ(events.size(), 1U);
  const auto& acquire = std::get<Acquire>(events.front());
  EXPECT_EQ(acquire.reqid, kReqid);
  EXPECT_EQ(acquire.packet, flow(true));
  EXPECT_EQ(acquire.destination, address("10.0.0.2"));
  EXPECT_EQ(pair.a.stat().at("XfrmOutNoStates"), 2U);

  // The placeholder lasts 30 s; then a packet asks again.
  EXPECT_EQ(pair.a.next_expiry(), at(30s));
  pair.a.advance(at(30s));
  EXPECT_EQ(std::get<Expire>(pair.a.take_events().front()).sa.spi, 0U);
  EXPECT_FALSE(pair.a_to_b().passed);
  EXPECT_EQ(pair.a.take_events().size(), 1U);
}

TEST(FakeKernel, UsePassesClearAndAcquires) {
  Pair pair;
  pair.require(Template::Level::kUse);
  EXPECT_TRUE(pair.a_to_b().in_clear());
  EXPECT_EQ(pair.a.take_events().size(), 1U);
  pair.install(0x1000);
  EXPECT_TRUE(pair.a_to_b().passed);
  EXPECT_FALSE(pair.a_to_b().in_clear());
}

TEST(FakeKernel, ClearPacketsAreRefusedByARequiredPolicy) {
  Pair pair;
  pair.require();
  EXPECT_EQ(pair.b.receive(packet(true)).dropped_by, "XfrmInTmplMismatch");
  EXPECT_EQ(pair.b.receive(packet(true), FakeKernel::Route::kForwarded).passed, true);
}

TEST(FakeKernel, EspBetweenTwoEnds) {
  Pair pair;
  pair.require();
  pair.install(0x1000);
  const auto fate = pair.a_to_b();
  ASSERT_TRUE(fate.passed);
  EXPECT_EQ(fate.packet->esp->sa.spi, 0x1000U);
  const auto out = pair.a.query(SaId{address("10.0.0.2"), 0x1000});
  const auto in = pair.b.query(SaId{address("10.0.0.2"), 0x1000});
  ASSERT_TRUE(out && in);
  EXPECT_EQ(out->usage.packets, 1U);
  EXPECT_EQ(out->out_sequence, 1U);
  EXPECT_EQ(in->usage.bytes, 100U);
  EXPECT_EQ(in->in_sequence, 1U);
}

TEST(FakeKernel, WhatTheReceiverRefuses) {
  Pair pair;
  pair.require();
  pair.install(0x1000);
  const auto sent = pair.a.send(packet(true)).packet.value();
  FakeKernel stranger;
  EXPECT_EQ(stranger.receive(sent).dropped_by, "XfrmInNoStates");
  ASSERT_TRUE(stranger.apply(Step{AddSa{sa(true, Direction::kIn, 0x1000), keys(2)}}));
  EXPECT_EQ(stranger.receive(sent).dropped_by, "XfrmInStateProtoError");
  EXPECT_TRUE(pair.b.receive(sent).passed);
  EXPECT_EQ(pair.b.receive(sent).dropped_by, "XfrmInStateSeqError");  // replayed
  EXPECT_EQ(pair.b.query(SaId{address("10.0.0.2"), 0x1000})->replayed, 1U);
}

TEST(FakeKernel, ReplayWindow) {
  Pair pair;
  pair.require();
  pair.install(0x1000);
  std::vector<FakePacket> sent;
  for (int i = 0; i < 100; ++i) sent.push_back(pair.a.send(packet(true)).packet.value());
  EXPECT_TRUE(pair.b.receive(sent[99]).passed);
  EXPECT_TRUE(pair.b.receive(sent[36]).passed);   // the oldest within 64
  EXPECT_FALSE(pair.b.receive(sent[36]).passed);  // seen
  EXPECT_FALSE(pair.b.receive(sent[35]).passed);  // too old
  EXPECT_TRUE(pair.b.receive(sent[98]).passed);
}

TEST(FakeKernel, ReservationsAreCompletedOnceAndExpire) {
  FakeKernel kernel;
  SpiRequest request{address("10.0.0.1"), address("10.0.0.2"), kReqid};
  const auto spi = kernel.allocate_spi(request);
  ASSERT_TRUE(spi);
  const auto wanted = sa(true, Direction::kIn, *spi);
  EXPECT_EQ(kernel.apply(Step{AddSa{wanted, keys(1)}}).error().code, Code::kExists);
  EXPECT_TRUE(kernel.query(id_of(wanted))->larval);
  ASSERT_TRUE(kernel.apply(Step{CompleteSa{wanted, keys(1)}}));
  EXPECT_FALSE(kernel.query(id_of(wanted))->larval);

  const auto late = kernel.allocate_spi(request);
  ASSERT_TRUE(late);
  kernel.advance(at(30s));
  EXPECT_EQ(kernel.apply(Step{CompleteSa{sa(true, Direction::kIn, *late), keys(1)}}).error().code,
            Code::kNotFound);
  EXPECT_TRUE(kernel.query(id_of(wanted)));
}

TEST(FakeKernel, ChangeOfAReservationIsHarmless) {
  Pair pair;
  const auto spi =
      pair.b.allocate_spi(SpiRequest{address("10.0.0.1"), address("10.0.0.2"), kReqid});
  ASSERT_TRUE(spi);
  ASSERT_TRUE(pair.b.apply(Step{ChangeSa{sa(true, Direction::kIn, *spi)}}));
  ASSERT_TRUE(pair.a.apply(Step{AddSa{sa(true, Direction::kOut, *spi), keys(1)}}));
  ASSERT_TRUE(pair.a.apply(Step{SetPolicy{policy(Direction::kOut, true)}}));
  EXPECT_EQ(pair.a_to_b().dropped_by, "XfrmInStateProtoError");
}

TEST(FakeKernel, LimitsRaiseSoftThenHardExpire) {
  Pair pair;
  pair.require();
  auto limited = sa(true, Direction::kIn, 0x1000);
  limited.lifetimes.soft.packets = 2;
  limited.lifetimes.hard.packets = 4;
  ASSERT_TRUE(pair.b.apply(Step{AddSa{limited, keys(1)}}));
  ASSERT_TRUE(pair.a.apply(Step{AddSa{sa(true, Direction::kOut, 0x1000), keys(1)}}));
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(pair.a_to_b().passed);
  auto events = pair.b.take_events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_FALSE(std::get<Expire>(events[0]).hard);

  EXPECT_EQ(pair.a_to_b().dropped_by, "XfrmInStateExpired");
  events = pair.b.take_events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_TRUE(std::get<Expire>(events[0]).hard);
  EXPECT_EQ(pair.a_to_b().dropped_by, "XfrmInNoStates");
}

TEST(FakeKernel, ChangeRestoresLimitsAndKeepsCounters) {
  Pair pair;
  pair.require();
  auto limited = sa(true, Direction::kIn, 0x1000);
  limited.lifetimes.soft.packets = 1;
  ASSERT_TRUE(pair.b.apply(Step{AddSa{limited, keys(1)}}));
  ASSERT_TRUE(pair.a.apply(Step{AddSa{sa(true, Direction::kOut, 0x1000), keys(1)}}));
  EXPECT_TRUE(pair.a_to_b().passed);
  EXPECT_EQ(pair.b.take_events().size(), 1U);
  EXPECT_TRUE(pair.a_to_b().passed);
  EXPECT_TRUE(pair.b.take_events().empty());
  limited.lifetimes.soft.packets = 0;
  ASSERT_TRUE(pair.b.apply(Step{ChangeSa{limited}}));
  EXPECT_TRUE(pair.a_to_b().passed);
  EXPECT_TRUE(pair.b.take_events().empty());
  EXPECT_EQ(pair.b.query(id_of(limited))->usage.packets, 3U);

  limited.encapsulation = Encapsulation{};
  EXPECT_EQ(pair.b.apply(Step{ChangeSa{limited}}).error().code, Code::kKernel);
}

TEST(FakeKernel, TimeLimits) {
  FakeKernel kernel;
  auto limited = sa(true, Direction::kIn, 0x1000);
  limited.lifetimes.soft.seconds_since_add = 10;
  limited.lifetimes.hard.seconds_since_add = 20;
  kernel.advance(at(5s));
  ASSERT_TRUE(kernel.apply(Step{AddSa{limited, keys(1)}}));
  EXPECT_EQ(kernel.next_expiry(), at(15s));
  kernel.advance(at(15s));
  EXPECT_FALSE(std::get<Expire>(kernel.take_events().front()).hard);
  EXPECT_EQ(kernel.next_expiry(), at(25s));
  kernel.advance(at(25s));
  EXPECT_TRUE(std::get<Expire>(kernel.take_events().front()).hard);
  EXPECT_EQ(kernel.next_expiry(), kNever);
  EXPECT_EQ(kernel.query(id_of(limited)).error().code, Code::kNotFound);
}

TEST(FakeKernel, OutboundSticksToTheSaItUsedUntilThatIsGone) {
  for (const bool sticks : {true, false}) {
    FakeKernel::Options options;
    options.outbound_sticks = sticks;
    FakeKernel kernel(options);
    ASSERT_TRUE(kernel.apply(Step{SetPolicy{policy(Direction::kOut, true)}}));
    ASSERT_TRUE(kernel.apply(Step{AddSa{sa(true, Direction::kOut, 0x1000), keys(1)}}));
    EXPECT_EQ(kernel.send(packet(true)).packet->esp->sa.spi, 0x1000U);
    ASSERT_TRUE(kernel.apply(Step{AddSa{sa(true, Direction::kOut, 0x2000), keys(2)}}));
    EXPECT_EQ(kernel.send(packet(true)).packet->esp->sa.spi, sticks ? 0x1000U : 0x2000U);
    // Setting the policy again makes it look anew.
    ASSERT_TRUE(kernel.apply(Step{SetPolicy{policy(Direction::kOut, true)}}));
    EXPECT_EQ(kernel.send(packet(true)).packet->esp->sa.spi, 0x2000U);
    ASSERT_TRUE(kernel.apply(Step{DeleteSa{{address("10.0.0.2"), 0x2000}}}));
    EXPECT_EQ(kernel.send(packet(true)).packet->esp->sa.spi, 0x1000U);
  }
}

TEST(FakeKernel, PoliciesReplaceBySelectorDirectionAndMark) {
  FakeKernel kernel;
  auto first = policy(Direction::kOut, true);
  first.index = index_of(7, Direction::kOut);
  ASSERT_TRUE(kernel.apply(Step{SetPolicy{first}}));
  auto second = first;
  second.priority = 5;
  second.index = index_of(8, Direction::kOut);
  ASSERT_TRUE(kernel.apply(Step{SetPolicy{second}}));
  auto marked = first;
  marked.mark = Mark{1, 1};
  ASSERT_TRUE(kernel.apply(Step{SetPolicy{marked}}));
  const auto all = kernel.dump_policies();
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 2U);
  EXPECT_EQ((*all)[0].policy.priority, 5U);
  EXPECT_EQ((*all)[0].policy.index, first.index);  // the old one, not the wish
  EXPECT_NE((*all)[1].policy.index, first.index);  // taken
  EXPECT_EQ((*all)[1].policy.index & 7U, 1U);
  EXPECT_TRUE(kernel.apply(Step{DeletePolicy{id_of(first)}}));
  EXPECT_EQ(kernel.apply(Step{DeletePolicy{id_of(first)}}).error().code, Code::kNotFound);
  EXPECT_EQ(kernel.dump_policies()->size(), 1U);
}

TEST(FakeKernel, WhatThePolicyTableRefuses) {
  FakeKernel kernel;
  auto wrong = policy(Direction::kOut, true);
  wrong.index = index_of(1, Direction::kIn);
  EXPECT_EQ(kernel.apply(Step{SetPolicy{wrong}}).error().code, Code::kKernel);
  wrong = policy(Direction::kOut, true, Template::Level::kUse);
  wrong.transform->mode = Mode::kTunnel;
  EXPECT_EQ(kernel.apply(Step{SetPolicy{wrong}}).error().code, Code::kKernel);
  wrong.direction = Direction::kIn;
  EXPECT_TRUE(kernel.apply(Step{SetPolicy{wrong}}));
  wrong.mark = Mark{1, 0};
  EXPECT_EQ(kernel.apply(Step{SetPolicy{wrong}}).error().code, Code::kInvalid);
}

TEST(FakeKernel, LowerPriorityNumberWinsAndBlocks) {
  FakeKernel kernel;
  Policy block;
  block.selector = {Prefix::parse("10.0.0.0/8").value(), Prefix::parse("10.0.0.0/8").value()};
  block.priority = 50;
  block.action = Policy::Action::kBlock;
  ASSERT_TRUE(kernel.apply(Step{SetPolicy{block}}));
  Policy pass = policy(Direction::kOut, true);
  pass.transform.reset();
  ASSERT_TRUE(kernel.apply(Step{SetPolicy{pass}}));  // priority 100
  EXPECT_EQ(kernel.send(packet(true)).dropped_by, "XfrmOutPolBlock");
  pass.priority = 10;
  ASSERT_TRUE(kernel.apply(Step{SetPolicy{pass}}));
  EXPECT_TRUE(kernel.send(packet(true)).in_clear());
}

TEST(FakeKernel, TunnelTrafficNeedsAnInboundPolicy) {
  FakeKernel a;
  FakeKernel b;
  const Selector pods{Prefix::parse("10.1.1.0/24").value(), Prefix::parse("10.1.2.0/24").value()};
  Policy out;
  out.selector = pods;
  out.transform = Template{address("10.0.0.1"), address("10.0.0.2"), Mode::kTunnel, kReqid};
  ASSERT_TRUE(a.apply(Step{SetPolicy{out}}));
  auto tunnel = sa(true, Direction::kOut, 0x1000);
  tunnel.mode = Mode::kTunnel;
  ASSERT_TRUE(a.apply(Step{AddSa{tunnel, keys(1)}}));
  tunnel.direction = Direction::kIn;
  tunnel.replay_window = 64;
  ASSERT_TRUE(b.apply(Step{AddSa{tunnel, keys(1)}}));
  const FakePacket pod{{host("10.1.1.9"), host("10.1.2.9"), 6, 1000, 80}};
  const auto arrive = [&] { return b.receive(*a.send(pod).packet, FakeKernel::Route::kForwarded); };
  EXPECT_EQ(arrive().dropped_by, "XfrmInNoPols");
  auto forward_policy = out;
  forward_policy.direction = Direction::kForward;
  ASSERT_TRUE(b.apply(Step{SetPolicy{forward_policy}}));
  EXPECT_TRUE(arrive().passed);
  forward_policy.transform->reqid = kReqid + 1;
  ASSERT_TRUE(b.apply(Step{SetPolicy{forward_policy}}));
  EXPECT_EQ(arrive().dropped_by, "XfrmInTmplMismatch");
}

TEST(FakeKernel, NatThatMovedIsToldByMapping) {
  Pair pair;
  auto encapsulated = sa(true, Direction::kOut, 0x1000);
  encapsulated.encapsulation = Encapsulation{};
  ASSERT_TRUE(pair.a.apply(Step{AddSa{encapsulated, keys(1)}}));
  ASSERT_TRUE(pair.a.apply(Step{SetPolicy{policy(Direction::kOut, true)}}));
  auto inbound = sa(true, Direction::kIn, 0x1000);
  EXPECT_TRUE(pair.b.apply(Step{AddSa{inbound, keys(1)}}));
  EXPECT_EQ(pair.a_to_b().dropped_by, "XfrmInStateMismatch");  // no encapsulation expected
  ASSERT_TRUE(pair.b.apply(Step{DeleteSa{id_of(inbound)}}));
  inbound.encapsulation = Encapsulation{};
  ASSERT_TRUE(pair.b.apply(Step{AddSa{inbound, keys(1)}}));
  EXPECT_TRUE(pair.a_to_b().passed);
  EXPECT_TRUE(pair.b.take_events().empty());

  auto sent = *pair.a.send(packet(true)).packet;
  sent.esp->outer_source = address("192.0.2.7");
  sent.esp->encapsulation->source_port = 31000;
  EXPECT_TRUE(pair.b.receive(sent).passed);
  const auto mapping = std::get<Mapping>(pair.b.take_events().front());
  EXPECT_EQ(mapping.new_source.to_string(), "192.0.2.7:31000");
  EXPECT_EQ(mapping.old_source.to_string(), "10.0.0.1:4500");
}

TEST(FakeKernel, OthersChangesAreToldOwnAreNot) {
  FakeKernel kernel;
  ASSERT_TRUE(kernel.apply(Step{AddSa{sa(true, Direction::kIn, 0x1000), keys(1)}}));
  ASSERT_TRUE(kernel.apply(Step{SetPolicy{policy(Direction::kOut, true)}}));
  EXPECT_TRUE(kernel.take_events().empty());
  std::vector<Step> steps;
  steps.emplace_back(DeleteSa{{address("10.0.0.2"), 0x1000}});
  steps.emplace_back(SetPolicy{policy(Direction::kOut, true)});
  steps.emplace_back(DeletePolicy{id_of(policy(Direction::kOut, true))});
  for (const auto& status : kernel.meddle(steps)) EXPECT_TRUE(status);
  const auto events = kernel.take_events();
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(std::get<SaDeleted>(events[0]).reqid, kReqid);
  EXPECT_EQ(std::get<PolicySet>(events[1]).policy.priority, 100U);
  EXPECT_EQ(std::get<PolicyDeleted>(events[2]).index, 9U);
  kernel.flush_sas();
  kernel.lose_events();
  const auto lost = kernel.take_events();
  ASSERT_EQ(lost.size(), 1U);
  EXPECT_TRUE(std::holds_alternative<Overrun>(lost[0]));
}

TEST(FakeKernel, InjectedFailuresStopNothingElse) {
  FakeKernel kernel;
  kernel.refuse_step = [](const Step& step) -> std::optional<Error> {
    if (!std::holds_alternative<AddSa>(step)) return std::nullopt;
    return Error{Code::kUnavailable, "SA", "ENOMEM"};
  };
  std::vector<Step> steps;
  steps.emplace_back(AddSa{sa(true, Direction::kIn, 0x1000), keys(1)});
  steps.emplace_back(SetPolicy{policy(Direction::kOut, true)});
  const auto results = kernel.apply(steps);
  EXPECT_EQ(results[0].error().code, Code::kUnavailable);
  EXPECT_TRUE(results[1]);
  EXPECT_EQ(kernel.calls(), 1U);
}

TEST(FakeGuard, FirstMatchDecidesAndCounts) {
  FakeGuard guard;
  EXPECT_EQ(guard.counts().error().code, Code::kNotFound);
  ClearTrafficRules rules;
  rules.rules.push_back({{host("10.0.0.1"), host("10.0.0.2"), 17, 0, 53}, ClearVerdict::kPass});
  rules.rules.push_back({{host("10.0.0.1"), host("10.0.0.2")}, ClearVerdict::kBlock});
  ASSERT_TRUE(guard.set_rules(rules));
  EXPECT_FALSE(guard.passes(flow(true), Direction::kOut));
  EXPECT_FALSE(guard.passes(flow(false), Direction::kIn));
  EXPECT_TRUE(guard.passes({host("10.0.0.1"), host("10.0.0.2"), 17, 999, 53}, Direction::kOut));
  EXPECT_TRUE(guard.passes({host("10.0.0.2"), host("10.0.0.1"), 17, 53, 999}, Direction::kIn));
  EXPECT_TRUE(guard.passes({host("10.0.0.1"), host("10.0.0.3"), 17, 1, 2}, Direction::kOut));
  const auto counts = guard.counts();
  ASSERT_TRUE(counts);
  EXPECT_EQ((*counts)[0], (ClearTrafficCount{Direction::kIn, IpFamily::kV4, 1, 100, 0, 0}));
  EXPECT_EQ((*counts)[2], (ClearTrafficCount{Direction::kOut, IpFamily::kV4, 1, 100, 0, 0}));
}

}  // namespace
}  // namespace espalier::dataplane
