// Choosing a proposal (RFC 7296 sections 2.7 and 3.3): what we offer, what we pick from a peer's
// offer, and whether what a peer picked is something we offered.
//
// Guarantees: pure; a chosen proposal has exactly one transform of each type that it needs, each
// one of ours and each from the same proposal of the peer; a transform with attributes that we do
// not know is never chosen (3.3.6). Preference: our order of proposals first, then our order within
// one; but the peer's guessed group is kept when it is acceptable, because that saves an exchange
// (2.7 leaves the choice to the responder).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "ike/config.h"
#include "ike/crypto/suite.h"
#include "ike/wire/payloads.h"

namespace espalier::ike {

struct IkeChoice {
  crypto::IkeSuite suite;
  std::uint8_t number = 1;
  Bytes spi;  // 8 octets at a rekey, else empty
};

struct EspChoice {
  crypto::EspSuite suite;
  crypto::DhId group = crypto::DhId::kNone;
  bool esn = false;
  std::uint8_t number = 1;
  std::uint32_t spi = 0;  // the peer's
};

// `spi` empty in IKE_SA_INIT, 8 octets at a rekey.
[[nodiscard]] wire::Sa ike_offer(const std::vector<crypto::IkeProposal>& proposals,
                                 const Bytes& spi);
[[nodiscard]] wire::Sa ike_answer(std::uint8_t number, const crypto::IkeSuite& suite,
                                  const Bytes& spi);

// Responder. `guessed_group` is the KE payload's; the suite's group may differ, then
// INVALID_KE_PAYLOAD is due.
[[nodiscard]] std::optional<IkeChoice> choose_ike(const wire::Sa& offer,
                                                  const std::vector<crypto::IkeProposal>& proposals,
                                                  std::uint16_t guessed_group);
// Initiator: the answer holds one proposal, one transform per type, all of them ours.
[[nodiscard]] std::optional<IkeChoice> check_ike(const wire::Sa& answer,
                                                 const std::vector<crypto::IkeProposal>& proposals);

// `groups` empty: no key exchange of its own.
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

}  // namespace espalier::ike
