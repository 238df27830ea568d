// What a peer that tests us, or errs, would send on an IKE SA that stands (RFC 7296 sections 2 and
// 3, RFC 7383): forged messages into an engine, and what it answers.
#include "ike/testing/expectations.h"
#include "ike/wire/decode.h"
#include "ike/wire/notify_data.h"

namespace espalier::ike::testing {
namespace {

using namespace std::chrono_literals;
using wire::ExchangeType;
using wire::NotifyType;

wire::Notify notify(NotifyType type) {
  wire::Notify payload;
  payload.type = type;
  return payload;
}

// The pair of a forged request and what came back. After establish() the next request of a is 2.
class Conformance : public ::testing::Test {
 protected:
  void SetUp() override {
    pair.establish();
    pair.clear_transcript();
  }
  // What b sends when `data` comes from a.
  std::vector<Bytes> answers(Bytes data) {
    const std::size_t before = pair.sent().size();
    pair.inject(pair.a, pair.b, std::move(data));
    std::vector<Bytes> result;
    for (std::size_t i = before + 1; i < pair.sent().size(); ++i) {
      if (pair.sent()[i].local.address == pair.b.address()) result.push_back(pair.sent()[i].data);
    }
    return result;
  }
  std::vector<wire::Payload> content(const Bytes& datagram) { return content_by(pair.b, datagram); }
  static std::vector<wire::Payload> content_by(Node& sender, const Bytes& datagram) {
    const auto message = wire::decode_clear(datagram);
    if (!message || !message->encrypted) return {};
    const auto& part = *message->encrypted;
    const Bytes padded =
        sender.provider().plaintext_of(ByteView(datagram).subspan(part.offset, part.length));
    const auto inner = wire::strip_padding(padded);
    if (!inner) return {};
    return wire::decode_payloads(part.first, *inner, "answer")
        .value_or(std::vector<wire::Payload>{});
  }
  // The notify of the one answer.
  wire::Notify answer_to(Bytes data) {
    const auto all = answers(std::move(data));
    EXPECT_EQ(all.size(), 1U);
    if (all.size() != 1) return {};
    const auto payloads = content(all.front());
    const auto* found = wire::find<wire::Notify>(payloads);
    return found != nullptr ? *found : wire::Notify{};
  }
  [[nodiscard]] std::size_t live(const Node& node) const { return node.child_sas().size(); }

  // A request for a Child as a would make it, to be spoiled.
  std::vector<wire::Payload> child_request() {
    std::vector<wire::Payload> payloads;
    const auto good = pair.a.connection_to(pair.b);
    payloads.emplace_back(wire::Nonce{Bytes(32, 7)});
    wire::Tsi tsi;
    tsi.selectors = good.children[0].local;
    wire::Tsr tsr;
    tsr.selectors = good.children[0].remote;
    payloads.emplace_back(tsi);
    payloads.emplace_back(tsr);
    return payloads;
  }

