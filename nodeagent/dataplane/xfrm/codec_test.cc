// What we encode is decoded by ourselves and by libnl-xfrm, which shares no code with us.
#include <cstring>
#include <memory>

#include <gtest/gtest.h>
#include <netlink/addr.h>
#include <netlink/xfrm/lifetime.h>
#include <netlink/xfrm/sa.h>
#include <netlink/xfrm/selector.h>
#include <netlink/xfrm/sp.h>
#include <netlink/xfrm/template.h>
#include <sys/socket.h>

#include "nodeagent/dataplane/xfrm/convert.h"
#include "nodeagent/dataplane/xfrm/decode.h"
#include "nodeagent/dataplane/xfrm/encode.h"
#include "nodeagent/dataplane/xfrm/samples.h"
#include "nodeagent/dataplane/xfrm/uapi.h"

// libnl-xfrm 3.7 loses an address with every SA it parses.
extern "C" const char* __lsan_default_suppressions() {
  return "leak:nl_addr_alloc\n";
}

namespace espalier::dataplane::xfrm {
namespace {

constexpr KernelFeatures kNew{true};
constexpr KernelFeatures kOld{false};

RawMessage raw(const Message& message) {
  ByteView bytes = message.bytes();
  return take_message(bytes).value();
}

std::string text_of(nl_addr* address) {
  std::array<char, 80> buffer{};
  return nl_addr2str(address, buffer.data(), buffer.size());
}

struct PutSa {
  void operator()(xfrmnl_sa* sa) const { xfrmnl_sa_put(sa); }
};
struct PutSp {
  void operator()(xfrmnl_sp* sp) const { xfrmnl_sp_put(sp); }
};

std::unique_ptr<xfrmnl_sa, PutSa> parse_by_libnl(Message& message) {
  xfrmnl_sa* sa = nullptr;
  EXPECT_EQ(xfrmnl_sa_parse(&message.header(), &sa), 0);
  return std::unique_ptr<xfrmnl_sa, PutSa>(sa);
}

TEST(EncodeSa, ComesBackAsItWent) {
  const auto sa = sample_sa();
  const auto message = encode(AddSa{sa, sample_keys(sa.algorithm)}, kNew);
  ASSERT_TRUE(message) << message.error().to_string();
  EXPECT_EQ(message->header().nlmsg_type, XFRM_MSG_NEWSA);
  const auto state = decode_sa(raw(*message));
  ASSERT_TRUE(state) << state.error().to_string();
  EXPECT_EQ(state->sa, sa);
  EXPECT_FALSE(state->larval);
  EXPECT_EQ(state->other_algorithm, "");
  EXPECT_EQ(state->usage.bytes, 0U);
}

TEST(EncodeSa, EveryAlgorithmComesBack) {
  for (const auto cipher :
       {EspCipher::kAesGcm16, EspCipher::kAesCbc, EspCipher::kChaCha20Poly1305}) {
    for (const std::uint16_t bits : {std::uint16_t{128}, std::uint16_t{192}, std::uint16_t{256}}) {
      for (const auto integrity : {EspIntegrity::kNone, EspIntegrity::kHmacSha256_128,
                                   EspIntegrity::kHmacSha384_192, EspIntegrity::kHmacSha512_256}) {
        auto sa = sample_sa();
        sa.algorithm = {cipher, bits, integrity};
        const auto message = encode(AddSa{sa, sample_keys(sa.algorithm)}, kNew);
        EXPECT_EQ(message.has_value(), sa.algorithm.valid()) << sa.algorithm.to_string();
        if (!message) continue;
        const auto state = decode_sa(raw(*message));
        ASSERT_TRUE(state);
        EXPECT_EQ(state->sa.algorithm, sa.algorithm);
        EXPECT_EQ(state->other_algorithm, "");
      }
    }
  }
}

TEST(EncodeSa, LibnlReadsTheSame) {
  auto sa = sample_sa();
  sa.offload = Offload{3, Offload::Kind::kCrypto};
  auto message = encode(CompleteSa{sa, sample_keys(sa.algorithm)}, kOld);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->header().nlmsg_type, XFRM_MSG_UPDSA);
  const auto parsed = parse_by_libnl(*message);
  ASSERT_TRUE(parsed);
  auto* p = parsed.get();
  EXPECT_EQ(text_of(xfrmnl_sa_get_saddr(p)), "2001:db8::1");
  EXPECT_EQ(text_of(xfrmnl_sa_get_daddr(p)), "2001:db8::2");
  EXPECT_EQ(static_cast<std::uint32_t>(xfrmnl_sa_get_spi(p)), 0xc0ffee01U);
  EXPECT_EQ(xfrmnl_sa_get_proto(p), 50);
  EXPECT_EQ(xfrmnl_sa_get_reqid(p), 0x45000007);
  EXPECT_EQ(xfrmnl_sa_get_family(p), AF_INET6);
  EXPECT_EQ(xfrmnl_sa_get_mode(p), XFRM_MODE_TUNNEL);
  EXPECT_EQ(xfrmnl_sa_get_replay_window(p), 0);
  EXPECT_EQ(xfrmnl_sa_get_flags(p), XFRM_STATE_ESN | XFRM_STATE_NOECN | XFRM_STATE_DECAP_DSCP);

