#include "ike/sa/proposal_choice.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <utility>

#include <fmt/format.h>

#include "ike/wire/limits.h"

namespace espalier::ike {

namespace {

using wire::ProtocolId;
using wire::Transform;
using wire::TransformType;

constexpr std::uint16_t kNone = 0;   // of INTEG and KE: "not this one"
constexpr std::uint16_t kNoEsn = 0;  // RFC 7296 section 3.3.2, transform type 5
constexpr std::uint16_t kEsn = 1;
constexpr std::size_t kIkeSpiSize = 8;
constexpr std::uint32_t kFirstSpi = 256;  // RFC 4303 section 2.1: 1 to 255 are reserved, 0 is local

// A choice and how much we like it: the lower, the better, compared from left to right.
using Rank = std::array<std::size_t, 4>;
template <typename Choice>
struct Ranked {
  Choice choice;
  Rank rank{};
};

Transform transform(TransformType type, std::uint16_t id) {
  return {type, id, std::nullopt, {}};
}

template <typename Id>
std::uint16_t number_of(Id id) {
  return static_cast<std::uint16_t>(id);
}

Transform transform(const crypto::EncrSpec& spec) {
  Transform one = transform(TransformType::kEncryption, number_of(spec.id));
  if (crypto::has_key_length_attribute(spec.id)) one.key_length = spec.key_bits;
  return one;
}

template <typename Id>
void add_all(std::vector<Transform>& to, TransformType type, const std::vector<Id>& ids) {
  for (const Id id : ids) {
    if (number_of(id) != kNone) to.push_back(transform(type, number_of(id)));
  }
}

bool has_type(const wire::Proposal& proposal, TransformType type) {
  return std::any_of(proposal.transforms.begin(), proposal.transforms.end(),
                     [type](const Transform& one) { return one.type == type; });
}

// A transform of a type whose numbers stand for themselves, without any attribute.
bool offers(const wire::Proposal& proposal, TransformType type, std::uint16_t id) {
  return std::any_of(
      proposal.transforms.begin(), proposal.transforms.end(), [type, id](const Transform& one) {
        return one.type == type && one.id == id && !one.key_length && one.other_attributes.empty();
      });
}

bool offers(const wire::Proposal& proposal, const crypto::EncrSpec& spec) {
  return std::any_of(
      proposal.transforms.begin(), proposal.transforms.end(), [&spec](const Transform& one) {
        return one.type == TransformType::kEncryption && one.other_attributes.empty() &&
               crypto::find_encr(one.id, one.key_length) == spec;
      });
}

// Section 3.3.6: a proposal with a transform type that is not understood is not accepted.
bool only_types(const wire::Proposal& proposal, std::initializer_list<TransformType> types) {
  return std::all_of(proposal.transforms.begin(), proposal.transforms.end(),
                     [&types](const Transform& one) {
                       return std::find(types.begin(), types.end(), one.type) != types.end();
                     });
}

// Section 3.3.3: a type that is not there and one that offers NONE are the same.
bool may_be_absent(const wire::Proposal& theirs, TransformType type) {
  return !has_type(theirs, type) || offers(theirs, type, kNone);
}

struct Picked {
  std::uint16_t id = 0;
  std::size_t rank = 0;
};

template <typename Id>
std::optional<Picked> pick(const wire::Proposal& theirs, TransformType type,
                           const std::vector<Id>& ours) {
  for (std::size_t i = 0; i < ours.size(); ++i) {
    const std::uint16_t id = number_of(ours[i]);
    if (id != kNone && offers(theirs, type, id)) return Picked{id, i + 1};
  }
  return std::nullopt;
}

std::optional<Picked> pick_group(const wire::Proposal& theirs,
                                 const std::vector<crypto::DhId>& ours,
                                 std::optional<std::uint16_t> guessed) {
  if (guessed && *guessed != kNone) {
    const auto id = static_cast<crypto::DhId>(*guessed);
    const bool ours_too = std::find(ours.begin(), ours.end(), id) != ours.end();
    if (ours_too && offers(theirs, TransformType::kKeyExchange, *guessed)) {
      return Picked{*guessed, 0};
    }
  }
  return pick(theirs, TransformType::kKeyExchange, ours);
}

// Cipher and integrity belong together: beside an AEAD there is none (RFC 5282 section 8), beside
// any other there must be one.
struct Protection {
  crypto::EncrSpec encr;
  crypto::IntegId integ = crypto::IntegId::kNone;
  std::size_t encr_rank = 0;
  std::size_t integ_rank = 0;
};

std::optional<Protection> pick_protection(const wire::Proposal& theirs,
                                          const std::vector<crypto::EncrSpec>& encr,
                                          const std::vector<crypto::IntegId>& integ) {
  for (std::size_t i = 0; i < encr.size(); ++i) {
    if (!offers(theirs, encr[i])) continue;
    if (crypto::is_aead(encr[i].id)) {
      if (!may_be_absent(theirs, TransformType::kIntegrity)) continue;
      return Protection{encr[i], crypto::IntegId::kNone, i, 0};
    }
    const auto picked = pick(theirs, TransformType::kIntegrity, integ);
    if (!picked) continue;
    return Protection{encr[i], static_cast<crypto::IntegId>(picked->id), i, picked->rank};
  }
  return std::nullopt;
}

std::optional<Ranked<IkeChoice>> match(const wire::Proposal& theirs,
                                       const crypto::IkeProposal& ours,
                                       std::optional<std::uint16_t> guessed) {
  if (theirs.protocol != ProtocolId::kIke) return std::nullopt;
  if (!theirs.spi.empty() && theirs.spi.size() != kIkeSpiSize) return std::nullopt;
  if (!only_types(theirs, {TransformType::kEncryption, TransformType::kPrf,
                           TransformType::kIntegrity, TransformType::kKeyExchange})) {
    return std::nullopt;
  }
  const auto protection = pick_protection(theirs, ours.encr, ours.integ);
  const auto prf = pick(theirs, TransformType::kPrf, ours.prf);
  const auto group = pick_group(theirs, ours.dh, guessed);
  if (!protection || !prf || !group) return std::nullopt;
  IkeChoice choice;
  choice.suite = {protection->encr, static_cast<crypto::PrfId>(prf->id), protection->integ,
                  static_cast<crypto::DhId>(group->id)};
  choice.number = theirs.number;
  choice.spi = theirs.spi;
  return Ranked<IkeChoice>{std::move(choice),
                           {protection->encr_rank, protection->integ_rank, prf->rank, group->rank}};
}

std::optional<bool> pick_esn(const wire::Proposal& theirs, EsnChoice esn) {
  // Section 3.3.3 makes the type mandatory for ESP; who leaves it out means no ESN.
  const bool without = offers(theirs, TransformType::kSequenceNumbers, kNoEsn) ||
                       !has_type(theirs, TransformType::kSequenceNumbers);
  if (esn != EsnChoice::kNever && offers(theirs, TransformType::kSequenceNumbers, kEsn)) {
    return true;
  }
  if (esn != EsnChoice::kOnly && without) return false;
  return std::nullopt;
}

std::optional<Ranked<EspChoice>> match(const wire::Proposal& theirs,
                                       const crypto::EspProposal& ours,
                                       const std::vector<crypto::DhId>& groups, EsnChoice esn,
                                       std::optional<std::uint16_t> guessed) {
  const auto spi = wire::spi32_of(theirs.spi);
  if (theirs.protocol != ProtocolId::kEsp || !spi || *spi < kFirstSpi) return std::nullopt;
  if (!only_types(theirs, {TransformType::kEncryption, TransformType::kIntegrity,
                           TransformType::kKeyExchange, TransformType::kSequenceNumbers})) {
    return std::nullopt;
  }
  const auto protection = pick_protection(theirs, ours.encr, ours.integ);
  const auto numbers = pick_esn(theirs, esn);
  if (!protection || !numbers) return std::nullopt;
  Picked group;
  if (!groups.empty()) {
    const auto picked = pick_group(theirs, groups, guessed);
    if (!picked) return std::nullopt;
    group = *picked;
  } else if (!may_be_absent(theirs, TransformType::kKeyExchange)) {
    return std::nullopt;
  }
  EspChoice choice;
  choice.suite = {protection->encr, protection->integ};
  choice.group = static_cast<crypto::DhId>(group.id);
  choice.esn = *numbers;
  choice.number = theirs.number;
  choice.spi = *spi;
  return Ranked<EspChoice>{
      choice, {protection->encr_rank, protection->integ_rank, group.rank, *numbers ? 0U : 1U}};
}

// The best of what the peer's proposals give for the first of ours that gives anything.
template <typename Choice, typename Ours, typename Match>
std::optional<Choice> best(const wire::Sa& offer, const std::vector<Ours>& proposals,
                           const Match& match_one) {
  for (const Ours& ours : proposals) {
    std::optional<Ranked<Choice>> found;
    for (const wire::Proposal& theirs : offer.proposals) {
      std::optional<Ranked<Choice>> one = match_one(theirs, ours);
      if (one && (!found || one->rank < found->rank)) found = std::move(one);
    }
    if (found) return std::move(found->choice);
  }
  return std::nullopt;
}

// An answer: one proposal, no type twice, and a number that we gave to one of `count` proposals.
const wire::Proposal* single(const wire::Sa& answer, std::size_t count) {
  if (answer.proposals.size() != 1) return nullptr;
  const wire::Proposal& proposal = answer.proposals.front();
  if (proposal.number == 0 || proposal.number > count) return nullptr;
  const auto& transforms = proposal.transforms;
  for (auto one = transforms.begin(); one != transforms.end(); ++one) {
    const auto same_type = [one](const Transform& other) { return other.type == one->type; };
    if (std::any_of(one + 1, transforms.end(), same_type)) return nullptr;
  }
  return &proposal;
}

std::string describe_one(const Transform& one) {
  if (one.other_attributes.empty()) {
    switch (one.type) {
      case TransformType::kEncryption:
        if (const auto spec = crypto::find_encr(one.id, one.key_length)) {
          return crypto::to_string(*spec);
        }
        break;
      case TransformType::kPrf:
        if (const auto prf = crypto::find_prf(one.id)) return crypto::to_string(*prf);
        break;
      case TransformType::kIntegrity:
        if (one.id == kNone) return "none";
        if (const auto integ = crypto::find_integ(one.id)) return crypto::to_string(*integ);
        break;
      case TransformType::kKeyExchange:
        if (one.id == kNone) return "none";
        if (const auto group = crypto::find_dh(one.id)) return crypto::to_string(*group);
        break;
      case TransformType::kSequenceNumbers:
        if (one.id == kEsn) return "esn";
        if (one.id == kNoEsn) return "noesn";
        break;
      default:
        break;
    }
  }
  const std::string_view name = wire::name_of(one.type);
  std::string text = name == "unknown" ? fmt::format("type {}", static_cast<unsigned>(one.type))
                                       : std::string(name);
  text += fmt::format(" {}", one.id);
  if (one.key_length) text += fmt::format("/{}", *one.key_length);
  return text;
}

}  // namespace

wire::Sa ike_offer(const std::vector<crypto::IkeProposal>& proposals, const Bytes& spi) {
  wire::Sa sa;
  for (const crypto::IkeProposal& proposal : proposals) {
    if (sa.proposals.size() == wire::kMaxProposals) break;
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
  add_all(one.transforms, TransformType::kIntegrity, std::vector{suite.integ});
  add_all(one.transforms, TransformType::kPrf, std::vector{suite.prf});
  add_all(one.transforms, TransformType::kKeyExchange, std::vector{suite.dh});
  return {{std::move(one)}};
}

std::optional<IkeChoice> choose_ike(const wire::Sa& offer,
                                    const std::vector<crypto::IkeProposal>& proposals,
                                    std::uint16_t guessed_group) {
  return best<IkeChoice>(
      offer, proposals,
      [guessed_group](const wire::Proposal& theirs, const crypto::IkeProposal& ours) {
        return match(theirs, ours, guessed_group);
      });
}

std::optional<IkeChoice> check_ike(const wire::Sa& answer,
                                   const std::vector<crypto::IkeProposal>& proposals) {
  const wire::Proposal* theirs = single(answer, proposals.size());
  if (!theirs) return std::nullopt;
  auto found = match(*theirs, proposals[theirs->number - 1U], std::nullopt);
  if (!found) return std::nullopt;
  return std::move(found->choice);
}

wire::Sa esp_offer(const std::vector<crypto::EspProposal>& proposals,
                   const std::vector<crypto::DhId>& groups, EsnChoice esn, std::uint32_t spi) {
  wire::Sa sa;
  for (const crypto::EspProposal& proposal : proposals) {
    if (sa.proposals.size() == wire::kMaxProposals) break;
    wire::Proposal one;
    one.number = static_cast<std::uint8_t>(sa.proposals.size() + 1);
    one.protocol = ProtocolId::kEsp;
    one.spi = wire::spi_bytes(spi);
    for (const auto& spec : proposal.encr) one.transforms.push_back(transform(spec));
    add_all(one.transforms, TransformType::kIntegrity, proposal.integ);
    add_all(one.transforms, TransformType::kKeyExchange, groups);
    if (esn != EsnChoice::kNever) {
      one.transforms.push_back(transform(TransformType::kSequenceNumbers, kEsn));
    }
    if (esn != EsnChoice::kOnly) {
      one.transforms.push_back(transform(TransformType::kSequenceNumbers, kNoEsn));
    }
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
  add_all(one.transforms, TransformType::kIntegrity, std::vector{suite.integ});
  add_all(one.transforms, TransformType::kKeyExchange, std::vector{group});
  one.transforms.push_back(transform(TransformType::kSequenceNumbers, esn ? kEsn : kNoEsn));
  return {{std::move(one)}};
}

std::optional<EspChoice> choose_esp(const wire::Sa& offer,
                                    const std::vector<crypto::EspProposal>& proposals,
                                    const std::vector<crypto::DhId>& groups, EsnChoice esn,
                                    std::optional<std::uint16_t> guessed_group) {
  return best<EspChoice>(offer, proposals,
                         [&](const wire::Proposal& theirs, const crypto::EspProposal& ours) {
                           return match(theirs, ours, groups, esn, guessed_group);
                         });
}

std::optional<EspChoice> check_esp(const wire::Sa& answer,
                                   const std::vector<crypto::EspProposal>& proposals,
                                   const std::vector<crypto::DhId>& groups, EsnChoice esn) {
  const wire::Proposal* theirs = single(answer, proposals.size());
  if (!theirs) return std::nullopt;
  auto found = match(*theirs, proposals[theirs->number - 1U], groups, esn, std::nullopt);
  if (!found) return std::nullopt;
  return found->choice;
}

std::string describe(const wire::Sa& sa, std::size_t limit) {
  std::string text;
  for (std::size_t i = 0; i < sa.proposals.size(); ++i) {
    if (i == limit) return text + fmt::format(" and {} more", sa.proposals.size() - limit);
    const wire::Proposal& proposal = sa.proposals[i];
    if (i > 0) text += ", ";
    const std::string_view protocol = wire::name_of(proposal.protocol);
    text += protocol == "unknown"
                ? fmt::format("protocol {}", static_cast<unsigned>(proposal.protocol))
                : std::string(protocol);
    char separator = ' ';
    for (const Transform& one : proposal.transforms) {
      text += separator + describe_one(one);
      separator = '-';
    }
  }
  return text;
}

}  // namespace espalier::ike
