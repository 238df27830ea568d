#include "ike/sa/proposal_choice.h"

#include <gtest/gtest.h>

#include "ike/wire/decode.h"
#include "ike/wire/encode.h"

namespace espalier::ike {
namespace {

using crypto::DhId;
using wire::Transform;
using wire::TransformType;

std::vector<crypto::IkeProposal> ike(std::initializer_list<const char*> keywords) {
  std::vector<crypto::IkeProposal> proposals;
  for (const char* one : keywords) proposals.push_back(crypto::parse_ike_proposal(one).value());
  return proposals;
}

std::vector<crypto::EspProposal> esp(std::initializer_list<const char*> keywords) {
  std::vector<crypto::EspProposal> proposals;
  for (const char* one : keywords) proposals.push_back(crypto::parse_esp_proposal(one).value());
  return proposals;
}

std::string text(const std::optional<IkeChoice>& choice) {
  return choice ? std::to_string(choice->number) + ": " + crypto::to_string(choice->suite)
                : "nothing";
}

std::string text(const std::optional<EspChoice>& choice) {
  if (!choice) return "nothing";
  std::string all = std::to_string(choice->number) + ": " + crypto::to_string(choice->suite);
  if (choice->group != DhId::kNone) all += "-" + crypto::to_string(choice->group);
  return all + (choice->esn ? "-esn" : "");
}

constexpr std::uint16_t kX25519 = 31, kP256 = 19, kP384 = 20;
constexpr std::uint32_t kSpi = 0xc0ffee01;

TEST(IkeProposals, TheResponderChooses) {
  const struct {
    std::string_view what;
    std::vector<crypto::IkeProposal> theirs, ours;
    std::uint16_t guessed;
    std::string_view chosen;
  } kCases[] = {
      {"the same", ike({"aes256gcm16-prfsha384-curve25519"}),
       ike({"aes256gcm16-prfsha384-curve25519"}), kX25519, "1: aes256gcm16-prfsha384-curve25519"},
      {"our order of proposals, not theirs",
       ike({"aes128gcm16-prfsha256-ecp256", "aes256gcm16-prfsha384-ecp384"}),
       ike({"aes256gcm16-prfsha384-ecp384", "aes128gcm16-prfsha256-ecp256"}), kP384,
       "2: aes256gcm16-prfsha384-ecp384"},
      {"our order of ciphers, over all of their proposals",
       ike({"aes128gcm16-prfsha256-ecp256", "aes256gcm16-prfsha256-ecp256"}),
       ike({"aes256gcm16-aes128gcm16-prfsha256-ecp256"}), kP256, "2: aes256gcm16-prfsha256-ecp256"},
      {"the guessed group, when it is ours too", ike({"aes256gcm16-prfsha384-curve25519-ecp256"}),
       ike({"aes256gcm16-prfsha384-curve25519-ecp256"}), kP256, "1: aes256gcm16-prfsha384-ecp256"},
      {"the guessed group in another proposal of theirs",
       ike({"aes256gcm16-prfsha384-ecp384", "aes256gcm16-prfsha384-ecp256"}),
       ike({"aes256gcm16-prfsha384-ecp384-ecp256"}), kP256, "2: aes256gcm16-prfsha384-ecp256"},
      {"a guess does not buy a proposal that we like less",
       ike({"aes256gcm16-prfsha384-ecp384", "aes128gcm16-prfsha256-curve25519"}),
       ike({"aes256gcm16-prfsha384-ecp384", "aes128gcm16-prfsha256-curve25519"}), kX25519,
       "1: aes256gcm16-prfsha384-ecp384"},
      {"a guess that is not ours", ike({"aes256gcm16-prfsha384-modp2048-ecp384"}),
       ike({"aes256gcm16-prfsha384-curve25519-ecp384"}), 14, "1: aes256gcm16-prfsha384-ecp384"},
      {"the key length is exact", ike({"aes256-sha256-ecp256"}), ike({"aes128-sha256-ecp256"}),
       kP256, "nothing"},
      {"no group in common", ike({"aes256gcm16-prfsha384-ecp256"}),
       ike({"aes256gcm16-prfsha384-ecp384"}), kP256, "nothing"},
      {"transforms of two proposals do not mix",
       ike({"aes256gcm16-prfsha384-ecp256", "aes128gcm16-prfsha256-ecp384"}),
       ike({"aes256gcm16-prfsha384-ecp384"}), kP256, "nothing"},
      {"a cipher with its integrity", ike({"aes256-aes128-sha384-sha256-prfsha256-modp2048"}),
       ike({"aes128-sha256-modp2048"}), 14, "1: aes128-sha256-prfsha256-modp2048"},
      {"ChaCha20 has no key length", ike({"chacha20poly1305-prfsha256-curve25519"}),
       ike({"aes256gcm16-chacha20poly1305-prfsha256-curve25519"}), kX25519,
       "1: chacha20poly1305-prfsha256-curve25519"},
  };
  for (const auto& c : kCases) {
    const auto choice = choose_ike(ike_offer(c.theirs, {}), c.ours, c.guessed);
    EXPECT_EQ(text(choice), c.chosen) << c.what;
  }
}

// What each side makes the other takes, over the wire.
TEST(IkeProposals, OfferChoiceAnswerCheck) {
  const auto initiator = crypto::default_ike_proposals(false);
  const auto responder = crypto::default_ike_proposals(true);
  const Bytes spi_i = {1, 2, 3, 4, 5, 6, 7, 8}, spi_r = {8, 7, 6, 5, 4, 3, 2, 1};
  const auto sent = wire::encode_payloads({ike_offer(initiator, spi_i)}).value();
  const auto came = wire::decode_payloads(sent.first, sent.bytes, "CREATE_CHILD_SA");
  ASSERT_TRUE(came);
  const auto choice = choose_ike(*wire::find<wire::Sa>(*came), responder, kP384);
  ASSERT_TRUE(choice);
  EXPECT_EQ(choice->spi, spi_i);
  EXPECT_EQ(choice->suite.dh, DhId::kEcp384);
  const auto checked = check_ike(ike_answer(choice->number, choice->suite, spi_r), initiator);
  ASSERT_TRUE(checked);
  EXPECT_EQ(checked->suite, choice->suite);
  EXPECT_EQ(checked->spi, spi_r);
}

wire::Sa answer_of(const char* keywords, std::uint8_t number = 1) {
  const auto proposal = crypto::parse_ike_proposal(keywords).value();
  return ike_answer(
      number,
      {proposal.encr[0], proposal.prf[0],
       proposal.integ.empty() ? crypto::IntegId::kNone : proposal.integ[0], proposal.dh[0]},
      {});
}

TEST(IkeProposals, TheInitiatorTakesOnlyWhatItOffered) {
  const auto ours = ike({"aes256gcm16-prfsha384-ecp384-ecp256", "aes128gcm16-prfsha256-ecp256"});
  EXPECT_TRUE(check_ike(answer_of("aes256gcm16-prfsha384-ecp256"), ours));
  EXPECT_TRUE(check_ike(answer_of("aes128gcm16-prfsha256-ecp256", 2), ours));
  // Section 3.3.1: the number is that of the proposal that was accepted.
  EXPECT_FALSE(check_ike(answer_of("aes128gcm16-prfsha256-ecp256", 1), ours));
  EXPECT_FALSE(check_ike(answer_of("aes256gcm16-prfsha384-ecp256", 0), ours));
  EXPECT_FALSE(check_ike(answer_of("aes256gcm16-prfsha384-ecp256", 3), ours));
  EXPECT_FALSE(check_ike(answer_of("aes256gcm16-prfsha384-curve25519"), ours));
  EXPECT_FALSE(check_ike(answer_of("aes256gcm16-prfsha256-ecp256"), ours));
  EXPECT_FALSE(check_ike(answer_of("aes192gcm16-prfsha384-ecp256"), ours));

  const wire::Sa good = answer_of("aes256gcm16-prfsha384-ecp256");
  const auto changed = [&good](auto change) {
    wire::Sa sa = good;
    change(sa);
    return sa;
  };
  EXPECT_FALSE(
      check_ike(changed([](wire::Sa& sa) { sa.proposals.push_back(sa.proposals[0]); }), ours));
  EXPECT_FALSE(check_ike(changed([](wire::Sa& sa) { sa.proposals.clear(); }), ours));
  EXPECT_FALSE(check_ike(changed([](wire::Sa& sa) {
                           auto& list = sa.proposals[0].transforms;
                           list.push_back(list.back());
                         }),
                         ours));
  for (std::size_t i = 0; i < good.proposals[0].transforms.size(); ++i) {
    EXPECT_FALSE(check_ike(changed([i](wire::Sa& sa) {
                             auto& list = sa.proposals[0].transforms;
                             list.erase(list.begin() + static_cast<std::ptrdiff_t>(i));
                           }),
                           ours))
        << i;
  }
}

// Each way in which one transform or proposal can be something else (strongSwan's conftest and
// libreswan's impairments send all of these).
TEST(IkeProposals, WhatIsNotUnderstoodIsNotChosen) {
  const auto ours = ike({"aes256gcm16-prfsha384-ecp384"});
  const wire::Sa good = ike_offer(ours, {});
  const auto chosen = [&](auto change) {
    wire::Sa sa = good;
    change(sa.proposals[0]);
    return choose_ike(sa, ours, kP384).has_value();
  };
  const auto cipher = [](wire::Proposal& p) -> Transform& { return p.transforms[0]; };
  EXPECT_TRUE(chosen([](wire::Proposal&) {}));
  EXPECT_FALSE(chosen([&](wire::Proposal& p) { cipher(p).key_length.reset(); }));
  EXPECT_FALSE(chosen([&](wire::Proposal& p) { cipher(p).key_length = 0; }));
  EXPECT_FALSE(chosen([&](wire::Proposal& p) { cipher(p).key_length = 255; }));
  EXPECT_FALSE(chosen([&](wire::Proposal& p) {
    cipher(p).other_attributes.push_back({wire::kAttributeKeyLength, true, {1, 0}});
  }));
  EXPECT_FALSE(chosen([](wire::Proposal& p) { p.transforms[1].key_length = 256; }));
  EXPECT_FALSE(chosen([](wire::Proposal& p) { p.protocol = wire::ProtocolId::kEsp; }));
  EXPECT_FALSE(chosen([](wire::Proposal& p) { p.protocol = wire::ProtocolId::kNone; }));
  EXPECT_FALSE(chosen([](wire::Proposal& p) { p.spi = {1, 2, 3, 4}; }));
  EXPECT_FALSE(chosen([](wire::Proposal& p) { p.transforms.clear(); }));
  // A type nobody knows, and one we do not do (RFC 9370): the proposal asks for more than we can.
  for (const int type : {0, 5, 6, 13, 241}) {
    EXPECT_FALSE(chosen([type](wire::Proposal& p) {
      p.transforms.push_back({static_cast<TransformType>(type), 1, {}, {}});
    })) << type;
  }
  // Integrity beside an AEAD: NONE is fine (RFC 5282 section 8), a real one alone is not.
  const auto integrity = [](std::uint16_t id) {
    return Transform{TransformType::kIntegrity, id, {}, {}};
  };
  EXPECT_TRUE(chosen([&](wire::Proposal& p) { p.transforms.push_back(integrity(0)); }));
  EXPECT_FALSE(chosen([&](wire::Proposal& p) { p.transforms.push_back(integrity(12)); }));
  EXPECT_TRUE(chosen([&](wire::Proposal& p) {
    p.transforms.push_back(integrity(12));
    p.transforms.push_back(integrity(0));
  }));
  // An unknown cipher beside a known one is passed over.
  EXPECT_TRUE(chosen([](wire::Proposal& p) {
    p.transforms.insert(p.transforms.begin(), {TransformType::kEncryption, 65535, {}, {}});
  }));
}

TEST(IkeProposals, IntegrityOrGroupNoneIsNotIntegrityOrGroup) {
  const auto cbc = ike({"aes256-sha256-ecp256"});
  wire::Sa sa = ike_offer(cbc, {});
  for (auto& transform : sa.proposals[0].transforms) {
    if (transform.type == TransformType::kIntegrity) transform.id = 0;
  }
  EXPECT_FALSE(choose_ike(sa, cbc, kP256));
  sa = ike_offer(cbc, {});
  for (auto& transform : sa.proposals[0].transforms) {
    if (transform.type == TransformType::kKeyExchange) transform.id = 0;
  }
  EXPECT_FALSE(choose_ike(sa, cbc, 0));
}

TEST(EspProposals, TheResponderChooses) {
  const std::vector<DhId> none;
  const std::vector<DhId> p256_p384 = {DhId::kEcp256, DhId::kEcp384};
  const struct {
    std::string_view what;
    std::vector<crypto::EspProposal> theirs;
    std::vector<DhId> their_groups;
    EsnChoice their_esn;
    std::vector<crypto::EspProposal> ours;
    std::vector<DhId> our_groups;
    EsnChoice our_esn;
    std::optional<std::uint16_t> guessed;
    std::string_view chosen;
  } kCases[] = {
      {"IKE_AUTH",
       esp({"aes256gcm16"}),
       none,
       EsnChoice::kBoth,
       esp({"aes256gcm16"}),
       none,
       EsnChoice::kBoth,
       {},
       "1: aes256gcm16-esn"},
      {"no ESN here",
       esp({"aes256gcm16"}),
       none,
       EsnChoice::kBoth,
       esp({"aes256gcm16"}),
       none,
       EsnChoice::kNever,
       {},
       "1: aes256gcm16"},
      {"no ESN there",
       esp({"aes256gcm16"}),
       none,
       EsnChoice::kNever,
       esp({"aes256gcm16"}),
       none,
       EsnChoice::kBoth,
       {},
       "1: aes256gcm16"},
      {"only ESN there",
       esp({"aes256gcm16"}),
       none,
       EsnChoice::kOnly,
       esp({"aes256gcm16"}),
       none,
       EsnChoice::kNever,
       {},
       "nothing"},
      {"only ESN here",
       esp({"aes256gcm16"}),
       none,
       EsnChoice::kNever,
       esp({"aes256gcm16"}),
       none,
       EsnChoice::kOnly,
       {},
       "nothing"},
      {"our order",
       esp({"aes128gcm16", "aes256-sha256", "aes256gcm16"}),
       none,
       EsnChoice::kBoth,
       esp({"aes256gcm16", "aes128gcm16"}),
       none,
       EsnChoice::kBoth,
       {},
       "3: aes256gcm16-esn"},
      {"a group of its own",
       esp({"aes256gcm16"}),
       p256_p384,
       EsnChoice::kBoth,
       esp({"aes256gcm16"}),
       {DhId::kEcp384, DhId::kEcp256},
       EsnChoice::kBoth,
       {},
       "1: aes256gcm16-ecp384-esn"},
      {"the group that was guessed",
       esp({"aes256gcm16"}),
       p256_p384,
       EsnChoice::kBoth,
       esp({"aes256gcm16"}),
       {DhId::kEcp384, DhId::kEcp256},
       EsnChoice::kBoth,
       kP256,
       "1: aes256gcm16-ecp256-esn"},
      {"a group where we want none",
       esp({"aes256gcm16"}),
       p256_p384,
       EsnChoice::kBoth,
       esp({"aes256gcm16"}),
       none,
       EsnChoice::kBoth,
       {},
       "nothing"},
      {"none where we want a group",
       esp({"aes256gcm16"}),
       none,
       EsnChoice::kBoth,
       esp({"aes256gcm16"}),
       p256_p384,
       EsnChoice::kBoth,
       {},
       "nothing"},
      {"no cipher in common",
       esp({"aes256gcm16"}),
       none,
       EsnChoice::kBoth,
       esp({"aes128gcm16"}),
       none,
       EsnChoice::kBoth,
       {},
       "nothing"},
      {"cipher and integrity",
       esp({"aes256-sha512-sha256"}),
       none,
       EsnChoice::kBoth,
       esp({"aes256-sha256"}),
       none,
       EsnChoice::kBoth,
       {},
       "1: aes256-sha256-esn"},
  };
  for (const auto& c : kCases) {
    const wire::Sa offer = esp_offer(c.theirs, c.their_groups, c.their_esn, kSpi);
    const auto choice = choose_esp(offer, c.ours, c.our_groups, c.our_esn, c.guessed);
    EXPECT_EQ(text(choice), c.chosen) << c.what;
    if (!choice) continue;
    EXPECT_EQ(choice->spi, kSpi);
    const wire::Sa answer =
        esp_answer(choice->number, choice->suite, choice->group, choice->esn, 0x1000);
    const auto checked = check_esp(answer, c.theirs, c.their_groups, c.their_esn);
    ASSERT_TRUE(checked) << c.what;
    EXPECT_EQ(checked->suite, choice->suite);
    EXPECT_EQ(checked->group, choice->group);
    EXPECT_EQ(checked->esn, choice->esn);
    EXPECT_EQ(checked->spi, 0x1000U);
  }
}

TEST(EspProposals, TheFormOfAProposal) {
  const auto ours = esp({"aes256gcm16"});
  const std::vector<DhId> none, p256 = {DhId::kEcp256};
  const auto chosen = [&](const std::vector<DhId>& groups, auto change) {
    wire::Sa sa = esp_offer(ours, groups, EsnChoice::kBoth, kSpi);
    change(sa.proposals[0]);
    return text(choose_esp(sa, ours, groups, EsnChoice::kBoth));
  };
  const auto group_none = [](wire::Proposal& p) {
    p.transforms.push_back({TransformType::kKeyExchange, 0, {}, {}});
  };
  // RFC 7296 section 1.2 lets IKE_AUTH say NONE; strongSwan offers it beside groups.
  EXPECT_EQ(chosen(none, group_none), "1: aes256gcm16-esn");
  EXPECT_EQ(chosen(p256, group_none), "1: aes256gcm16-ecp256-esn");
  wire::Sa beside = esp_offer(ours, p256, EsnChoice::kBoth, kSpi);
  group_none(beside.proposals[0]);
  EXPECT_EQ(text(choose_esp(beside, ours, none, EsnChoice::kBoth)), "1: aes256gcm16-esn");
  // No ESN transform at all means none.
  EXPECT_EQ(chosen(none,
                   [](wire::Proposal& p) {
                     p.transforms.erase(p.transforms.begin() + 1, p.transforms.end());
                   }),
            "1: aes256gcm16");
  for (const std::uint32_t spi : {0U, 1U, 255U}) {
    EXPECT_EQ(chosen(none, [spi](wire::Proposal& p) { p.spi = wire::spi_bytes(spi); }), "nothing");
  }
  EXPECT_EQ(chosen(none, [](wire::Proposal& p) { p.spi = wire::spi_bytes(256U); }),
            "1: aes256gcm16-esn");
  EXPECT_EQ(chosen(none, [](wire::Proposal& p) { p.spi.clear(); }), "nothing");
  EXPECT_EQ(chosen(none, [](wire::Proposal& p) { p.spi = Bytes(8, 1); }), "nothing");
  EXPECT_EQ(chosen(none, [](wire::Proposal& p) { p.protocol = wire::ProtocolId::kAh; }), "nothing");
  EXPECT_EQ(chosen(none,
                   [](wire::Proposal& p) {
                     p.transforms.push_back({TransformType::kPrf, 5, {}, {}});
                   }),
            "nothing");
}

TEST(EspProposals, TheInitiatorTakesOnlyWhatItOffered) {
  const auto ours = esp({"aes256gcm16", "aes128-sha256"});
  const std::vector<DhId> none, p256 = {DhId::kEcp256};
  const crypto::EspSuite gcm{ours[0].encr[0], crypto::IntegId::kNone};
  const crypto::EspSuite cbc{ours[1].encr[0], crypto::IntegId::kHmacSha2_256_128};
  const auto check = [&](std::uint8_t number, const crypto::EspSuite& suite, DhId group, bool esn,
                         const std::vector<DhId>& groups, EsnChoice choice) {
    return check_esp(esp_answer(number, suite, group, esn, kSpi), ours, groups, choice).has_value();
  };
  EXPECT_TRUE(check(1, gcm, DhId::kNone, true, none, EsnChoice::kBoth));
  EXPECT_TRUE(check(2, cbc, DhId::kNone, false, none, EsnChoice::kBoth));
  EXPECT_TRUE(check(1, gcm, DhId::kEcp256, true, p256, EsnChoice::kBoth));
  EXPECT_FALSE(check(2, gcm, DhId::kNone, true, none, EsnChoice::kBoth));
  EXPECT_FALSE(check(1, cbc, DhId::kNone, true, none, EsnChoice::kBoth));
  EXPECT_FALSE(check(3, gcm, DhId::kNone, true, none, EsnChoice::kBoth));
  EXPECT_FALSE(check(1, gcm, DhId::kEcp384, true, p256, EsnChoice::kBoth));
  EXPECT_FALSE(check(1, gcm, DhId::kNone, true, p256, EsnChoice::kBoth));
  EXPECT_FALSE(check(1, gcm, DhId::kEcp256, true, none, EsnChoice::kBoth));
  EXPECT_FALSE(check(1, gcm, DhId::kNone, true, none, EsnChoice::kNever));
  EXPECT_FALSE(check(1, gcm, DhId::kNone, false, none, EsnChoice::kOnly));
  EXPECT_FALSE(
      check_esp(esp_offer(ours, none, EsnChoice::kBoth, kSpi), ours, none, EsnChoice::kBoth));
}

TEST(Offers, StayWithinWhatAMessageHolds) {
  const auto one = crypto::parse_ike_proposal("aes256gcm16-prfsha384-ecp384").value();
  const wire::Sa sa = ike_offer(std::vector(100, one), {});
  EXPECT_EQ(sa.proposals.size(), 64U);
  const auto sent = wire::encode_payloads({sa}).value();
  EXPECT_TRUE(wire::decode_payloads(sent.first, sent.bytes, "IKE_SA_INIT"));
}

TEST(Describe, SaysWhatThePeerOffered) {
  EXPECT_EQ(describe(ike_offer(ike({"aes256gcm16-prfsha384-ecp384-curve25519"}), {})),
            "IKE aes256gcm16-prfsha384-ecp384-curve25519");
  EXPECT_EQ(describe(esp_offer(esp({"aes256gcm16", "aes128-sha256"}), {}, EsnChoice::kBoth, kSpi)),
            "ESP aes256gcm16-esn-noesn, ESP aes128-sha256-esn-noesn");
  EXPECT_EQ(
      describe(esp_offer(esp({"aes256gcm16", "aes128-sha256"}), {}, EsnChoice::kBoth, kSpi), 1),
      "ESP aes256gcm16-esn-noesn and 1 more");
  wire::Sa odd;
  odd.proposals.resize(1);
  odd.proposals[0].protocol = static_cast<wire::ProtocolId>(9);
  odd.proposals[0].transforms = {{TransformType::kEncryption, 3, 192, {}},
                                 {TransformType::kAdditionalKe1, 36, {}, {}},
                                 {static_cast<TransformType>(99), 1, {}, {}},
                                 {TransformType::kKeyExchange, 0, {}, {}}};
  EXPECT_EQ(describe(odd), "protocol 9 ENCR 3/192-ADDKE1 36-type 99 1-none");
  EXPECT_EQ(describe(wire::Sa{}), "");
}

}  // namespace
}  // namespace espalier::ike
