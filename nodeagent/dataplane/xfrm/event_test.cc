// The kernel's notifications and answers, built from its own structures.
#include <cerrno>
#include <cstring>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "nodeagent/dataplane/xfrm/convert.h"
#include "nodeagent/dataplane/xfrm/decode.h"
#include "nodeagent/dataplane/xfrm/encode.h"
#include "nodeagent/dataplane/xfrm/message.h"
#include "nodeagent/dataplane/xfrm/samples.h"

namespace espalier::dataplane::xfrm {
namespace {

RawMessage raw(const Message& message) {
  ByteView bytes = message.bytes();
  return take_message(bytes).value();
}

template <typename Event>
Event event_in(const Message& message) {
  auto event = decode_event(raw(message));
  EXPECT_TRUE(event) << event.error().to_string();
  EXPECT_TRUE(event && *event && std::holds_alternative<Event>(**event));
  if (!event || !*event || !std::holds_alternative<Event>(**event)) return {};
  return std::get<Event>(**event);
}

bool is_no_event(const Message& message) {
  auto event = decode_event(raw(message));
  return event && !*event;
}

xfrm_usersa_info info_of_sample() {
  xfrm_usersa_info info{};
  info.family = AF_INET6;
  info.id.daddr = to_kernel(sample_address("2001:db8::2"));
  info.id.spi = htonl(0xc0ffee01);
  info.id.proto = 50;
  info.reqid = 7;
  return info;
}

xfrm_userpolicy_info info_of_policy() {
  xfrm_userpolicy_info info{};
  info.sel = to_kernel(sample_policy().selector);
  info.dir = XFRM_POLICY_OUT;
  info.index = 0x45000009;
  return info;
}

xfrm_user_tmpl template_of_policy() {
  xfrm_user_tmpl transform{};
  transform.family = AF_INET6;
  transform.id.proto = 50;
  transform.reqid = 7;
  transform.mode = XFRM_MODE_TUNNEL;
  return transform;
}

TEST(DecodeEvent, Acquire) {
  xfrm_user_acquire body{};
  body.id.daddr = to_kernel(sample_address("2001:db8::2"));
  body.saddr = to_kernel(sample_address("2001:db8::1"));
  body.sel = to_kernel(
      Selector{sample_prefix("10.1.0.9/32"), sample_prefix("10.2.0.9/32"), 17, 500, 4500});
  body.policy = info_of_policy();
  Message message(XFRM_MSG_ACQUIRE, body);
  message.put(XFRMA_TMPL, template_of_policy());
  const auto acquire = event_in<Acquire>(message);
  EXPECT_EQ(acquire.packet.to_string(), "10.1.0.9/32 -> 10.2.0.9/32 proto 17 ports 500 -> 4500");
  EXPECT_EQ(acquire.policy.selector, sample_policy().selector);
  EXPECT_EQ(acquire.policy.direction, Direction::kOut);
  EXPECT_EQ(acquire.policy_index, 0x45000009U);
  EXPECT_EQ(acquire.reqid, 7U);
  EXPECT_EQ(acquire.mode, Mode::kTunnel);
  EXPECT_EQ(acquire.source, sample_address("2001:db8::1"));
  EXPECT_EQ(acquire.destination, sample_address("2001:db8::2"));
}

TEST(DecodeEvent, AcquireWithoutTemplateIsMalformed) {
  xfrm_user_acquire body{};
  body.sel = to_kernel(sample_policy().selector);
  body.policy = info_of_policy();
  const auto event = decode_event(raw(Message(XFRM_MSG_ACQUIRE, body)));
  ASSERT_FALSE(event);
  EXPECT_EQ(event.error().where, "ACQUIRE");
}

TEST(DecodeEvent, ExpireSoftAndHard) {
  xfrm_user_expire body{};
  body.state = info_of_sample();
  body.state.curlft.bytes = 1000;
  body.state.curlft.packets = 3;
  body.state.curlft.add_time = 1700000000;
  for (const std::uint8_t hard : {std::uint8_t{0}, std::uint8_t{1}}) {
    body.hard = hard;
    const auto expire = event_in<Expire>(Message(XFRM_MSG_EXPIRE, body));
    EXPECT_EQ(expire.sa.to_string(), "SA 0xc0ffee01 to 2001:db8::2");
    EXPECT_EQ(expire.reqid, 7U);
    EXPECT_EQ(expire.hard, hard != 0);
    EXPECT_EQ(expire.usage.bytes, 1000U);
    EXPECT_EQ(expire.usage.packets, 3U);
    EXPECT_FALSE(expire.usage.first_used);
  }
}

TEST(DecodeEvent, Mapping) {
  xfrm_user_mapping body{};
  body.id.daddr = to_kernel(sample_address("192.0.2.2"));
  body.id.spi = htonl(0x1000);
  body.id.family = AF_INET;
  body.id.proto = 50;
  body.reqid = 9;
  body.old_saddr = to_kernel(sample_address("192.0.2.1"));
  body.new_saddr = to_kernel(sample_address("198.51.100.1"));
  body.old_sport = htons(4500);
  body.new_sport = htons(31000);
  const auto mapping = event_in<Mapping>(Message(XFRM_MSG_MAPPING, body));
  EXPECT_EQ(mapping.sa.to_string(), "SA 0x00001000 to 192.0.2.2");
  EXPECT_EQ(mapping.old_source.to_string(), "192.0.2.1:4500");
  EXPECT_EQ(mapping.new_source.to_string(), "198.51.100.1:31000");
}

TEST(DecodeEvent, SaDeleted) {
  xfrm_usersa_id body{};
  body.daddr = to_kernel(sample_address("2001:db8::2"));
  body.spi = htonl(0xc0ffee01);
  body.family = AF_INET6;
  body.proto = 50;
  Message message(XFRM_MSG_DELSA, body);
  message.put(XFRMA_SA, info_of_sample());
  const auto deleted = event_in<SaDeleted>(message);
  EXPECT_EQ(deleted.sa.spi, 0xc0ffee01U);
  EXPECT_EQ(deleted.reqid, 7U);
  body.proto = 51;
  EXPECT_TRUE(is_no_event(Message(XFRM_MSG_DELSA, body)));
}

TEST(DecodeEvent, PolicyDeletedSetAndExpired) {
  Message deleted(XFRM_MSG_DELPOLICY, xfrm_userpolicy_id{});
  deleted.put(XFRMA_POLICY, info_of_policy());
  deleted.put(XFRMA_TMPL, template_of_policy());
  EXPECT_EQ(event_in<PolicyDeleted>(deleted).index, 0x45000009U);
  EXPECT_EQ(event_in<PolicyDeleted>(deleted).policy.selector, sample_policy().selector);

  Message set(XFRM_MSG_UPDPOLICY, info_of_policy());
  set.put(XFRMA_TMPL, template_of_policy());
  EXPECT_EQ(event_in<PolicySet>(set).policy.transform->reqid, 7U);

  xfrm_user_polexpire expired{};
  expired.pol = info_of_policy();
  EXPECT_TRUE(is_no_event(Message(XFRM_MSG_POLEXPIRE, expired)));
  expired.hard = 1;
  EXPECT_EQ(event_in<PolicyDeleted>(Message(XFRM_MSG_POLEXPIRE, expired)).index, 0x45000009U);
}

TEST(DecodeEvent, PoliciesOfSocketsAndInterfacesAreNone) {
  auto socket = info_of_policy();
  socket.dir = 3;
  EXPECT_TRUE(is_no_event(Message(XFRM_MSG_NEWPOLICY, socket)));
  Message interface(XFRM_MSG_NEWPOLICY, info_of_policy());
  interface.put(XFRMA_IF_ID, std::uint32_t{5});
  EXPECT_TRUE(is_no_event(interface));
  Message two(XFRM_MSG_NEWPOLICY, info_of_policy());
  two.put(XFRMA_TMPL, std::array{template_of_policy(), template_of_policy()});
  EXPECT_TRUE(is_no_event(two));
}

TEST(DecodeEvent, Flushes) {
  xfrm_usersa_flush body{};
  EXPECT_NO_FATAL_FAILURE(event_in<SasFlushed>(Message(XFRM_MSG_FLUSHSA, body)));
  body.proto = 51;
  EXPECT_TRUE(is_no_event(Message(XFRM_MSG_FLUSHSA, body)));
  const auto event = decode_event(raw(Message(XFRM_MSG_FLUSHPOLICY, ByteView{}, 0)));
  ASSERT_TRUE(event && *event);
  EXPECT_TRUE(std::holds_alternative<PoliciesFlushed>(**event));
}

TEST(DecodeEvent, CutOnesAreErrors) {
  for (const int type : {XFRM_MSG_ACQUIRE, XFRM_MSG_EXPIRE, XFRM_MSG_MAPPING, XFRM_MSG_DELSA,
                         XFRM_MSG_DELPOLICY, XFRM_MSG_POLEXPIRE, XFRM_MSG_NEWPOLICY}) {
    const auto event = decode_event(raw(Message(type, std::uint32_t{0})));
    ASSERT_FALSE(event) << type;
    EXPECT_EQ(event.error().code, Code::kTruncated);
  }
}

Message answer_message(int error, int flags, std::string_view text) {
  nlmsgerr body{};
  body.error = error;
  body.msg.nlmsg_len = sizeof(nlmsghdr);
  Message message(NLMSG_ERROR, body);
  message.put(NLMSGERR_ATTR_MSG, as_bytes(text));
  message.header().nlmsg_flags = static_cast<std::uint16_t>(flags);
  return message;
}

TEST(DecodeAnswer, WordsOfTheKernel) {
  using namespace std::literals;
  const auto refused = decode_answer(raw(answer_message(-ENOSYS, NLM_F_CAPPED | NLM_F_ACK_TLVS,
                                                        "Requested AEAD algorithm not found\0"sv)));
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->error, ENOSYS);
  EXPECT_EQ(refused->text, "Requested AEAD algorithm not found");
  // Without the flag, what follows is no text.
  EXPECT_EQ(decode_answer(raw(answer_message(-EINVAL, 0, "x")))->text, "");
  // What is not printable is not printed.
  EXPECT_EQ(decode_answer(raw(answer_message(-EINVAL, NLM_F_ACK_TLVS, "a\x1b[1m")))->text, "a?[1m");
  EXPECT_EQ(decode_answer(raw(answer_message(0, 0, "")))->error, 0);
  EXPECT_EQ(decode_answer(raw(answer_message(12345, 0, "")))->error, EIO);
}

TEST(TakeMessage, StopsAtTheEndAndAtNonsense) {
  const Message one(XFRM_MSG_EXPIRE, std::uint32_t{1});
  const Message two(XFRM_MSG_ACQUIRE, std::uint32_t{2});
  Bytes bytes = to_bytes(one.bytes());
  append(bytes, two.bytes());
  ByteView view = bytes;
  EXPECT_EQ(take_message(view)->header.nlmsg_type, XFRM_MSG_EXPIRE);
  EXPECT_EQ(take_message(view)->header.nlmsg_type, XFRM_MSG_ACQUIRE);
  EXPECT_FALSE(take_message(view));
  for (const std::uint8_t length : {std::uint8_t{0}, std::uint8_t{15}, std::uint8_t{200}}) {
    bytes[0] = length;
    view = bytes;
    EXPECT_FALSE(take_message(view));
  }
}

}  // namespace
}  // namespace espalier::dataplane::xfrm