  Pair pair;
};

constexpr auto kInformational = ExchangeType::kInformational;
constexpr auto kCreateChildSa = ExchangeType::kCreateChildSa;

// ------------------------------------------------------------------- message ids, retransmission

TEST_F(Conformance, ARepeatedRequestGetsTheSameOctets) {
  const Bytes request = pair.a.forge(kInformational, false, 2, {});
  const auto first = answers(request);
  const auto again = answers(request);
  ASSERT_EQ(first.size(), 1U);
  EXPECT_EQ(first, again);
}

TEST_F(Conformance, OnlyTheNextMessageIdIsAnswered) {
  EXPECT_TRUE(answers(pair.a.forge(kInformational, false, 0, {})).empty());
  EXPECT_TRUE(answers(pair.a.forge(kInformational, false, 3, {})).empty());
  EXPECT_TRUE(answers(pair.a.forge(kInformational, false, 0xffffffff, {})).empty());
  EXPECT_EQ(answers(pair.a.forge(kInformational, false, 2, {})).size(), 1U);
  EXPECT_EQ(answers(pair.a.forge(kInformational, false, 3, {})).size(), 1U);
}

TEST_F(Conformance, WhatIsNotAuthenticGetsNoAnswer) {
  Bytes request = pair.a.forge(kInformational, false, 2, {});
  request.back() ^= 1;
  EXPECT_TRUE(answers(request).empty());
  EXPECT_EQ(answers(pair.a.forge(kInformational, false, 2, {})).size(), 1U);
}

// Section 2.11: the answer goes where the request came from.
TEST_F(Conformance, TheAnswerGoesToThePortThatAsked) {
  Datagram odd{{pair.b.address(), 500},
               {pair.a.address(), 31000},
               false,
               pair.a.forge(kInformational, false, 2, {})};
  pair.b.engine().on_datagram(pair.now(), odd);
  const auto sent = pair.b.engine().next_output();
  ASSERT_TRUE(sent && std::holds_alternative<Send>(*sent));
  EXPECT_EQ(std::get<Send>(*sent).remote.port, 31000);
  // It moves nothing else: without a NAT the peer stays where it was.
  EXPECT_EQ(pair.b.ike_sas().front().remote.port, 500);
}

// --------------------------------------------------------------------------------------- payloads

TEST_F(Conformance, AnUnknownCriticalPayloadIsNamedAndHarmsNothing) {
  const Bytes unknown{0, 0x80, 0, 4};
  const auto told =
      answer_to(pair.a.forge_raw(kInformational, false, 2, wire::PayloadType{200}, unknown));
  EXPECT_EQ(told.type, NotifyType::kUnsupportedCriticalPayload);
  EXPECT_EQ(told.data, Bytes{200});
  const Bytes skipped{0, 0, 0, 4};
  const auto silent =
      answers(pair.a.forge_raw(kInformational, false, 3, wire::PayloadType{200}, skipped));
  ASSERT_EQ(silent.size(), 1U);
  EXPECT_TRUE(content(silent.front()).empty());
  EXPECT_EQ(live(pair.b), 1U);
}

// Section 2.21.3: INVALID_SYNTAX ends the IKE SA at both ends without a Delete.
TEST_F(Conformance, AMalformedRequestIsAnsweredOnceMoreAndEndsTheIkeSa) {
  const Bytes request = pair.a.forge(kCreateChildSa, false, 2, {wire::Nonce{Bytes(32, 1)}});
  const auto first = answers(request);
  ASSERT_EQ(first.size(), 1U);
  ASSERT_EQ(content(first.front()).size(), 1U);
  EXPECT_EQ(std::get<wire::Notify>(content(first.front()).front()).type,
            NotifyType::kInvalidSyntax);
  EXPECT_EQ(pair.b.kernel_inbound() + pair.b.kernel_outbound(), 0U);
  EXPECT_EQ(answers(request), first);
  pair.run_for(20s);
  EXPECT_TRUE(pair.b.ike_sas().empty());
}

TEST_F(Conformance, OurRequestCalledMalformedEndsTheIkeSa) {
  pair.allow = [](const std::string& line) { return !line.starts_with("b -> a  CREATE_CHILD_SA"); };
  pair.a.command(RekeyChild{current_child(pair.a)});
  pair.run();
  pair.allow = {};
  pair.inject(pair.b, pair.a,
              pair.b.forge(kCreateChildSa, true, 2, {notify(NotifyType::kInvalidSyntax)}));
  EXPECT_TRUE(pair.a.ike_sas().empty());
  EXPECT_EQ(pair.a.kernel_inbound() + pair.a.kernel_outbound(), 0U);
  EXPECT_EQ(pair.a.last_failure(), "remote InvalidMessage");
}

// A response that does not fit: the peer's Child is taken back, the IKE SA stays.
TEST_F(Conformance, AChildThatThePeerMadeOfSomethingElseIsDeletedThere) {
  pair.allow = [](const std::string& line) { return !line.starts_with("b -> a  CREATE_CHILD_SA"); };
  pair.a.command(RekeyChild{current_child(pair.a)});
  pair.run();
  pair.allow = {};
  EXPECT_EQ(live(pair.b), 2U);
  const auto response = content(pair.sent().back().data);
  std::vector<wire::Payload> spoiled;
  for (const auto& payload : response) {
    if (const auto* tsr = std::get_if<wire::Tsr>(&payload)) {
      wire::Tsr other = *tsr;
      other.selectors = {wire::TrafficSelector::from_prefix(*Prefix::parse("10.77.0.0/16"))};
      spoiled.emplace_back(other);
    } else {
      spoiled.push_back(payload);
    }
  }
  pair.inject(pair.b, pair.a, pair.b.forge(kCreateChildSa, true, 2, spoiled));
  EXPECT_EQ(pair.a.last_failure(), "local SelectorsUnacceptable");
  EXPECT_EQ(pair.count("a -> b  INFORMATIONAL request 3: HDR, SK {D(ESP)}"), 1U);
  pair.run_for(10s);
  EXPECT_EQ(live(pair.b), 1U);
  EXPECT_EQ(pair.a.ike_sas().size(), 1U);
}

// ----------------------------------------------------------------------- Deletes, rekeys, Childs

TEST_F(Conformance, ADeleteOfWhatIsNotThereIsAnsweredEmpty) {
  wire::Delete esp;
  esp.protocol = wire::ProtocolId::kEsp;
  esp.spis = {0x12345678};
  const auto first = answers(pair.a.forge(kInformational, false, 2, {esp}));
  ASSERT_EQ(first.size(), 1U);
  EXPECT_TRUE(content(first.front()).empty());
  EXPECT_EQ(live(pair.b), 1U);
}

std::vector<wire::Payload> with_offer(std::vector<wire::Payload> payloads, const char* suite,
                                      std::uint32_t spi) {
  wire::Sa sa;
  wire::Proposal proposal;
  proposal.number = 1;
  proposal.protocol = wire::ProtocolId::kEsp;
  proposal.spi = wire::spi_bytes(spi);
  const bool gcm = std::string_view(suite) == "gcm";
  wire::Transform cipher;
  cipher.type = wire::TransformType::kEncryption;
  cipher.id = gcm ? 20 : 3;  // AES-GCM-16, 3DES
  if (gcm) cipher.key_length = 256;
  wire::Transform esn;
  esn.type = wire::TransformType::kSequenceNumbers;
  esn.id = 0;
  proposal.transforms = {cipher, esn};
  sa.proposals = {proposal};
  payloads.insert(payloads.begin(), sa);
  return payloads;
}

TEST_F(Conformance, ARekeyOfAChildThatIsNotThereNamesItsSpi) {
  auto payloads = with_offer(child_request(), "gcm", 0x5000);
  payloads.insert(payloads.begin(), wire::make_rekey_sa(0x99887766));
  const auto told = answer_to(pair.a.forge(kCreateChildSa, false, 2, payloads));
  EXPECT_EQ(told.type, NotifyType::kChildSaNotFound);
  EXPECT_EQ(told.protocol, wire::ProtocolId::kEsp);
  EXPECT_EQ(told.spi, (Bytes{0x99, 0x88, 0x77, 0x66}));
}

TEST_F(Conformance, AnUnfitProposalOrSelectorRefusesTheChildAlone) {
  Connection plain = pair.b.connection_to(pair.a);
  plain.children[0].pfs = false;
  pair.b.set(1, plain);
  EXPECT_EQ(
      answer_to(pair.a.forge(kCreateChildSa, false, 2, with_offer(child_request(), "3des", 0x5000)))
          .type,
      NotifyType::kNoProposalChosen);
  auto elsewhere = with_offer(child_request(), "gcm", 0x5000);
  std::get<wire::Tsr>(elsewhere.back()).selectors = {
      wire::TrafficSelector::from_prefix(*Prefix::parse("10.77.0.0/16"))};
  EXPECT_EQ(answer_to(pair.a.forge(kCreateChildSa, false, 3, elsewhere)).type,
            NotifyType::kTsUnacceptable);
  // An SPI of the reserved range (RFC 4303 section 2.1).
  EXPECT_EQ(
      answer_to(pair.a.forge(kCreateChildSa, false, 4, with_offer(child_request(), "gcm", 255)))
          .type,
      NotifyType::kNoProposalChosen);
  EXPECT_EQ(pair.b.ike_sas().size(), 1U);
  EXPECT_EQ(live(pair.b), 1U);
  EXPECT_EQ(answers(pair.a.forge(kCreateChildSa, false, 5, with_offer(child_request(), "gcm", 256)))
                .size(),
            1U);
  EXPECT_EQ(live(pair.b), 2U);  // the same, all right
}

// Section 1.3: an end may say that these are enough.
TEST_F(Conformance, ChildrenOfOneIkeSaAreBounded) {
  Connection plain = pair.b.connection_to(pair.a);
  plain.children[0].pfs = false;
  pair.b.set(1, plain);
  std::uint32_t id = 2;
  NotifyType told{};
  while (told != NotifyType::kNoAdditionalSas && id < 100) {
    told = answer_to(pair.a.forge(kCreateChildSa, false, id,
                                  with_offer(child_request(), "gcm", 0x5000 + id)))
               .type;
    ++id;
  }
  EXPECT_EQ(told, NotifyType::kNoAdditionalSas);
  EXPECT_EQ(live(pair.b), 20U);
  EXPECT_EQ(pair.b.kernel_inbound(), 20U);
  EXPECT_EQ(pair.b.ike_sas().front().state, IkeSaState::kEstablished);
}

TEST_F(Conformance, AChildWithoutSelectorsIsMalformed) {
  auto payloads = with_offer({wire::Nonce{Bytes(32, 7)}}, "gcm", 0x5000);
  EXPECT_EQ(answer_to(pair.a.forge(kCreateChildSa, false, 2, payloads)).type,
            NotifyType::kInvalidSyntax);
  EXPECT_EQ(pair.b.kernel_inbound(), 0U);
}

// RFC 6989: a public value that is none.
TEST_F(Conformance, AWeakPublicValueMakesNoKeys) {
  pair.a.command(RekeyIkeSa{ike_sa(pair.a)});  // for a well-formed offer
  pair.run();
  const auto offered = content_by(pair.a, pair.sent()[4].data);
  std::vector<wire::Payload> payloads;
  for (const auto& payload : offered) {
    if (const auto* ke = std::get_if<wire::Ke>(&payload)) {
      payloads.emplace_back(wire::Ke{ke->group, Bytes(ke->data.size(), 0)});
    } else {
      payloads.push_back(payload);
    }
  }
  ASSERT_EQ(payloads.size(), 3U);
  pair.a.command(ProbePeer{1});
  pair.run();
  const auto told = answer_to(pair.a.forge(kCreateChildSa, false, 1, payloads));
  EXPECT_EQ(told.type, NotifyType::kInvalidSyntax);
}

// -------------------------------------------------------------------------------------- fragments

TEST_F(Conformance, FragmentsMayComeInAnyOrderAndTwice) {
  const Bytes none;
  const auto piece = [&](std::uint16_t number, std::uint16_t total) {
    return pair.a.forge_fragment(kInformational, false, 2, number, total, wire::PayloadType::kNone,
                                 none);
  };
  const Bytes first = piece(1, 3), second = piece(2, 3), third = piece(3, 3);
  EXPECT_TRUE(answers(third).empty());
  EXPECT_TRUE(answers(piece(4, 3)).empty());    // beyond the total
  EXPECT_TRUE(answers(piece(0, 3)).empty());    // counted from 1
  EXPECT_TRUE(answers(piece(1, 2)).empty());    // of fewer: cut before the others
  EXPECT_TRUE(answers(piece(1, 900)).empty());  // of more than anybody needs
  EXPECT_TRUE(answers(first).empty());
  EXPECT_TRUE(answers(first).empty());
  const auto whole = answers(second);
  ASSERT_EQ(whole.size(), 1U);
  EXPECT_TRUE(answers(second).empty());
  EXPECT_EQ(answers(first), whole);  // the first one stands for the request (section 2.6.1)
}

// A sender that heard nothing cuts smaller (section 2.5.2): the same request in other octets.
TEST_F(Conformance, ARequestCutAnewGetsTheSameAnswer) {
  const auto whole = answers(pair.a.forge(kInformational, false, 2, {}));
  const Bytes none;
  const Bytes cut =
      pair.a.forge_fragment(kInformational, false, 2, 1, 2, wire::PayloadType::kNone, none);
  EXPECT_EQ(answers(cut), whole);
  Bytes forged = cut;
  forged.back() ^= 1;
  EXPECT_TRUE(answers(forged).empty());
}

}  // namespace
}  // namespace espalier::ike::testing
