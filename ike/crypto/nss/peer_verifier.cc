#include "ike/crypto/nss/peer_verifier.h"

#include <algorithm>

#include <fmt/format.h>

#include "ike/crypto/distinguished_name.h"
#include "ike/crypto/identity_proof.h"
#include "ike/crypto/nss/signatures.h"
#include "ike/crypto/nss/symmetric.h"

namespace espalier::ike::crypto::nss {
namespace {

std::string text_of(const wire::Identification& id) {
  if (id.type != wire::IdType::kDerAsn1Dn) return wire::to_string(id);
  return dn_to_text(id.data).value_or(wire::to_string(id));
}

std::string listing(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all += (all.empty() ? "" : ", ") + text;
  return all.empty() ? "no subjectAltName" : all;
}

Refusal not_proven(const wire::Identification& claimed, const CertificateInfo& info) {
  return {RefusalReason::kIdNotInCertificate,
          fmt::format("the peer says it is {}, but its certificate (subject \"{}\", issuer \"{}\") "
                      "does not say so: it has {}",
                      text_of(claimed), info.subject, info.issuer, listing(info.sans))};
}

std::array<std::uint8_t, 8> octets_of(std::uint64_t number) {
  std::array<std::uint8_t, 8> octets{};
  for (std::size_t i = 0; i < octets.size(); ++i) {
    octets[i] = static_cast<std::uint8_t>(number >> (56 - 8 * i));
  }
  return octets;
}

}  // namespace

Outcome PeerVerifier::verify(const VerifyPeer& job, const Trust& trust, std::uint64_t generation) {
  if (job.chain.empty()) {
    return Refusal{RefusalReason::kMalformed, "the peer sent no certificate"};
  }
  if (job.expected && !same_identity(*job.expected, job.claimed)) {
    return Refusal{RefusalReason::kIdUnexpected,
                   fmt::format("the peer says it is {}; expected is {}", text_of(job.claimed),
                               text_of(*job.expected))};
  }
  std::vector<std::array<std::uint8_t, 8>> lengths = {octets_of(generation)};
  std::vector<ByteView> pieces;
  for (const Bytes& der : job.chain) lengths.push_back(octets_of(der.size()));
  pieces.emplace_back(lengths[0]);
  for (std::size_t i = 0; i < job.chain.size(); ++i) {
    pieces.emplace_back(lengths[i + 1]);
    pieces.emplace_back(job.chain[i]);
  }
  auto hash = digest(SEC_OID_SHA256, pieces);
  if (!hash) return std::move(hash.error());
  Key key{};
  std::copy_n(hash->begin(), key.size(), key.begin());

  auto known = recall(key, job.now);
  if (!known) {
    auto leaf = decode_certificate(job.chain.front());
    if (!leaf) {
      const auto reason = leaf.error().code == Code::kUnsupported
                              ? RefusalReason::kUnsupportedAlgorithm
                              : RefusalReason::kMalformed;
      return Refusal{reason, "the peer's certificate " + leaf.error().detail};
    }
    auto verified = verify_chain(trust, *leaf, job.chain, job.now);
    if (!verified) return std::move(verified.error());
    remember(key, *verified);
    known = std::move(*verified);
  }
  const Certificate& leaf = *known->leaf;
  if (!proves(leaf.info.subject_der, leaf.info.identities, job.claimed)) {
    return not_proven(job.claimed, leaf.info);
  }
  auto algorithm = nss::verify(leaf, job.method, job.auth_data, job.octets);
  if (!algorithm) {
    algorithm.error().sentence = fmt::format("the peer {} (\"{}\") {}", text_of(job.claimed),
                                             leaf.info.subject, algorithm.error().sentence);
    return std::move(algorithm.error());
  }
  return PeerVerified{leaf.info.subject, leaf.info.sans, leaf.info.issuer, known->until,
                      std::move(*algorithm)};
}

std::optional<VerifiedChain> PeerVerifier::recall(const Key& key, WallTime now) {
  const std::lock_guard lock(mutex_);
  const auto at = entries_.find(key);
  if (at == entries_.end()) return std::nullopt;
  if (now < at->second.chain.from || now > at->second.chain.until) {
    order_.erase(at->second.place);
    entries_.erase(at);
    return std::nullopt;
  }
  order_.splice(order_.end(), order_, at->second.place);
  return at->second.chain;
}

void PeerVerifier::remember(const Key& key, const VerifiedChain& chain) {
  const std::lock_guard lock(mutex_);
  ++verified_;
  if (entries_.count(key) != 0) return;  // another thread verified the same
  if (entries_.size() >= capacity_ && !order_.empty()) {
    entries_.erase(order_.front());
    order_.pop_front();
  }
  order_.push_back(key);
  entries_.emplace(key, Entry{chain, std::prev(order_.end())});
}

void PeerVerifier::clear() {
  const std::lock_guard lock(mutex_);
  entries_.clear();
  order_.clear();
}

std::uint64_t PeerVerifier::verified_chains() const {
  const std::lock_guard lock(mutex_);
  return verified_;
}

}  // namespace espalier::ike::crypto::nss
