// Choosing a proposal (RFC 7296 sections 2.7 and 3.3): what we offer, what we pick from a peer's
// offer, and whether what a peer picked is something we offered.
//
// Guarantees: pure; a chosen proposal has exactly one transform of each type that it needs, each
// one of ours and each from the same proposal of the peer; a proposal with a transform type that we
// do not know, and a transform with an attribute that we do not know, is never chosen (section
// 3.3.6); key lengths are equal, not "at least".
// Preference: our order of proposals first, then our order within one: cipher, integrity, PRF,
// group. Only for the group the peer's guess, its KE payload, goes before our order, because that
// saves an exchange (section 2.7 leaves the choice to the responder).
// Assumption: whoever calls knows where it is: that an IKE choice at a rekey has an SPI of eight
// octets, and that `group` is the group of the KE payload; if not, INVALID_KE_PAYLOAD is due
// (section 1.3).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ike/config.h"
#include "ike/crypto/suite.h"
#include "ike/wire/payloads.h"

namespace espalier::ike {

struct IkeChoice {
  crypto::IkeSuite suite;
  std::uint8_t number = 1;  // of the peer's proposal
  Bytes spi;                // 8 octets at a rekey, else empty
  friend bool operator==(const IkeChoice&, const IkeChoice&) = default;
};

struct EspChoice {
  crypto::EspSuite suite;
  crypto::DhId group = crypto::DhId::kNone;
  bool esn = false;
  std::uint8_t number = 1;
  std::uint32_t spi = 0;  // the peer's; 256 or more
  friend bool operator==(const EspChoice&, const EspChoice&) = default;
};

// `spi`: empty in IKE_SA_INIT, 8 octets at a rekey. More proposals than a message holds
// (wire::kMaxProposals) are left out.
[[nodiscard]] wire::Sa ike_offer(const std::vector<crypto::IkeProposal>& proposals,
                                 const Bytes& spi);
[[nodiscard]] wire::Sa ike_answer(std::uint8_t number, const crypto::IkeSuite& suite,
                                  const Bytes& spi);

// Responder. `guessed_group` is the KE payload's; the suite's group may differ.
[[nodiscard]] std::optional<IkeChoice> choose_ike(const wire::Sa& offer,
                                                  const std::vector<crypto::IkeProposal>& proposals,
                                                  std::uint16_t guessed_group);
// Initiator: the answer holds one proposal with the number of one that ike_offer(proposals) made,
// with one transform per type, all of them from that one.
[[nodiscard]] std::optional<IkeChoice> check_ike(const wire::Sa& answer,
                                                 const std::vector<crypto::IkeProposal>& proposals);

// `groups` empty: no key exchange of its own (IKE_AUTH always, RFC 7296 section 1.2).
[[nodiscard]] wire::Sa esp_offer(const std::vector<crypto::EspProposal>& proposals,
                                 const std::vector<crypto::DhId>& groups, EsnChoice esn,
                                 std::uint32_t spi);
[[nodiscard]] wire::Sa esp_answer(std::uint8_t number, const crypto::EspSuite& suite,
                                  crypto::DhId group, bool esn, std::uint32_t spi);
[[nodiscard]] std::optional<EspChoice> choose_esp(
    const wire::Sa& offer, const std::vector<crypto::EspProposal>& proposals,
    const std::vector<crypto::DhId>& groups, EsnChoice esn,
    std::optional<std::uint16_t> guessed_group = std::nullopt);
[[nodiscard]] std::optional<EspChoice> check_esp(const wire::Sa& answer,
                                                 const std::vector<crypto::EspProposal>& proposals,
                                                 const std::vector<crypto::DhId>& groups,
                                                 EsnChoice esn);

// What a peer offered, for people: "IKE aes256gcm16-prfsha384-ecp384, ESP aes256-sha256-esn"; a
// transform that is not ours by its type and number ("ENCR 3/192"). At most `limit` proposals,
// then "and 7 more".
[[nodiscard]] std::string describe(const wire::Sa& sa, std::size_t limit = 4);

}  // namespace espalier::ike
