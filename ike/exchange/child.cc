#include "ike/exchange/child.h"

#include <algorithm>

#include "ike/exchange/window.h"
#include "ike/sa/proposal_choice.h"
#include "ike/sa/selectors.h"
#include "ike/wire/notify_data.h"

namespace espalier::ike::exchange {
namespace {

ChildRefusal refuse(wire::NotifyType notify, Reason reason, std::string text) {
  return {notify, reason, std::move(text), crypto::DhId::kNone};
}

std::string text_of(const std::vector<wire::TrafficSelector>& selectors) {
  std::string text;
  for (const auto& selector : selectors) text += (text.empty() ? "" : ", ") + selector.to_string();
  return text;
}

// In transport mode ESP runs between the addresses that IKE runs on; a peer behind a NAT names the
// address it has there (RFC 7296 section 2.23.1), so what it sends is read as the address that we
// see.
void substitute_nat(const IkeSa& sa, Mode mode, std::vector<wire::TrafficSelector>& selectors,
                    const IpAddress& seen, bool natted) {
  if (mode != Mode::kTransport || !natted) return;
  for (auto& selector : selectors) {
    if (selector.start == selector.end && selector.family() == seen.family())
      selector.start = selector.end = seen;
  }
  (void)sa;
}

std::vector<wire::TrafficSelector> own_selectors(
    const IkeSa& sa, const std::vector<wire::TrafficSelector>& configured,
    const IpAddress& address) {
  (void)sa;
  if (!configured.empty()) return configured;
  return {wire::TrafficSelector::from_prefix(Prefix::host(address))};
}

}  // namespace

std::vector<crypto::DhId> pfs_groups(const Connection& connection, const ChildConfig& config) {
  std::vector<crypto::DhId> groups;
  if (!config.pfs) return groups;
  const auto add = [&](const std::vector<crypto::DhId>& more) {
    for (const crypto::DhId group : more) {
      if (group != crypto::DhId::kNone &&
          std::find(groups.begin(), groups.end(), group) == groups.end()) {
        groups.push_back(group);
      }
    }
  };
  for (const auto& proposal : config.proposals) add(proposal.dh);
  if (groups.empty()) {
    for (const auto& proposal : connection.proposals) add(proposal.dh);
  }
  return groups;
}

void add_child_request(const IkeSa& sa, const ChildNegotiation& child,
                       const std::vector<crypto::DhId>& groups, const Task* task,
                       std::vector<wire::Payload>& payloads) {
  const ChildConfig& config = config_of(sa, child);
  payloads.emplace_back(esp_offer(config.proposals, groups, config.esn, child.spi_in));
  if (!child.ni.empty()) payloads.emplace_back(wire::Nonce{child.ni});
  if (child.key_pair) {
    payloads.emplace_back(
        wire::Ke{static_cast<std::uint16_t>(child.group), child.key_pair->public_value()});
  }
  wire::Tsi tsi;
  wire::Tsr tsr;
  tsi.selectors = own_selectors(sa, config.local, sa.local.address);
  tsr.selectors = own_selectors(sa, config.remote, sa.remote.address);
  if (task != nullptr && task->packet_local && task->packet_remote) {
    // The packet that asked goes first (RFC 7296 section 2.9).
    tsi.selectors.insert(tsi.selectors.begin(), *task->packet_local);
    tsr.selectors.insert(tsr.selectors.begin(), *task->packet_remote);
  }
  payloads.emplace_back(std::move(tsi));
  payloads.emplace_back(std::move(tsr));
  if (config.mode == Mode::kTransport)
    payloads.emplace_back(notify(wire::NotifyType::kUseTransportMode));
  payloads.emplace_back(notify(wire::NotifyType::kEspTfcPaddingNotSupported));
}

void add_child_response(const IkeSa& sa, const ChildNegotiation& child,
                        std::vector<wire::Payload>& payloads) {
  (void)sa;
  payloads.emplace_back(
      esp_answer(child.proposal_number, child.suite, child.group, child.esn, child.spi_in));
  if (!child.nr.empty()) payloads.emplace_back(wire::Nonce{child.nr});
  wire::Tsi tsi;
  wire::Tsr tsr;
  tsi.selectors = child.remote;
  tsr.selectors = child.local;
  payloads.emplace_back(std::move(tsi));
  payloads.emplace_back(std::move(tsr));
  if (child.mode == Mode::kTransport)
    payloads.emplace_back(notify(wire::NotifyType::kUseTransportMode));
  payloads.emplace_back(notify(wire::NotifyType::kEspTfcPaddingNotSupported));
}

tl::expected<void, ChildRefusal> accept_child_request(const IkeSa& sa,
                                                      const std::vector<wire::Payload>& request,
                                                      std::optional<std::size_t> only, bool in_auth,
                                                      ChildNegotiation& child) {
  const auto* offered = wire::find<wire::Sa>(request);
  const auto* tsi = wire::find<wire::Tsi>(request);
  const auto* tsr = wire::find<wire::Tsr>(request);
  if (offered == nullptr || tsi == nullptr || tsr == nullptr) {
    return tl::unexpected(refuse(wire::NotifyType::kInvalidSyntax, Reason::kInvalidMessage,
                                 "the peer asked for a Child SA without SA, TSi and TSr"));
  }
  const Mode mode = wire::find_notify(request, wire::NotifyType::kUseTransportMode) != nullptr
                        ? Mode::kTransport
                        : Mode::kTunnel;
  const auto* ke = wire::find<wire::Ke>(request);

  // The first configured Child whose mode and selectors fit; why the nearest did not, otherwise.
  std::optional<ChildRefusal> nearest;
  const auto miss = [&](ChildRefusal refusal) {
    if (!nearest || nearest->reason == Reason::kModeMismatch) nearest = std::move(refusal);
  };
  const auto& configured = sa.connection->children;
  for (std::size_t index = 0; index < configured.size(); ++index) {
    if (only && *only != index) continue;
    const ChildConfig& config = configured[index];
    // A peer may decline transport mode but must not be given it unasked (section 1.3.1).
    if (config.mode != mode) {
      miss(refuse(wire::NotifyType::kNoProposalChosen, Reason::kModeMismatch,
                  std::string("the peer asks for ") +
                      (mode == Mode::kTransport ? "transport" : "tunnel") + " mode, Child " +
                      config.name + " is configured for the other"));
      continue;
    }
    std::vector<wire::TrafficSelector> theirs = tsi->selectors, ours = tsr->selectors;
    substitute_nat(sa, mode, theirs, sa.remote.address, sa.nat_remote);
    substitute_nat(sa, mode, ours, sa.local.address, sa.nat_local);
    const auto want_local = own_selectors(sa, config.local, sa.local.address);
    const auto want_remote = own_selectors(sa, config.remote, sa.remote.address);
    auto remote = narrow(theirs, want_remote);
    auto local = narrow(ours, want_local);
    const bool whole = covers(local, want_local) && covers(remote, want_remote);
    if (local.empty() || remote.empty() || (!config.narrowing && !whole)) {
      miss(refuse(wire::NotifyType::kTsUnacceptable, Reason::kSelectorsUnacceptable,
                  "the peer asks for " + text_of(theirs) + " to " + text_of(ours) + ", Child " +
                      config.name + " is for " + text_of(want_remote) + " to " +
                      text_of(want_local)));
      continue;
    }
    const auto groups = in_auth ? std::vector<crypto::DhId>{} : pfs_groups(*sa.connection, config);
    const auto choice = choose_esp(*offered, config.proposals, groups, config.esn);
    if (!choice) {
      miss(refuse(
          wire::NotifyType::kNoProposalChosen, Reason::kNoProposalChosen,
          "the peer's ESP proposals have nothing in common with those of Child " + config.name));
      continue;
    }
    if (choice->group != crypto::DhId::kNone &&
        (ke == nullptr || ke->group != static_cast<std::uint16_t>(choice->group))) {
      ChildRefusal refusal = refuse(wire::NotifyType::kInvalidKePayload, Reason::kNoProposalChosen,
                                    "the peer guessed another key exchange group");
      refusal.wanted_group = choice->group;
      return tl::unexpected(std::move(refusal));
    }
    child.child_index = index;
    child.mode = mode;
    child.suite = choice->suite;
    child.esn = choice->esn;
    child.group = choice->group;
    child.proposal_number = choice->number;
    child.spi_out = choice->spi;
    child.local = std::move(local);
    child.remote = std::move(remote);
    return {};
  }
  if (!nearest) {
    nearest = refuse(wire::NotifyType::kTsUnacceptable, Reason::kSelectorsUnacceptable,
                     "no Child SA is configured");
  }
  return tl::unexpected(std::move(*nearest));
}

tl::expected<void, ChildRefusal> accept_child_response(const IkeSa& sa,
                                                       const std::vector<wire::Payload>& response,
                                                       bool in_auth, ChildNegotiation& child) {
  const ChildConfig& config = config_of(sa, child);
  const auto* chosen = wire::find<wire::Sa>(response);
  const auto* tsi = wire::find<wire::Tsi>(response);
  const auto* tsr = wire::find<wire::Tsr>(response);
  if (chosen == nullptr || tsi == nullptr || tsr == nullptr) {
    const auto* error = wire::find_error(response);
    if (error == nullptr) {
      return tl::unexpected(refuse(wire::NotifyType::kInvalidSyntax, Reason::kInvalidMessage,
                                   "the peer answered without SA, TSi and TSr"));
    }
    Reason reason = Reason::kInvalidMessage;
    switch (error->type) {
      case wire::NotifyType::kNoProposalChosen:
        reason = Reason::kNoProposalChosen;
        break;
      case wire::NotifyType::kTsUnacceptable:
      case wire::NotifyType::kSinglePairRequired:
        reason = Reason::kSelectorsUnacceptable;
        break;
      case wire::NotifyType::kTemporaryFailure:
      case wire::NotifyType::kNoAdditionalSas:
      case wire::NotifyType::kChildSaNotFound:
        reason = Reason::kTemporaryFailure;
        break;
      default:
        break;
    }
    ChildRefusal refusal =
        refuse(error->type, reason,
               "the peer refused Child " + config.name + ": " + wire::describe(error->type));
    if (const auto group = wire::invalid_ke_group(*error)) {
      refusal.wanted_group = crypto::find_dh(*group).value_or(crypto::DhId::kNone);
    }
    return tl::unexpected(std::move(refusal));
  }
  const Mode mode = wire::find_notify(response, wire::NotifyType::kUseTransportMode) != nullptr
                        ? Mode::kTransport
                        : Mode::kTunnel;
  if (mode != config.mode) {
    return tl::unexpected(refuse(wire::NotifyType::kNoProposalChosen, Reason::kModeMismatch,
                                 "the peer chose the other mode for Child " + config.name));
  }
  const auto groups = in_auth ? std::vector<crypto::DhId>{} : pfs_groups(*sa.connection, config);
  const auto choice = check_esp(*chosen, config.proposals, groups, config.esn);
  if (!choice || choice->group != child.group) {
    return tl::unexpected(refuse(wire::NotifyType::kNoProposalChosen, Reason::kNoProposalChosen,
                                 "the peer chose what was not offered for Child " + config.name));
  }
  std::vector<wire::TrafficSelector> ours = tsi->selectors, theirs = tsr->selectors;
  substitute_nat(sa, mode, ours, sa.local.address, sa.nat_local);
  substitute_nat(sa, mode, theirs, sa.remote.address, sa.nat_remote);
  const auto want_local = own_selectors(sa, config.local, sa.local.address);
  const auto want_remote = own_selectors(sa, config.remote, sa.remote.address);
  const bool inside = covers(want_local, ours) && covers(want_remote, theirs);
  const bool whole = covers(ours, want_local) && covers(theirs, want_remote);
  if (!inside || (!config.narrowing && !whole)) {
    return tl::unexpected(refuse(wire::NotifyType::kTsUnacceptable, Reason::kSelectorsUnacceptable,
                                 "the peer narrowed Child " + config.name + " to " + text_of(ours) +
                                     " to " + text_of(theirs)));
  }
  child.mode = mode;
  child.suite = choice->suite;
  child.esn = choice->esn;
  child.spi_out = choice->spi;
  child.local = std::move(ours);
  child.remote = std::move(theirs);
  return {};
}

}  // namespace espalier::ike::exchange
