// What a peer that tests us, or errs, would send in the initial exchanges (RFC 7296 sections 1.2, 2
// and 3), and what it is answered.
#include "ike/testing/expectations.h"
#include "ike/wire/decode.h"
#include "ike/wire/encode.h"

namespace espalier::ike::testing {
namespace {

using namespace std::chrono_literals;
using wire::ExchangeType;
using wire::NotifyType;

// ---------------------------------------------------------------------------------- IKE_SA_INIT

// The IKE_SA_INIT request of a new handshake, spoiled by `change`, and the one answer in clear.
std::optional<wire::Message> init_answer(const std::function<void(wire::Message&)>& change,
                                         const std::function<void(Bytes&)>& spoil = {}) {
  Pair pair;
  pair.allow = [](const std::string&) { return false; };
  pair.a.initiate(1);
  wire::Message request = *wire::decode_clear(pair.sent().front().data);
  pair.allow = {};
  if (change) change(request);
  Bytes data = *wire::encode_clear(request);
  if (spoil) spoil(data);
  const std::size_t before = pair.sent().size();
  pair.inject(pair.a, pair.b, std::move(data));
  if (pair.sent().size() < before + 2) return std::nullopt;
  auto answer = wire::decode_clear(pair.sent()[before + 1].data);
  if (!answer) return std::nullopt;
  return std::move(*answer);
}

const wire::Notify* only_notify(const std::optional<wire::Message>& message) {
  if (!message || message->payloads.size() != 1) return nullptr;
  return std::get_if<wire::Notify>(&message->payloads.front());
}

TEST(InitConformance, AHigherMajorVersionIsToldOurs) {
  const auto answer = init_answer({}, [](Bytes& data) { data[17] = 0x30; });
  ASSERT_NE(only_notify(answer), nullptr);
  EXPECT_EQ(only_notify(answer)->type, NotifyType::kInvalidMajorVersion);
  EXPECT_TRUE(answer->header.response);
  // A higher minor version is none of our business (section 2.5).
  const auto minor = init_answer({}, [](Bytes& data) { data[17] = 0x2f; });
  ASSERT_TRUE(minor);
  EXPECT_NE(minor->find<wire::Sa>(), nullptr);
}

TEST(InitConformance, AnUnknownCriticalPayloadIsNamed) {
  const auto answer = init_answer({}, [](Bytes& data) {
    data[28] = 201;  // what the first payload says comes next
    data.insert(data.end(), 0);
    data.pop_back();
    const std::size_t length = data[30] * 256U + data[31];
    data[28 + length + 1] = 0x80;  // and that one's critical bit
  });
  ASSERT_NE(only_notify(answer), nullptr);
  EXPECT_EQ(only_notify(answer)->type, NotifyType::kUnsupportedCriticalPayload);
  EXPECT_EQ(only_notify(answer)->data, Bytes{201});
}

TEST(InitConformance, NoncesAreSixteenTo256Octets) {
  for (const auto& [size, good] :
       std::vector<std::pair<std::size_t, bool>>{{15, false}, {16, true}, {256, true}}) {
    SCOPED_TRACE(size);
    const auto answer = init_answer({}, [size = size](Bytes& data) {
      // The Nonce is payload 3; its place is found by walking.
      std::size_t at = 28;
      for (int i = 0; i < 2; ++i) at += data[at + 2] * 256U + data[at + 3];
      const std::size_t old = data[at + 2] * 256U + data[at + 3];
      data[at + 2] = static_cast<std::uint8_t>((size + 4) / 256);
      data[at + 3] = static_cast<std::uint8_t>((size + 4) % 256);
      const auto body = data.begin() + static_cast<std::ptrdiff_t>(at + 4);
      data.erase(body, body + static_cast<std::ptrdiff_t>(old - 4));
      data.insert(data.begin() + static_cast<std::ptrdiff_t>(at + 4), size, 9);
      const std::size_t whole = data.size();
      data[26] = static_cast<std::uint8_t>(whole / 256);
      data[27] = static_cast<std::uint8_t>(whole % 256);
    });
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->find<wire::Sa>() != nullptr, good);
    const auto* refusal = only_notify(answer);
    EXPECT_EQ(refusal != nullptr && refusal->type == NotifyType::kInvalidSyntax, !good);
  }
}

TEST(InitConformance, AMissingPayloadIsMalformed) {
  const auto answer = init_answer([](wire::Message& request) {
    std::erase_if(request.payloads,
                  [](const auto& one) { return wire::type_of(one) == wire::PayloadType::kNonce; });
  });
  ASSERT_NE(only_notify(answer), nullptr);
  EXPECT_EQ(only_notify(answer)->type, NotifyType::kInvalidSyntax);
}

TEST(InitConformance, AnotherGroupIsAskedForByNumber) {
  const auto answer = init_answer([](wire::Message& request) {
    for (auto& payload : request.payloads) {
      if (auto* ke = std::get_if<wire::Ke>(&payload)) {
        ke->group = 14;
        ke->data.assign(256, 5);
      }
    }
  });
  ASSERT_NE(only_notify(answer), nullptr);
  EXPECT_EQ(only_notify(answer)->type, NotifyType::kInvalidKePayload);
  EXPECT_EQ(only_notify(answer)->data, (Bytes{0, 31}));
}

// ------------------------------------------------------------------------------------- IKE_AUTH

TEST(AuthConformance, AMalformedRequestIsAnsweredAndAnsweredAgain) {
  Pair pair;
  pair.allow = [](const std::string& line) { return !line.starts_with("a -> b  IKE_AUTH"); };
  pair.establish();
  pair.allow = {};
  const Bytes request = pair.a.forge(ExchangeType::kIkeAuth, false, 1, {});
  pair.inject(pair.a, pair.b, request);
  EXPECT_EQ(pair.count("b -> a  IKE_AUTH response 1: HDR, SK {N(INVALID_SYNTAX)}"), 1U);
  const Bytes first = pair.sent().back().data;
  pair.inject(pair.a, pair.b, request);
  EXPECT_EQ(pair.count("b -> a  IKE_AUTH response 1: HDR, SK {N(INVALID_SYNTAX)}"), 2U);
  EXPECT_EQ(pair.sent().back().data, first);
  pair.cut = true;
  pair.run_for(60s);
  EXPECT_TRUE(pair.b.ike_sas().empty());
}

TEST(AuthConformance, SelectorsThatDoNotFitKeepTheIkeSa) {
  Pair pair;
  Connection connection = pair.a.connection_to(pair.b);
  connection.children[0].remote = {
      wire::TrafficSelector::from_prefix(*Prefix::parse("10.9.0.0/16"))};
  pair.a.set(1, connection);
  pair.allow = [](const std::string& line) { return !line.ends_with("{D(IKE)}"); };
  pair.establish();
  EXPECT_EQ(
      pair.count("b -> a  IKE_AUTH response 1: HDR, SK {IDr, CERT, AUTH, N(TS_UNACCEPTABLE)}"), 1U);
  ASSERT_EQ(pair.b.ike_sas().size(), 1U);
  EXPECT_EQ(pair.b.ike_sas().front().state, IkeSaState::kEstablished);
}

}  // namespace
}  // namespace espalier::ike::testing