  auto* selector = xfrmnl_sa_get_sel(p);
  EXPECT_EQ(text_of(xfrmnl_sel_get_saddr(selector)), "10.1.0.0/16");
  EXPECT_EQ(text_of(xfrmnl_sel_get_daddr(selector)), "10.2.3.4");
  EXPECT_EQ(xfrmnl_sel_get_proto(selector), 6);
  EXPECT_EQ(xfrmnl_sel_get_dport(selector), 443);
  EXPECT_EQ(xfrmnl_sel_get_dportmask(selector), 0xffff);
  EXPECT_EQ(xfrmnl_sel_get_sportmask(selector), 0);

  auto* lifetimes = xfrmnl_sa_get_lifetime_cfg(p);
  EXPECT_EQ(xfrmnl_ltime_cfg_get_soft_bytelimit(lifetimes), 1000U);
  EXPECT_EQ(xfrmnl_ltime_cfg_get_hard_bytelimit(lifetimes), kNoLimit);
  EXPECT_EQ(xfrmnl_ltime_cfg_get_soft_packetlimit(lifetimes), 76U);
  EXPECT_EQ(xfrmnl_ltime_cfg_get_hard_packetlimit(lifetimes), 4000000000000U);
  EXPECT_EQ(xfrmnl_ltime_cfg_get_soft_addexpires(lifetimes), 3600U);
  EXPECT_EQ(xfrmnl_ltime_cfg_get_hard_useexpires(lifetimes), 0U);

  std::array<char, 64> name{};
  std::array<char, 128> key{};
  unsigned int key_bits = 0;
  unsigned int icv_bits = 0;
  ASSERT_EQ(xfrmnl_sa_get_crypto_params(p, name.data(), &key_bits, key.data()), 0);
  EXPECT_STREQ(name.data(), "cbc(aes)");
  EXPECT_EQ(key_bits, 256U);
  const auto keys = sample_keys(sa.algorithm);
  EXPECT_EQ(std::memcmp(key.data(), keys.encryption.view().data(), 32), 0);
  ASSERT_EQ(xfrmnl_sa_get_auth_params(p, name.data(), &key_bits, &icv_bits, key.data()), 0);
  EXPECT_STREQ(name.data(), "hmac(sha512)");
  EXPECT_EQ(key_bits, 512U);
  EXPECT_EQ(icv_bits, 256U);
  EXPECT_EQ(std::memcmp(key.data(), keys.integrity.view().data(), 64), 0);

  unsigned int kind = 0;
  unsigned int source_port = 0;
  unsigned int destination_port = 0;
  nl_addr* original = nullptr;
  ASSERT_EQ(xfrmnl_sa_get_encap_tmpl(p, &kind, &source_port, &destination_port, &original), 0);
  EXPECT_EQ(kind, kEncapUdp);
  EXPECT_EQ(source_port, 4501U);
  EXPECT_EQ(destination_port, 4500U);

