#include "ike/crypto/nss/trust.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "base/time_text.h"
#include "ike/crypto/nss/pkix.h"
#include "ike/crypto/pem.h"

namespace espalier::ike::crypto::nss {
namespace {

constexpr std::size_t kMaxChain = 16;  // certificates a peer may make us look at
constexpr std::size_t kMaxAnchors = 256;

std::optional<Refusal> date_problem(const Path& path, WallTime now) {
  for (std::size_t i = 0; i < path.size(); ++i) {
    const CertificateInfo& info = path[i]->info;
    const char* what = i == 0                 ? "the peer's certificate"
                       : i + 1 == path.size() ? "the CA certificate"
                                              : "the intermediate certificate";
    if (now > info.not_after) {
      return Refusal{RefusalReason::kExpired, fmt::format("{} \"{}\" expired on {}", what,
                                                          info.subject, time_text(info.not_after))};
    }
    if (now < info.not_before) {
      return Refusal{RefusalReason::kNotYetValid,
                     fmt::format("{} \"{}\" is not valid before {} (this clock says {})", what,
                                 info.subject, time_text(info.not_before), time_text(now))};
    }
  }
  return std::nullopt;
}

// PKIX would only say that the issuer is unknown. The anchor is left to it.
std::optional<Refusal> issuer_problem(const Path& path) {
  for (std::size_t i = 1; i + 1 < path.size(); ++i) {
    if (path[i]->is_ca) continue;
    return Refusal{RefusalReason::kBadKeyUsage,
                   fmt::format("the certificate of \"{}\" was issued by \"{}\", which is no CA",
                               path[i - 1]->info.subject, path[i]->info.subject)};
  }
  return std::nullopt;
}

std::optional<Refusal> weak_key(const Path& path) {
  for (const auto& certificate : path) {
    if (!is_weak(certificate->info)) continue;
    return Refusal{
        RefusalReason::kWeakKey,
        fmt::format("the key of \"{}\" is too weak: {}, at least RSA {} is wanted",
                    certificate->info.subject, key_text(certificate->info), kMinRsaBits)};
  }
  return std::nullopt;
}

// Revocation of every certificate below the anchor, by the trust's own CRLs. Narrows `until`.
std::optional<Refusal> revocation_problem(const Trust& trust, const Path& path, WallTime now,
                                          WallTime& until) {
  if (trust.crls.empty() && trust.revocation == Revocation::kRelaxed) return std::nullopt;
  for (std::size_t i = 0; i + 1 < path.size(); ++i) {
    const Certificate& certificate = *path[i];
    const Certificate& issuer = *path[i + 1];
    std::optional<WallTime> fresh_until;
    std::string stale;
    for (const auto& crl : trust.crls) {
      if (crl->issuer_der != certificate.issuer_der || !signed_by(*crl, issuer)) continue;
      if (crl->serials.count(certificate.serial) != 0) {
        return Refusal{RefusalReason::kRevoked,
                       fmt::format("the certificate of \"{}\" was revoked by its issuer \"{}\"",
                                   certificate.info.subject, issuer.info.subject)};
      }
      const WallTime end = crl->next_update.value_or(WallTime::max());
      if (crl->this_update <= now && now <= end) {
        fresh_until = std::max(fresh_until.value_or(end), end);
      } else {
        stale = fmt::format("; the one there is was good from {} until {}",
                            time_text(crl->this_update), time_text(end));
      }
    }
    if (trust.revocation == Revocation::kRelaxed) continue;
    if (!fresh_until) {
      return Refusal{RefusalReason::kRevocationUnknown,
                     fmt::format("whether the certificate of \"{}\" is revoked cannot be said: no "
                                 "fresh CRL of \"{}\"{}",
                                 certificate.info.subject, issuer.info.subject, stale)};
    }
    until = std::min(until, *fresh_until);
  }
  return std::nullopt;
}

}  // namespace

Result<Path> read_anchors(std::string_view pem) {
  auto blocks = decode_pem(pem);
  if (!blocks) return forward(blocks);
  Path anchors;
  for (std::size_t i = 0; i < blocks->size(); ++i) {
    const PemBlock& block = (*blocks)[i];
    if (block.label != "CERTIFICATE" && block.label != "X509 CERTIFICATE") {
      return fail(
          Code::kInvalid, {},
          fmt::format("holds a \"{}\"; only certificates belong into a trust bundle", block.label));
    }
    auto anchor = decode_certificate(block.data.view());
    if (!anchor) {
      return fail(
          anchor.error().code, {},
          fmt::format("certificate {} of {} {}", i + 1, blocks->size(), anchor.error().detail));
    }
    const bool twice = std::any_of(anchors.begin(), anchors.end(), [&anchor](const auto& one) {
      return one->der == (*anchor)->der;
    });
    if (!twice) anchors.push_back(std::move(*anchor));
  }
  if (anchors.size() > kMaxAnchors) {
    return fail(Code::kInvalid, {}, fmt::format("holds more than {} certificates", kMaxAnchors));
  }
  return anchors;
}

tl::expected<VerifiedChain, Refusal> verify_chain(const Trust& trust,
                                                  const std::shared_ptr<const Certificate>& leaf,
                                                  const std::vector<Bytes>& chain, WallTime now) {
  if (chain.size() > kMaxChain) {
    return tl::unexpected<Refusal>(
        Refusal{RefusalReason::kMalformed,
                fmt::format("the peer sent {} certificates; at most {} are taken", chain.size(),
                            kMaxChain)});
  }
  auto path = find_path(leaf, chain, trust.anchors, now);
  if (!path) return tl::unexpected<Refusal>(std::move(path.error()));
  VerifiedChain verified{leaf, leaf->info.not_before, leaf->info.not_after};
  for (const auto& certificate : *path) {
    verified.from = std::max(verified.from, certificate->info.not_before);
    verified.until = std::min(verified.until, certificate->info.not_after);
  }
  auto problem = date_problem(*path, now);
  if (!problem) problem = issuer_problem(*path);
  if (!problem) problem = weak_key(*path);
  if (!problem) problem = pkix_problem(*path, now);
  if (!problem) problem = revocation_problem(trust, *path, now, verified.until);
  if (problem) return tl::unexpected<Refusal>(std::move(*problem));
  return verified;
}

}  // namespace espalier::ike::crypto::nss
