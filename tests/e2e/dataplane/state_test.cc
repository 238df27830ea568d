// SAs and policies as the kernel keeps them: life and death of each, events, adoption, errors in
// the kernel's own words.
#include <algorithm>
#include <chrono>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "nodeagent/dataplane/xfrm/uapi.h"
#include "tests/e2e/dataplane/covered_pair.h"

namespace espalier::dataplane::lab {
namespace {

SpiRequest spi_request(const Cover& cover) {
  return {TwoNodes::node_address(cover.family, 2), TwoNodes::node_address(cover.family, 1), kReqid,
          cover.mode};
}

TEST(Capabilities, ThisKernelDoesAllWeUse) {
  TwoNodes nodes;
  const auto& can = nodes.a.kernel->capabilities();
  EXPECT_TRUE(can.esp) << can.reason;
  EXPECT_TRUE(can.esp_ipv6) << can.reason;
  EXPECT_TRUE(can.esn);
  EXPECT_TRUE(can.esp_in_udp);
  EXPECT_EQ(can.reason, "");
  EXPECT_EQ(can.algorithms.size(), 13U);
  // These two depend on the kernel's release and configuration.
  fmt::print("SA directions: {}, ESP in TCP: {}\n", can.sa_direction, can.esp_in_tcp);
  // Nothing of the probe stays, and it makes no noise.
  EXPECT_TRUE(nodes.a.kernel->dump_sas()->empty());
  EXPECT_TRUE(nodes.a.all_events().empty());
}

TEST(States, SpiIsReservedCompletedOnceAndDeleted) {
  TwoNodes nodes;
  const Cover cover;
  auto& kernel = *nodes.a.kernel;
  const auto spi = kernel.allocate_spi(spi_request(cover));
  ASSERT_TRUE(spi) << spi.error().to_string();
  EXPECT_GE(*spi, 256U);
  auto sa = sa_of(cover, 2, Direction::kIn);
  sa.spi = *spi;
  EXPECT_TRUE(kernel.query(id_of(sa))->larval);
  const auto add = kernel.apply(AddSa{sa, keys_for(sa.algorithm, 1)});
  EXPECT_EQ(add.error().code, Code::kExists);
  carry_out(nodes.a, CompleteSa{sa, keys_for(sa.algorithm, 1)});
  const auto state = kernel.query(id_of(sa));
  ASSERT_TRUE(state);
  EXPECT_FALSE(state->larval);
  EXPECT_EQ(state->sa, sa);
  carry_out(nodes.a, DeleteSa{id_of(sa)});
  EXPECT_EQ(kernel.query(id_of(sa)).error().code, Code::kNotFound);
  EXPECT_EQ(kernel.apply(DeleteSa{id_of(sa)}).error().code, Code::kNotFound);
  const auto again = kernel.apply(CompleteSa{sa, keys_for(sa.algorithm, 1)});
  EXPECT_EQ(again.error().code, Code::kNotFound);
}

TEST(States, ReservationExpires) {
  TwoNodes nodes;
  nodes.a.netns.run("echo 1 > /proc/sys/net/core/xfrm_acq_expires");
  const auto spi = nodes.a.kernel->allocate_spi(spi_request({}));
  ASSERT_TRUE(spi);
  const auto expire = nodes.a.next<Expire>(5000);
  ASSERT_TRUE(expire);
  EXPECT_EQ(expire->sa.spi, *spi);
  EXPECT_TRUE(expire->hard);
}

TEST(States, ChangeKeepsKeysAndCountersAndTakesNewLimits) {
  TwoNodes nodes;
  const Cover cover;
  require_esp(nodes, cover);
  install_sas(nodes, cover);
  const auto a = nodes.a.udp_socket(end_address(cover, 1), 7001);
  const auto b = nodes.b.udp_socket(end_address(cover, 2), 7002);
  const Endpoint to{end_address(cover, 2), 7002};
  ASSERT_TRUE(TwoNodes::arrives(a, b, to));
  for (const auto direction : {Direction::kOut, Direction::kIn}) {
    auto& node = direction == Direction::kOut ? nodes.a : nodes.b;
    auto changed = sa_of(cover, 1, direction);
    changed.lifetimes.soft.bytes = 1000000;
    changed.lifetimes.hard.seconds_since_add = 3600;
    carry_out(node, ChangeSa{changed});
    const auto state = node.kernel->query(id_of(changed));
    ASSERT_TRUE(state);
    EXPECT_EQ(state->sa, changed);
    EXPECT_EQ(state->usage.packets, 1U);
  }
  EXPECT_TRUE(TwoNodes::arrives(a, b, to));
  EXPECT_TRUE(TwoNodes::arrives(a, b, to));
}

// An inbound SA tells its first use by a soft limit of one packet.
TEST(States, SoftPacketLimitThenHard) {
  TwoNodes nodes;
  const Cover cover;
  require_esp(nodes, cover);
  auto inbound = sa_of(cover, 1, Direction::kIn);
  inbound.lifetimes.soft.packets = 1;
  inbound.lifetimes.hard.packets = 3;
  carry_out(nodes.b, AddSa{inbound, keys_for(cover.algorithm, 1)});
  carry_out(nodes.a, AddSa{sa_of(cover, 1, Direction::kOut), keys_for(cover.algorithm, 1)});
  const auto a = nodes.a.udp_socket(end_address(cover, 1), 7001);
  const auto b = nodes.b.udp_socket(end_address(cover, 2), 7002);
  const Endpoint to{end_address(cover, 2), 7002};
  ASSERT_TRUE(TwoNodes::arrives(a, b, to));
  const auto soft = nodes.b.next<Expire>();
  ASSERT_TRUE(soft);
  EXPECT_EQ(soft->sa, id_of(inbound));
  EXPECT_EQ(soft->reqid, kReqid);
  EXPECT_FALSE(soft->hard);

  EXPECT_TRUE(TwoNodes::arrives(a, b, to));
  EXPECT_TRUE(TwoNodes::arrives(a, b, to));
  EXPECT_TRUE(nodes.b.all_events().empty());
  EXPECT_FALSE(TwoNodes::arrives(a, b, to, 200));
  const auto hard = nodes.b.next<Expire>();
  ASSERT_TRUE(hard);
  EXPECT_TRUE(hard->hard);
  EXPECT_EQ(hard->usage.packets, 3U);
  EXPECT_EQ(nodes.b.kernel->query(id_of(inbound)).error().code, Code::kNotFound);
}

TEST(States, TimeLimits) {
  TwoNodes nodes;
  auto sa = sa_of({}, 2, Direction::kIn);
  sa.lifetimes.soft.seconds_since_add = 1;
  // Far apart: a kernel that wakes late for both tells of the hard one only.
  sa.lifetimes.hard.seconds_since_add = 8;
  carry_out(nodes.a, AddSa{sa, keys_for(sa.algorithm, 1)});
  const auto soft = nodes.a.next<Expire>(20000);
  ASSERT_TRUE(soft);
  EXPECT_FALSE(soft->hard);
  const auto hard = nodes.a.next<Expire>(20000);
  ASSERT_TRUE(hard);
  EXPECT_TRUE(hard->hard);
}

TEST(States, AcquireTellsWhatIsWanted) {
  TwoNodes nodes;
  for (const auto family : {IpFamily::kV4, IpFamily::kV6}) {
    for (const auto mode : {Mode::kTransport, Mode::kTunnel}) {
      const Cover cover{family, mode};
      require_esp(nodes, cover);
      const auto a = nodes.a.udp_socket(end_address(cover, 1), 7001);
      const auto b = nodes.b.udp_socket(end_address(cover, 2), 7002);
      EXPECT_FALSE(TwoNodes::arrives(a, b, {end_address(cover, 2), 7002}, 100));
      const auto acquire = nodes.a.next<Acquire>();
      ASSERT_TRUE(acquire);
      EXPECT_EQ(acquire->reqid, kReqid);
      EXPECT_EQ(acquire->mode, mode);
      EXPECT_EQ(acquire->source, TwoNodes::node_address(family, 1));
      EXPECT_EQ(acquire->destination, TwoNodes::node_address(family, 2));
      EXPECT_EQ(acquire->packet, (Selector{Prefix::host(end_address(cover, 1)),
                                           Prefix::host(end_address(cover, 2)), 17, 7001, 7002}));
      EXPECT_EQ(acquire->policy.direction, Direction::kOut);
      EXPECT_EQ(acquire->policy.selector.protocol, 17);
      // The placeholder it leaves shows as larval.
      const auto sas = nodes.a.kernel->dump_sas();
      ASSERT_TRUE(sas);
      EXPECT_TRUE(std::any_of(sas->begin(), sas->end(), [&](const SaState& state) {
        return state.larval && state.sa.spi == 0 && state.sa.destination == acquire->destination;
      }));
      install_sas(nodes, cover);
      EXPECT_TRUE(TwoNodes::arrives(a, b, {end_address(cover, 2), 7002}));
      delete_sas(nodes, cover);
    }
  }
}

// After a rekey the newer of two outbound SAs carries the traffic, as soon as it stands.
TEST(States, OutboundGoesByTheNewestSa) {
  TwoNodes nodes;
  const Cover cover;
  require_esp(nodes, cover);
  install_sas(nodes, cover);
  const auto a = nodes.a.udp_socket(end_address(cover, 1), 7001);
  const auto b = nodes.b.udp_socket(end_address(cover, 2), 7002);
  const Endpoint to{end_address(cover, 2), 7002};
  ASSERT_TRUE(TwoNodes::arrives(a, b, to));
  for (const auto direction : {Direction::kIn, Direction::kOut}) {
    auto next = sa_of(cover, 1, direction);
    next.spi = kFromA + 1;
    carry_out(direction == Direction::kIn ? nodes.b : nodes.a,
              AddSa{next, keys_for(cover.algorithm, 9)});
  }
  ASSERT_TRUE(TwoNodes::arrives(a, b, to));
  const SaId first{TwoNodes::node_address(cover.family, 2), kFromA};
  const SaId second{first.destination, kFromA + 1};
  EXPECT_EQ(nodes.a.kernel->query(first)->usage.packets, 1U);
  EXPECT_EQ(nodes.a.kernel->query(second)->usage.packets, 1U);
  carry_out(nodes.a, DeleteSa{second});
  ASSERT_TRUE(TwoNodes::arrives(a, b, to));
  EXPECT_EQ(nodes.a.kernel->query(first)->usage.packets, 2U);
}

TEST(Adoption, EverythingStandsAsItWasSetAndOthersAreSeen) {
  TwoNodes nodes;
  std::vector<Sa> sas;
  for (const auto family : {IpFamily::kV4, IpFamily::kV6}) {
    for (const auto mode : {Mode::kTransport, Mode::kTunnel}) {
      for (const auto direction : {Direction::kIn, Direction::kOut}) {
        auto sa = sa_of(Cover{family, mode}, direction == Direction::kOut ? 1 : 2, direction);
        sa.spi += static_cast<std::uint32_t>(sas.size());
        sa.lifetimes.soft.seconds_since_add = 1000;
        sa.lifetimes.hard.bytes = 1U << 30U;
        if (mode == Mode::kTunnel) {
          sa.flags.no_ecn = true;
          sa.flags.copy_dscp_in = direction == Direction::kIn;
          sa.flags.no_dscp_out = direction == Direction::kOut;
        } else {
          sa.selector = Selector{Prefix::host(sa.source), Prefix::host(sa.destination), 6, 0, 443};
        }
        carry_out(nodes.a, AddSa{sa, keys_for(sa.algorithm, 1)});
        sas.push_back(sa);
      }
    }
  }
  nodes.a.netns.run(
      "ip xfrm state add src 10.9.0.1 dst 10.9.0.2 proto esp spi 0x99 reqid 5 mode tunnel "
      "auth-trunc 'hmac(sha256)' 0x000102030405060708090a0b0c0d0e0f 96 enc 'cbc(aes)' "
      "0x00112233445566778899aabbccddeeff\n"
      "ip xfrm state add src 10.9.0.1 dst 10.9.0.2 proto ah spi 0x98 mode transport "
      "auth-trunc 'hmac(sha256)' 0x000102030405060708090a0b0c0d0e0f 128");
  // Another process, as after a restart.
  nodes.a.netns.enter();
  auto restarted = xfrm::XfrmIpsec::open();
  ASSERT_TRUE(restarted) << restarted.error().to_string();
  const auto standing = restarted->dump_sas();
  ASSERT_TRUE(standing) << standing.error().to_string();
  EXPECT_EQ(standing->size(), sas.size() + 1);
  for (const auto& sa : sas) {
    EXPECT_TRUE(std::any_of(standing->begin(), standing->end(), [&](const SaState& state) {
      return state.sa == sa && state.other_algorithm.empty() && owns_reqid(state.sa.reqid);
    })) << id_of(sa).to_string();
  }
  const auto other = std::find_if(standing->begin(), standing->end(),
                                  [](const SaState& state) { return state.sa.spi == 0x99; });
  ASSERT_NE(other, standing->end());
  EXPECT_EQ(other->other_algorithm, "cbc(aes) hmac(sha256)");
  EXPECT_FALSE(owns_reqid(other->sa.reqid));
}

TEST(Policies, IndexOfOurBandIsHonouredKeptAndReadBack) {
  TwoNodes nodes;
  auto& kernel = *nodes.a.kernel;
  auto policy = std::get<SetPolicy>(policies_of({}, 1).front()).policy;
  policy.index = index_of(3, Direction::kOut);
  carry_out(nodes.a, SetPolicy{policy});
  auto replaced = policy;
  replaced.index = index_of(4, Direction::kOut);
  replaced.priority = 5;
  carry_out(nodes.a, SetPolicy{replaced});
  auto taken = policy;
  taken.selector.protocol = 6;
  taken.mark = Mark{0x10, 0xf0};
  carry_out(nodes.a, SetPolicy{taken});
  const auto all = kernel.dump_policies();
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 2U);
  for (const auto& state : *all) {
    auto expected = state.policy.selector.protocol == 17 ? replaced : taken;
    expected.index = state.policy.selector.protocol == 17 ? policy.index : state.policy.index;
    EXPECT_EQ(state.policy, expected);
    if (state.policy.mark) {
      EXPECT_FALSE(owns_index(state.policy.index));
    }
    EXPECT_TRUE(owns(state.policy));
  }
  carry_out(nodes.a, DeletePolicy{id_of(taken)});
  EXPECT_EQ(kernel.apply(DeletePolicy{id_of(taken)}).error().code, Code::kNotFound);
  EXPECT_EQ(kernel.dump_policies()->size(), 1U);
}

TEST(Errors, SpeakInTheKernelsWords) {
  TwoNodes nodes;
  auto& kernel = *nodes.a.kernel;
  auto policy = std::get<SetPolicy>(policies_of({}, 1).front()).policy;
  policy.index = index_of(3, Direction::kIn);
  EXPECT_EQ(kernel.apply(SetPolicy{policy}).error().to_string(),
            "policy out 10.9.0.1/32 -> 10.9.0.2/32 proto 17: EINVAL (Invalid argument): Policy "
            "index doesn't match direction");
  auto sa = sa_of({}, 1, Direction::kOut);
  sa.offload = Offload{1, Offload::Kind::kPacket};  // lo, which offloads nothing
  const auto refused = kernel.apply(AddSa{sa, keys_for(sa.algorithm, 1)});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().to_string(), "SA 0x10000001 to 10.9.0.2: EINVAL (Invalid argument)");
  // Crypto offload there falls back to software, and reading it back says so.
  sa.offload = Offload{1, Offload::Kind::kCrypto};
  carry_out(nodes.a, AddSa{sa, keys_for(sa.algorithm, 1)});
  EXPECT_FALSE(kernel.query(id_of(sa))->sa.offload);
}

