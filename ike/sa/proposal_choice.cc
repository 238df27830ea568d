#include "ike/sa/proposal_choice.h"

#include <algorithm>

namespace espalier::ike {
namespace {

using wire::ProtocolId;
using wire::Transform;
using wire::TransformType;

constexpr std::uint16_t kNoEsn = 0;  // RFC 7296 section 3.3.2, transform type 5
constexpr std::uint16_t kEsn = 1;

Transform transform(TransformType type, std::uint16_t id) {
  Transform one;
  one.type = type;
  one.id = id;
  return one;
}

Transform transform(const crypto::EncrSpec& spec) {
  Transform one = transform(TransformType::kEncryption, static_cast<std::uint16_t>(spec.id));
  if (crypto::has_key_length_attribute(spec.id)) one.key_length = spec.key_bits;
  return one;
}

template <typename Id>
void add_all(std::vector<Transform>& to, TransformType type, const std::vector<Id>& ids) {
  for (const Id id : ids) {
    if (static_cast<std::uint16_t>(id) != 0)
      to.push_back(transform(type, static_cast<std::uint16_t>(id)));
  }
}

// The peer's transforms of one type that carry nothing we do not know.
std::vector<const Transform*> of_type(const wire::Proposal& proposal, TransformType type) {
  std::vector<const Transform*> found;
  for (const Transform& one : proposal.transforms) {
    if (one.type == type && one.other_attributes.empty()) found.push_back(&one);
  }
  return found;
}

bool has_type(const wire::Proposal& proposal, TransformType type) {
  return std::any_of(proposal.transforms.begin(), proposal.transforms.end(),
                     [&](const Transform& one) { return one.type == type; });
}

// Section 3.3.6: a proposal with a transform type that is not understood cannot be accepted.
bool only_types(const wire::Proposal& proposal, std::initializer_list<TransformType> types) {
  return std::all_of(proposal.transforms.begin(), proposal.transforms.end(),
                     [&](const Transform& one) {
                       return std::find(types.begin(), types.end(), one.type) != types.end();
                     });
}

std::optional<crypto::EncrSpec> pick_encr(const wire::Proposal& theirs,
                                          const std::vector<crypto::EncrSpec>& ours) {
  const auto offered = of_type(theirs, TransformType::kEncryption);
  for (const crypto::EncrSpec& spec : ours) {
    for (const Transform* one : offered) {
      if (const auto known = crypto::find_encr(one->id, one->key_length); known && *known == spec)
        return spec;
    }
  }
  return std::nullopt;
}

template <typename Id>
std::optional<Id> pick(const wire::Proposal& theirs, TransformType type,
                       const std::vector<Id>& ours,
                       std::optional<std::uint16_t> preferred = std::nullopt) {
  const auto offered = of_type(theirs, type);
  const auto is_offered = [&](Id id) {
    return std::any_of(offered.begin(), offered.end(), [&](const Transform* one) {
      return one->id == static_cast<std::uint16_t>(id) && !one->key_length;
    });
  };
  for (const Id id : ours) {
    if (preferred && static_cast<std::uint16_t>(id) == *preferred && is_offered(id)) return id;
  }
  for (const Id id : ours) {
    if (is_offered(id)) return id;
  }
  return std::nullopt;
}

// INTEG beside an AEAD: absent, or NONE alone (RFC 5282 section 8).
bool integrity_absent(const wire::Proposal& theirs) {
  const auto offered = of_type(theirs, TransformType::kIntegrity);
  return !has_type(theirs, TransformType::kIntegrity) ||
         std::any_of(offered.begin(), offered.end(),
                     [](const Transform* one) { return one->id == 0; });
}

std::optional<crypto::IntegId> pick_integrity(const wire::Proposal& theirs, crypto::EncrId encr,
                                              const std::vector<crypto::IntegId>& ours) {
  if (!crypto::is_aead(encr)) return pick(theirs, TransformType::kIntegrity, ours);
  return integrity_absent(theirs) ? std::optional(crypto::IntegId::kNone) : std::nullopt;
}

std::optional<IkeChoice> match(const wire::Proposal& theirs, const crypto::IkeProposal& ours,
                               std::optional<std::uint16_t> guessed) {
  if (theirs.protocol != ProtocolId::kIke || (!theirs.spi.empty() && theirs.spi.size() != 8))
    return std::nullopt;
  if (!only_types(theirs, {TransformType::kEncryption, TransformType::kPrf,
                           TransformType::kIntegrity, TransformType::kKeyExchange})) {
    return std::nullopt;
  }
  const auto encr = pick_encr(theirs, ours.encr);
  const auto prf = pick(theirs, TransformType::kPrf, ours.prf);
  const auto dh = pick(theirs, TransformType::kKeyExchange, ours.dh, guessed);
  if (!encr || !prf || !dh) return std::nullopt;
  const auto integ = pick_integrity(theirs, encr->id, ours.integ);
  if (!integ) return std::nullopt;
  return IkeChoice{{*encr, *prf, *integ, *dh}, theirs.number, theirs.spi};
}

std::optional<bool> pick_esn(const wire::Proposal& theirs, EsnChoice esn) {
  const auto offered = of_type(theirs, TransformType::kSequenceNumbers);
  const auto has = [&](std::uint16_t id) {
    return std::any_of(offered.begin(), offered.end(),
                       [&](const Transform* one) { return one->id == id; });
  };
  // Section 3.3.3 makes the type mandatory for ESP; one that leaves it out means no ESN.
  const bool without = has(kNoEsn) || !has_type(theirs, TransformType::kSequenceNumbers);
  if (esn != EsnChoice::kNever && has(kEsn)) return true;
  if (esn != EsnChoice::kOnly && without) return false;
  return std::nullopt;
}

std::optional<EspChoice> match(const wire::Proposal& theirs, const crypto::EspProposal& ours,
                               const std::vector<crypto::DhId>& groups, EsnChoice esn,
                               std::optional<std::uint16_t> guessed) {
  const auto spi = wire::spi32_of(theirs.spi);
  if (theirs.protocol != ProtocolId::kEsp || !spi || *spi < 256) return std::nullopt;
  if (!only_types(theirs, {TransformType::kEncryption, TransformType::kIntegrity,
                           TransformType::kKeyExchange, TransformType::kSequenceNumbers})) {
    return std::nullopt;
  }
  const auto encr = pick_encr(theirs, ours.encr);
  if (!encr) return std::nullopt;
  const auto integ = pick_integrity(theirs, encr->id, ours.integ);
  const auto numbers = pick_esn(theirs, esn);
  if (!integ || !numbers) return std::nullopt;
  crypto::DhId group = crypto::DhId::kNone;
  const auto offered = of_type(theirs, TransformType::kKeyExchange);
  const bool none_offered =
      offered.empty() || std::any_of(offered.begin(), offered.end(),
                                     [](const Transform* one) { return one->id == 0; });
  if (!groups.empty()) {
    const auto found = pick(theirs, TransformType::kKeyExchange, groups, guessed);
    if (!found) return std::nullopt;
    group = *found;
  } else if (!none_offered) {
    return std::nullopt;
  }
  return EspChoice{{*encr, *integ}, group, *numbers, theirs.number, *spi};
}

// An answer: one proposal, no type twice.
const wire::Proposal* single(const wire::Sa& answer) {
  if (answer.proposals.size() != 1) return nullptr;
  const auto& transforms = answer.proposals.front().transforms;
  for (std::size_t i = 0; i < transforms.size(); ++i) {
    for (std::size_t j = i + 1; j < transforms.size(); ++j) {
      if (transforms[i].type == transforms[j].type) return nullptr;
    }
  }
  return &answer.proposals.front();
}

}  // namespace

wire::Sa ike_offer(const std::vector<crypto::IkeProposal>& proposals, const Bytes& spi) {
  wire::Sa sa;
  for (const auto& proposal : proposals) {
    wire::Proposal one;
    one.number = static_cast<std::uint8_t>(sa.proposals.size() + 1);
    one.protocol = ProtocolId::kIke;
    one.spi = spi;
    for (const auto& spec : proposal.encr) one.transforms.push_back(transform(spec));
    add_all(one.transforms, TransformType::kIntegrity, proposal.integ);
    add_all(one.transforms, TransformType::kPrf, proposal.prf);
    add_all(one.transforms, TransformType::kKeyExchange, proposal.dh);
    sa.proposals.push_back(std::move(one));
  }
  return sa;
}

wire::Sa ike_answer(std::uint8_t number, const crypto::IkeSuite& suite, const Bytes& spi) {
  wire::Proposal one;
  one.number = number;
  one.protocol = ProtocolId::kIke;
  one.spi = spi;
  one.transforms.push_back(transform(suite.encr));
  if (suite.integ != crypto::IntegId::kNone) {
    one.transforms.push_back(
        transform(TransformType::kIntegrity, static_cast<std::uint16_t>(suite.integ)));
  }
  one.transforms.push_back(transform(TransformType::kPrf, static_cast<std::uint16_t>(suite.prf)));
  one.transforms.push_back(
      transform(TransformType::kKeyExchange, static_cast<std::uint16_t>(suite.dh)));
  return {{std::move(one)}};
}

std::optional<IkeChoice> choose_ike(const wire::Sa& offer,
                                    const std::vector<crypto::IkeProposal>& proposals,
                                    std::uint16_t guessed_group) {
  std::optional<IkeChoice> other_group;
  for (const auto& ours : proposals) {
    for (const auto& theirs : offer.proposals) {
      auto choice = match(theirs, ours, guessed_group);
      if (!choice) continue;
      if (static_cast<std::uint16_t>(choice->suite.dh) == guessed_group) return choice;
      if (!other_group) other_group = std::move(choice);
    }
  }
  return other_group;
}

std::optional<IkeChoice> check_ike(const wire::Sa& answer,
                                   const std::vector<crypto::IkeProposal>& proposals) {
  const wire::Proposal* theirs = single(answer);
  if (theirs == nullptr) return std::nullopt;
  for (const auto& ours : proposals) {
    if (auto choice = match(*theirs, ours, std::nullopt)) return choice;
  }
  return std::nullopt;
}

wire::Sa esp_offer(const std::vector<crypto::EspProposal>& proposals,
                   const std::vector<crypto::DhId>& groups, EsnChoice esn, std::uint32_t spi) {
  wire::Sa sa;
  for (const auto& proposal : proposals) {
    wire::Proposal one;
    one.number = static_cast<std::uint8_t>(sa.proposals.size() + 1);
    one.protocol = ProtocolId::kEsp;
    one.spi = wire::spi_bytes(spi);
    for (const auto& spec : proposal.encr) one.transforms.push_back(transform(spec));
    add_all(one.transforms, TransformType::kIntegrity, proposal.integ);
    add_all(one.transforms, TransformType::kKeyExchange, groups);
    if (esn != EsnChoice::kNever)
      one.transforms.push_back(transform(TransformType::kSequenceNumbers, kEsn));
    if (esn != EsnChoice::kOnly)
      one.transforms.push_back(transform(TransformType::kSequenceNumbers, kNoEsn));
    sa.proposals.push_back(std::move(one));
  }
  return sa;
}

wire::Sa esp_answer(std::uint8_t number, const crypto::EspSuite& suite, crypto::DhId group,
                    bool esn, std::uint32_t spi) {
  wire::Proposal one;
  one.number = number;
  one.protocol = ProtocolId::kEsp;
  one.spi = wire::spi_bytes(spi);
  one.transforms.push_back(transform(suite.encr));
  if (suite.integ != crypto::IntegId::kNone) {
    one.transforms.push_back(
        transform(TransformType::kIntegrity, static_cast<std::uint16_t>(suite.integ)));
  }
  if (group != crypto::DhId::kNone) {
    one.transforms.push_back(
        transform(TransformType::kKeyExchange, static_cast<std::uint16_t>(group)));
  }
  one.transforms.push_back(transform(TransformType::kSequenceNumbers, esn ? kEsn : kNoEsn));
  return {{std::move(one)}};
}

std::optional<EspChoice> choose_esp(const wire::Sa& offer,
                                    const std::vector<crypto::EspProposal>& proposals,
                                    const std::vector<crypto::DhId>& groups, EsnChoice esn,
                                    std::optional<std::uint16_t> guessed_group) {
  for (const auto& ours : proposals) {
    for (const auto& theirs : offer.proposals) {
      if (auto choice = match(theirs, ours, groups, esn, guessed_group)) return choice;
    }
  }
  return std::nullopt;
}

std::optional<EspChoice> check_esp(const wire::Sa& answer,
                                   const std::vector<crypto::EspProposal>& proposals,
                                   const std::vector<crypto::DhId>& groups, EsnChoice esn) {
  const wire::Proposal* theirs = single(answer);
  if (theirs == nullptr) return std::nullopt;
  for (const auto& ours : proposals) {
    if (auto choice = match(*theirs, ours, groups, esn, std::nullopt)) return choice;
  }
  return std::nullopt;
}

}  // namespace espalier::ike