  int ifindex = 0;
  std::uint8_t offload_flags = 0;
  ASSERT_EQ(xfrmnl_sa_get_user_offload(p, &ifindex, &offload_flags), 0);
  EXPECT_EQ(ifindex, 3);
  EXPECT_EQ(offload_flags, kOffloadInbound);
}

// The kernel compares before it counts (tests/e2e/facts/30-states.sh): its soft limit of 0 packets
// fires at the first, and no limit is the largest number.
TEST(EncodeSa, ASoftLimitOfOnePacketIsTheKernelsZero) {
  for (const auto& [ours, theirs] : std::vector<std::pair<std::uint64_t, std::uint64_t>>{
           {0, kNoLimit}, {1, 0}, {2, 1}, {kNoLimit, kNoLimit - 1}}) {
    Lifetimes lifetimes;
    lifetimes.soft.packets = ours;
    const auto raw = to_kernel(lifetimes);
    EXPECT_EQ(raw.soft_packet_limit, theirs);
    EXPECT_EQ(raw.hard_packet_limit, kNoLimit);
    EXPECT_EQ(from_kernel(raw), lifetimes);
  }
}

TEST(EncodeSa, LibnlReadsTheAead) {
  auto sa = sample_sa();
  sa.algorithm = {EspCipher::kAesGcm16, 128, EspIntegrity::kNone};
  auto message = encode(AddSa{sa, sample_keys(sa.algorithm)}, kNew);
  ASSERT_TRUE(message);
  const auto parsed = parse_by_libnl(*message);
  ASSERT_TRUE(parsed);
  std::array<char, 64> name{};
  std::array<char, 64> key{};
  unsigned int key_bits = 0;
  unsigned int icv_bits = 0;
  ASSERT_EQ(xfrmnl_sa_get_aead_params(parsed.get(), name.data(), &key_bits, &icv_bits, key.data()),
            0);
  EXPECT_STREQ(name.data(), "rfc4106(gcm(aes))");
  EXPECT_EQ(key_bits, 160U);
  EXPECT_EQ(icv_bits, 128U);
}

TEST(EncodeSa, OutboundHasNoWindowOrTheLeastOldKernelsTake) {
  auto sa = sample_sa();
  sa.direction = Direction::kOut;
  sa.mark_written.reset();
  sa.replay_window = 0;
  sa.flags.copy_dscp_in = false;
  sa.flags.no_dscp_out = true;
  sa.flags.no_pmtu_discovery = true;
  for (const auto features : {kOld, kNew}) {
    const auto message = encode(AddSa{sa, sample_keys(sa.algorithm)}, features);
    ASSERT_TRUE(message);
    const auto state = decode_sa(raw(*message));
    ASSERT_TRUE(state);
    EXPECT_EQ(state->sa, sa);
    EXPECT_EQ(shows_sa_direction(raw(*message)), features.sa_direction);
  }
}

TEST(EncodeSa, SmallWindowWithoutEsnIsTheLegacyOne) {
  auto sa = sample_sa();
  sa.esn = false;
  for (const std::uint32_t window : {0U, 32U, 33U, 4096U}) {
    sa.replay_window = window;
    auto message = encode(AddSa{sa, sample_keys(sa.algorithm)}, kNew);
    ASSERT_TRUE(message);
    const auto state = decode_sa(raw(*message));
    ASSERT_TRUE(state);
    EXPECT_EQ(state->sa, sa);
    const auto parsed = parse_by_libnl(*message);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(xfrmnl_sa_get_replay_window(parsed.get()),
              window <= 32 ? static_cast<int>(window) : 0);
  }
}

TEST(EncodeSa, AnyInnerFamilyLeavesTheSelectorOpen) {
  auto sa = sample_sa();
  sa.selector.reset();
  sa.flags.any_inner_family = true;
  auto message = encode(AddSa{sa, sample_keys(sa.algorithm)}, kNew);
  ASSERT_TRUE(message);
  const auto parsed = parse_by_libnl(*message);
  ASSERT_TRUE(parsed);
  EXPECT_NE(xfrmnl_sa_get_flags(parsed.get()) & XFRM_STATE_AF_UNSPEC, 0);
  EXPECT_EQ(decode_sa(raw(*message))->sa, sa);
}

TEST(EncodeSa, ChangeNamesNoDevice) {
  const auto sa = sample_sa();
  const auto message = encode(ChangeSa{sa}, sample_keys(sa.algorithm), kNew);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->header().nlmsg_type, XFRM_MSG_UPDSA);
  const auto state = decode_sa(raw(*message));
  ASSERT_TRUE(state);
  auto expected = sa;
  expected.offload.reset();
  EXPECT_EQ(state->sa, expected);
}

