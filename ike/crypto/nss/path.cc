#include "ike/crypto/nss/path.h"

#include <algorithm>

#include <fmt/format.h>
#include <secasn1.h>
#include <secerr.h>

#include "ike/crypto/distinguished_name.h"

namespace espalier::ike::crypto::nss {
namespace {

constexpr std::size_t kMaxLength = 8;  // certificates of one path

enum class Signed { kYes, kNo, kWeakHash };

Signed signature_of(const Certificate& subject, const Certificate& issuer) {
  const ArenaPtr arena(PORT_NewArena(DER_DEFAULT_CHUNKSIZE));
  CERTSignedData data{};
  const SECItem item = item_of(subject.der);
  if (!arena || SEC_QuickDERDecodeItem(arena.get(), &data, SEC_ASN1_GET(CERT_SignedDataTemplate),
                                       &item) != SECSuccess) {
    return Signed::kNo;
  }
  if (CERT_VerifySignedDataWithPublicKey(&data, issuer.key.get(), nullptr) == SECSuccess) {
    return Signed::kYes;
  }
  return PR_GetError() == SEC_ERROR_CERT_SIGNATURE_ALGORITHM_DISABLED ? Signed::kWeakHash
                                                                      : Signed::kNo;
}

bool valid(const Certificate& certificate, WallTime now) {
  return certificate.info.not_before <= now && now <= certificate.info.not_after;
}

class Search {
 public:
  Search(const Path& anchors, Path candidates, WallTime now)
      : anchors_(sorted(anchors, now)), candidates_(sorted(std::move(candidates), now)) {}

  // Extends `path` to an anchor. Depth first; the path is as it was when this fails.
  bool extend(Path& path) {
    const std::shared_ptr<const Certificate> last = path.back();
    for (const auto& anchor : anchors_) {
      if (anchor->der == last->der) return true;
      if (issued(*last, *anchor)) {
        path.push_back(anchor);
        return true;
      }
    }
    if (path.size() + 1 >= kMaxLength) return false;
    for (const auto& candidate : candidates_) {
      const bool seen = std::any_of(path.begin(), path.end(), [&candidate](const auto& one) {
        return one->der == candidate->der;
      });
      if (seen || !issued(*last, *candidate)) continue;
      path.push_back(candidate);
      if (extend(path)) return true;
      path.pop_back();
    }
    return false;
  }

  [[nodiscard]] bool met_weak_hash() const { return weak_hash_; }

 private:
  static Path sorted(Path certificates, WallTime now) {
    std::stable_partition(certificates.begin(), certificates.end(),
                          [now](const auto& one) { return valid(*one, now); });
    return certificates;
  }

  bool issued(const Certificate& subject, const Certificate& issuer) {
    if (subject.issuer_der != issuer.info.subject_der || signatures_left_ == 0) return false;
    --signatures_left_;
    const Signed result = signature_of(subject, issuer);
    weak_hash_ = weak_hash_ || result == Signed::kWeakHash;
    return result == Signed::kYes;
  }

  Path anchors_;
  Path candidates_;
  int signatures_left_ = kMaxSignatures;
  bool weak_hash_ = false;
};

std::string trusted_names(const Path& anchors) {
  std::string names;
  for (std::size_t i = 0; i < anchors.size() && i < 3; ++i) {
    names += fmt::format("{}\"{}\"", i == 0 ? "" : ", ", anchors[i]->info.subject);
  }
  if (anchors.size() > 3) names += fmt::format(" and {} more", anchors.size() - 3);
  return names.empty() ? "nobody" : names;
}

// Follows the names as far as the peer showed certificates, and says where they end.
std::string dead_end(const Certificate& leaf, const Path& candidates, const Path& anchors) {
  const Certificate* last = &leaf;
  for (std::size_t step = 0; step < candidates.size(); ++step) {
    const auto next = std::find_if(candidates.begin(), candidates.end(), [last](const auto& one) {
      return one->info.subject_der == last->issuer_der && one->issuer_der != one->info.subject_der;
    });
    if (next == candidates.end()) break;
    last = next->get();
  }
  const bool known = std::any_of(anchors.begin(), anchors.end(), [last](const auto& anchor) {
    return anchor->info.subject_der == last->issuer_der;
  });
  const std::string whose = last == &leaf
                                ? fmt::format("the certificate of \"{}\"", leaf.info.subject)
                                : fmt::format("the certificate of \"{}\", above that of \"{}\",",
                                              last->info.subject, leaf.info.subject);
  if (known) {
    return fmt::format(
        "{} names the issuer \"{}\", but was not signed with the key of the CA of that name that "
        "is "
        "trusted here",
        whose, last->info.issuer);
  }
  return fmt::format("{} was issued by \"{}\", which is not trusted here; trusted: {}", whose,
                     last->info.issuer, trusted_names(anchors));
}

}  // namespace

tl::expected<Path, Refusal> find_path(const std::shared_ptr<const Certificate>& leaf,
                                      const std::vector<Bytes>& sent, const Path& anchors,
                                      WallTime now) {
  Path candidates;
  for (std::size_t i = 1; i < sent.size(); ++i) {
    auto decoded = decode_certificate(sent[i]);
    if (decoded) candidates.push_back(std::move(*decoded));  // what is not needed may be anything
  }
  Search search(anchors, candidates, now);
  Path path = {leaf};
  if (search.extend(path)) return path;
  if (search.met_weak_hash()) {
    return tl::unexpected<Refusal>(Refusal{
        RefusalReason::kUnsupportedAlgorithm,
        fmt::format("the certificate of \"{}\", or one above it, is signed with SHA-1 or a weaker "
                    "hash",
                    leaf->info.subject)});
  }
  return tl::unexpected<Refusal>(
      Refusal{RefusalReason::kUntrustedIssuer, dead_end(*leaf, candidates, anchors)});
}

}  // namespace espalier::ike::crypto::nss