// The kernel's own message for an algorithm it does not have.
TEST(Errors, UnknownAlgorithm) {
  TwoNodes nodes;
  nodes.a.netns.enter();
  auto socket = xfrm::NetlinkSocket::open();
  ASSERT_TRUE(socket);
  xfrm::Exchange exchange(std::move(*socket));
  const auto sa = sa_of({}, 1, Direction::kOut);
  auto message = xfrm::encode(AddSa{sa, keys_for(sa.algorithm, 1)}, {true});
  ASSERT_TRUE(message);
  const ByteView bytes = message->bytes();
  const std::string_view name = "rfc4106(gcm(aes))";
  const auto at = std::search(bytes.begin(), bytes.end(), name.begin(), name.end());
  ASSERT_NE(at, bytes.end());
  const_cast<std::uint8_t&>(*at) = 'x';
  std::vector<xfrm::Message> batch;
  batch.push_back(std::move(*message));
  const auto answers = exchange.run(batch, [](std::size_t, const xfrm::RawMessage&) {});
  ASSERT_TRUE(answers.front());
  EXPECT_EQ(answers.front()->error, ENOSYS);
  EXPECT_EQ(answers.front()->text, "Requested AEAD algorithm not found");
}

TEST(Events, OthersChangesAreToldOwnAreNot) {
  TwoNodes nodes;
  const Cover cover;
  require_esp(nodes, cover);
  install_sas(nodes, cover);
  EXPECT_TRUE(nodes.a.all_events().empty());
  nodes.a.netns.run(
      "ip xfrm state delete src 10.9.0.1 dst 10.9.0.2 proto esp spi 0x10000001\n"
      "ip xfrm policy update src 10.9.0.1/32 dst 10.9.0.2/32 proto udp dir out priority 1\n"
      "ip xfrm policy delete src 10.9.0.1/32 dst 10.9.0.2/32 proto udp dir out\n"
      "ip xfrm state flush\n"
      "ip xfrm policy flush");
  const auto deleted = nodes.a.next<SaDeleted>();
  ASSERT_TRUE(deleted);
  EXPECT_EQ(deleted->sa.spi, kFromA);
  EXPECT_EQ(deleted->reqid, kReqid);
  const auto set = nodes.a.next<PolicySet>();
  ASSERT_TRUE(set);
  EXPECT_EQ(set->policy.priority, 1U);
  EXPECT_FALSE(set->policy.transform);
  const auto forgotten = nodes.a.next<PolicyDeleted>();
  ASSERT_TRUE(forgotten);
  EXPECT_EQ(forgotten->policy, id_of(set->policy));
  const auto rest = nodes.a.all_events();
  const auto has = [&](auto event) {
    return std::any_of(rest.begin(), rest.end(), [&](const KernelEvent& one) {
      return std::holds_alternative<decltype(event)>(one);
    });
  };
  EXPECT_TRUE(has(SasFlushed{}) || nodes.a.next<SasFlushed>());
  EXPECT_TRUE(has(PoliciesFlushed{}) || nodes.a.next<PoliciesFlushed>());
}