TEST(EncodeSa, WhatTheKernelWouldMisreadIsRefused) {
  const auto good = sample_sa();
  const auto refused = [](Sa sa) {
    const auto message = encode(AddSa{sa, sample_keys(sa.algorithm)}, kNew);
    return !message && message.error().code == Code::kInvalid;
  };
  EXPECT_FALSE(refused(good));
  auto sa = good;
  sa.spi = 255;
  EXPECT_TRUE(refused(sa));
  sa = good;
  sa.source = sample_address("10.0.0.1");
  EXPECT_TRUE(refused(sa));
  sa = good;
  sa.replay_window = kReplayWindowMax + 1;
  EXPECT_TRUE(refused(sa));
  sa = good;
  sa.replay_window = 0;
  EXPECT_TRUE(refused(sa));
  sa = good;
  sa.direction = Direction::kForward;
  EXPECT_TRUE(refused(sa));
  sa = good;
  sa.direction = Direction::kOut;
  EXPECT_TRUE(refused(sa)) << "an outbound SA writes no marks";
  sa = good;
  sa.selector->source = sample_prefix("2001:db8::/64");
  EXPECT_TRUE(refused(sa));
}

TEST(EncodeSa, KeysOfTheWrongSizeAreRefusedWithoutShowingThem) {
  const auto sa = sample_sa();
  const EspAlgorithm other{EspCipher::kAesCbc, 128, EspIntegrity::kHmacSha256_128};
  const auto message = encode(AddSa{sa, sample_keys(other)}, kNew);
  ASSERT_FALSE(message);
  EXPECT_EQ(message.error().to_string(),
            "SA 0xc0ffee01 to 2001:db8::2: aes-cbc-256/hmac-sha512-256 takes keys of 32 and 64 "
            "octets, not 16 and 32");
}

TEST(EncodePolicy, ComesBackAsItWent) {
  for (const auto direction : {Direction::kIn, Direction::kOut, Direction::kForward}) {
    auto policy = sample_policy();
    policy.direction = direction;
    const auto message = encode(SetPolicy{policy});
    ASSERT_TRUE(message);
    EXPECT_EQ(message->header().nlmsg_type, XFRM_MSG_UPDPOLICY);
    const auto state = decode_policy(raw(*message));
    ASSERT_TRUE(state) << state.error().to_string();
    EXPECT_EQ(state->policy, policy);
  }
}

TEST(EncodePolicy, LibnlReadsTheSame) {
  auto message = encode(SetPolicy{sample_policy()});
  ASSERT_TRUE(message);
  xfrmnl_sp* sp = nullptr;
  ASSERT_EQ(xfrmnl_sp_parse(&message->header(), &sp), 0);
  const std::unique_ptr<xfrmnl_sp, PutSp> owner(sp);
  EXPECT_EQ(xfrmnl_sp_get_priority(sp), 4711);
  EXPECT_EQ(xfrmnl_sp_get_index(sp), 0x4500000a);
  EXPECT_EQ(xfrmnl_sp_get_dir(sp), XFRM_POLICY_FWD);
  EXPECT_EQ(xfrmnl_sp_get_action(sp), XFRM_POLICY_ALLOW);
  auto* selector = xfrmnl_sp_get_sel(sp);
  EXPECT_EQ(text_of(xfrmnl_sel_get_saddr(selector)), "10.1.0.0/16");
  EXPECT_EQ(text_of(xfrmnl_sel_get_daddr(selector)), "10.2.0.0/16");
  EXPECT_EQ(xfrmnl_sel_get_sport(selector), 500);
  EXPECT_EQ(xfrmnl_sel_get_dport(selector), 4500);
  EXPECT_EQ(xfrmnl_sel_get_family(selector), AF_INET);
  unsigned int mark = 0;
  unsigned int mask = 0;
  ASSERT_EQ(xfrmnl_sp_get_mark(sp, &mask, &mark), 0);
  EXPECT_EQ(mark | mask, 0xf0U | 0x10U);
  ASSERT_EQ(xfrmnl_sp_get_nusertemplates(sp), 1);
  auto* transform = xfrmnl_sp_usertemplate_n(sp, 0);
  EXPECT_EQ(text_of(xfrmnl_user_tmpl_get_saddr(transform)), "2001:db8::1");
  EXPECT_EQ(text_of(xfrmnl_user_tmpl_get_daddr(transform)), "2001:db8::2");
  EXPECT_EQ(xfrmnl_user_tmpl_get_reqid(transform), 0x45000007);
  EXPECT_EQ(xfrmnl_user_tmpl_get_mode(transform), XFRM_MODE_TUNNEL);
  EXPECT_EQ(xfrmnl_user_tmpl_get_optional(transform), 1);
  EXPECT_EQ(xfrmnl_user_tmpl_get_proto(transform), 50);
}

