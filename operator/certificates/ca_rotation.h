// The operator's CAs over time: which one signs, which ones are trusted, and what is to be done
// next.
//
// A CA is replaced in three steps, so that at every moment each node trusts every certificate that
// any node shows:
//
//   |-- signs ----------------------------------------|
//                  next is trusted ->|-- signs -------------------------------------
//                  ^ staged          ^ switched       ^ the old one leaves the bundle
//                  |<- trust_lead -->|<node_lifetime+>|
//
// Guarantees: the new CA signs only after `trust_lead` in everybody's bundle; the old one is
// trusted until the last certificate that it signed has expired; a CA that is no use any more
// (expired) is replaced at once. Pure but for the port; time is an argument. What is kept is one
// Secret's data. Assumptions: one writer (the leader), who writes the Secret with its
// resourceVersion and begins anew on a conflict, and who publishes trust_bundle() before it signs.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/secret_bytes.h"
#include "base/time.h"
#include "operator/certificates/certificate_authority.h"
#include "operator/certificates/signing_keys.h"

namespace espalier::certificates {

struct CaTimes {
  Seconds ca_lifetime = std::chrono::hours(24 * 730);
  Seconds node_lifetime = std::chrono::hours(24 * 30);  // the longest that is signed
  Seconds trust_lead = std::chrono::hours(24);

  // kInvalid, naming the field, unless ca_lifetime > 2 * node_lifetime + trust_lead, all positive.
  [[nodiscard]] Status check() const;
};

struct NextCa {
  CertificateAuthority authority;
  WallTime trusted_since{};
};

struct RetiredCa {
  Certificate certificate;
  WallTime trusted_until{};
};

struct CaSet {
  std::optional<CertificateAuthority> signing;
  std::optional<NextCa> next;
  std::vector<RetiredCa> retired;  // oldest first
};

enum class RotationStep : std::uint8_t { kCreated, kStaged, kSwitched, kRemoved };
[[nodiscard]] std::string_view name_of(RotationStep step);  // "Created", for events

struct Rotation {
  std::vector<RotationStep> steps;  // in order; empty: nothing changed
  WallTime look_again{};            // when the next step is due, if nothing else happens
};

// Does what is due now. `everyone_follows`: every live node has said that it trusts the next CA;
// while one has not, the switch is put off, but not beyond the last moment at which the old CA can
// sign a certificate of full length. On an error `set` is as it was.
[[nodiscard]] Result<Rotation> advance(CaSet& set, const CaTimes& times, WallTime now,
                                       bool everyone_follows, SigningKeys& keys);

// A CA that signs nothing from `now` on, trusted until the last certificate that it may have signed
// has expired, and a day for clocks that are behind.
[[nodiscard]] RetiredCa retire(Certificate certificate, const CaTimes& times, WallTime now);

// Stages the next CA before its time (a compromised key, another curve). Nothing when one is
// staged.
[[nodiscard]] Status stage_now(CaSet& set, const CaTimes& times, WallTime now, SigningKeys& keys);

// What nodes trust: PEM, the signing CA first. Every CA that anybody's certificate may come from.
[[nodiscard]] std::string trust_bundle(const CaSet& set);

// A Secret's data, decoded from base64.
using SecretData = std::map<std::string, SecretBytes>;

// ca.crt, ca.key; while one is staged next.crt, next.key, next.since; while one is retired
// retired.crt (a bundle) and retired.until (a line per certificate).
[[nodiscard]] Result<SecretData> to_secret(const CaSet& set, SigningKeys& keys);
// No ca.crt and no ca.key: an empty set. Errors have the key as their place. What cannot be read is
// an error, never a reason to make a new CA.
[[nodiscard]] Result<CaSet> from_secret(const SecretData& data, SigningKeys& keys);

// For metrics: "ca", "ca-next", "ca-retired", each with the end of its validity.
struct Expiry {
  std::string role;
  std::string subject;
  WallTime not_after{};
};
[[nodiscard]] std::vector<Expiry> expiries(const CaSet& set);

}  // namespace espalier::certificates