TEST(Events, LostOnesAreOneOverrun) {
  TwoNodes nodes;
  const int small = 1;
  ASSERT_EQ(setsockopt(nodes.a.events->fd(), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
  std::vector<Step> steps;
  for (std::uint16_t port = 1; port <= 100; ++port) {
    auto policy = std::get<SetPolicy>(policies_of({}, 1).front()).policy;
    policy.selector.destination_port = port;
    steps.emplace_back(SetPolicy{policy});
  }
  nodes.a.netns.enter();
  auto other = xfrm::XfrmIpsec::open();
  ASSERT_TRUE(other);
  for (const auto& status : other->apply(steps)) EXPECT_TRUE(status);
  const auto events = nodes.a.all_events();
  EXPECT_EQ(std::count_if(
                events.begin(), events.end(),
                [](const KernelEvent& event) { return std::holds_alternative<Overrun>(event); }),
            1);
  EXPECT_LT(events.size(), 100U);
  // And it goes on afterwards.
  nodes.a.netns.run("ip xfrm policy flush");
  EXPECT_TRUE(nodes.a.next<PoliciesFlushed>());
}

// Prints what a step costs here: figures for comparison within one lab, never absolute ones.
TEST(Batches, FiveHundredOfEach) {
  TwoNodes nodes;
  auto& kernel = *nodes.a.kernel;
  constexpr std::size_t kCount = 500;
  const auto timed = [&](const char* what, const auto& work) {
    const auto begun = std::chrono::steady_clock::now();
    work();
    const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - begun;
    fmt::print("{:<28} {:8.1f} us each\n", what, took.count() / kCount);
  };
  std::vector<Step> adds;
  std::vector<Step> removes;
  std::vector<SaId> ids;
  std::vector<SpiRequest> requests(kCount, spi_request({}));
  for (std::uint32_t i = 0; i < kCount; ++i) {
    auto sa = sa_of({}, 2, Direction::kIn);
    sa.spi = 0x40000000 + i;
    ids.push_back(id_of(sa));
    removes.emplace_back(DeleteSa{id_of(sa)});
    adds.emplace_back(AddSa{sa, keys_for(sa.algorithm, 1)});
  }
  timed("add an SA", [&] { carry_out(nodes.a, adds); });
  timed("query an SA", [&] {
    for (const auto& state : kernel.query(ids)) EXPECT_TRUE(state);
  });
  timed("dump an SA", [&] { EXPECT_EQ(kernel.dump_sas()->size(), kCount); });
  timed("delete an SA", [&] { carry_out(nodes.a, removes); });
  timed("reserve an SPI", [&] {
    for (const auto& spi : kernel.allocate_spis(requests)) EXPECT_TRUE(spi);
  });
  std::vector<Step> policies;
  for (std::uint16_t i = 1; i <= kCount; ++i) {
    auto policy = std::get<SetPolicy>(policies_of({}, 1).front()).policy;
    policy.selector.destination_port = i;
    policies.emplace_back(SetPolicy{policy});
  }
  timed("set a policy", [&] { carry_out(nodes.a, policies); });
  timed("dump a policy", [&] { EXPECT_EQ(kernel.dump_policies()->size(), kCount); });

  // One refused among many is told apart, and stops nothing.
  removes.clear();
  for (std::uint32_t i = 0; i < kCount; ++i) {
    auto sa = sa_of({}, 2, Direction::kIn);
    sa.spi = 0x50000000 + (i == 333 ? 0 : i);
    removes.emplace_back(AddSa{sa, keys_for(sa.algorithm, 1)});
  }
  const auto results = kernel.apply(removes);
  for (std::size_t i = 0; i < kCount; ++i) EXPECT_EQ(results[i].has_value(), i != 333) << i;
  EXPECT_EQ(results[333].error().code, Code::kExists);
}

}  // namespace
}  // namespace espalier::dataplane::lab