TEST(EncodePolicy, BypassAndBlockHaveNoTemplate) {
  Policy policy = sample_policy();
  policy.transform.reset();
  policy.mark.reset();
  for (const auto action : {Policy::Action::kAllow, Policy::Action::kBlock}) {
    policy.action = action;
    const auto message = encode(SetPolicy{policy});
    ASSERT_TRUE(message);
    EXPECT_EQ(decode_policy(raw(*message))->policy, policy);
  }
  policy.transform = Template{};
  EXPECT_FALSE(encode(SetPolicy{policy}));
}

TEST(EncodePolicy, MarkWithoutMaskAndMixedFamiliesAreRefused) {
  auto policy = sample_policy();
  policy.mark = Mark{1, 0};
  EXPECT_EQ(encode(SetPolicy{policy}).error().code, Code::kInvalid);
  policy = sample_policy();
  policy.selector.source = sample_prefix("2001:db8::/32");
  EXPECT_EQ(encode(SetPolicy{policy}).error().code, Code::kInvalid);
  EXPECT_EQ(encode(DeletePolicy{id_of(policy)}).error().code, Code::kInvalid);
  policy = sample_policy();
  policy.transform->source = sample_address("10.0.0.1");
  EXPECT_EQ(encode(SetPolicy{policy}).error().code, Code::kInvalid);
}

TEST(Message, LengthsAreAligned) {
  const auto sa = sample_sa();
  const auto add = encode(AddSa{sa, sample_keys(sa.algorithm)}, kNew);
  const auto remove = encode(DeleteSa{id_of(sa)});
  const auto set = encode(SetPolicy{sample_policy()});
  const auto forget = encode(DeletePolicy{id_of(sample_policy())});
  for (const auto* message : {&add, &remove, &set, &forget}) {
    ASSERT_TRUE(*message);
    EXPECT_EQ((*message)->bytes().size() % NLMSG_ALIGNTO, 0U);
    EXPECT_TRUE((*message)->complete());
    EXPECT_EQ((*message)->header().nlmsg_flags, NLM_F_REQUEST);
  }
}

TEST(Decode, EveryCutGivesAValueOrAnError) {
  const auto sa = sample_sa();
  const auto message = encode(AddSa{sa, sample_keys(sa.algorithm)}, kNew);
  ASSERT_TRUE(message);
  const auto whole = raw(*message);
  for (std::size_t size = 0; size <= whole.payload.size(); ++size) {
    const auto state = decode_sa({whole.header, whole.payload.first(size)});
    EXPECT_EQ(state.has_value(), size >= sizeof(xfrm_usersa_info));
  }
}

TEST(Decode, OtherAlgorithmsAndLarvalSas) {
  const auto sa = sample_sa();
  auto message = encode(AddSa{sa, sample_keys(sa.algorithm)}, kNew);
  ASSERT_TRUE(message);
  Bytes bytes = to_bytes(message->bytes());
  const std::string_view cipher = "cbc(aes)";
  const auto at = std::search(bytes.begin(), bytes.end(), cipher.begin(), cipher.end());
  ASSERT_NE(at, bytes.end());
  std::copy_n("cbc(des3_ede)", 13, at);
  ByteView view = bytes;
  const auto state = decode_sa(take_message(view).value());
  ASSERT_TRUE(state);
  EXPECT_EQ(state->other_algorithm, "cbc(des3_ede) hmac(sha512)");

  xfrm_usersa_info info{};
  info.family = AF_INET;
  info.id.proto = 50;
  const Message larval(XFRM_MSG_NEWSA, info);
  const auto reserved = decode_sa(raw(larval));
  ASSERT_TRUE(reserved);
  EXPECT_TRUE(reserved->larval);
}

}  // namespace
}  // namespace espalier::dataplane::xfrm
