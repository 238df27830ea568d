#include "nodeagent/tunnel/fips.h"

#include <algorithm>

#include <fmt/format.h>

namespace espalier::tunnel {

namespace {

namespace crypto = ike::crypto;

template <typename Proposal>
Status all_approved(const std::vector<Proposal>& proposals, const std::string& field) {
  for (std::size_t i = 0; i < proposals.size(); ++i) {
    auto status = crypto::check_fips(proposals[i]);
    if (!status) return within(fmt::format("{}[{}]", field, i), status);
  }
  return {};
}

// The library takes no HMAC key of less than half the hash's length, which FIPS 198 section 3 asked
// for; it would say so in the middle of the exchange, to whom nobody listens.
std::size_t shortest_key(const std::vector<crypto::IkeProposal>& proposals) {
  std::size_t length = 0;
  for (const auto& proposal : proposals) {
    for (const crypto::PrfId prf : proposal.prf) {
      length = std::max(length, crypto::key_size(prf) / 2);
    }
  }
  return length;
}

Status long_enough(const std::shared_ptr<const SecretBytes>& key, std::size_t length,
                   const std::string& field) {
  if (!key || key->size() >= length) return {};
  return fail(Code::kInvalid, field,
              fmt::format("a key of {} octets is not allowed in FIPS mode; allowed: {} or more, "
                          "half of what the longest PRF of ike.proposals gives",
                          key->size(), length));
}

}  // namespace

Status hold_to_fips(ike::Connection& connection) {
  if (connection.proposals == crypto::default_ike_proposals(false)) {
    connection.proposals = crypto::default_ike_proposals(true);
  }
  if (auto status = all_approved(connection.proposals, "ike.proposals"); !status) return status;
  for (ike::ChildConfig& child : connection.children) {
    if (child.proposals == crypto::default_esp_proposals(false)) {
      child.proposals = crypto::default_esp_proposals(true);
    }
    if (auto status = all_approved(child.proposals, "esp.proposals"); !status) return status;
  }
  const std::size_t length = shortest_key(connection.proposals);
  for (const ike::AuthSide* side : {&connection.local_auth, &connection.remote_auth}) {
    if (auto status = long_enough(side->psk, length, "authentication.psk"); !status) return status;
  }
  for (const ike::PpkKey& ppk : connection.ppks) {
    if (auto status = long_enough(ppk.secret, length, "ppk " + ppk.id); !status) return status;
  }
  return {};
}

}  // namespace espalier::tunnel
