#include "operator/certificates/ca_rotation.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/time_text.h"
#include "ike/crypto/pem.h"

namespace espalier::certificates {

namespace {

// A clock that is behind still takes the last certificate.
constexpr Seconds kClockSlack = std::chrono::hours(24);

// When the next CA is made: the old one can then still sign full certificates for trust_lead and
// one node_lifetime more, should somebody not follow.
WallTime stage_at(const Certificate& signing, const CaTimes& times) {
  return signing.not_after - 2 * times.node_lifetime - times.trust_lead;
}

// From here on the old CA shortens what it signs.
WallTime last_switch(const Certificate& signing, const CaTimes& times) {
  return signing.not_after - times.node_lifetime;
}

WallTime switch_at(const NextCa& next, const Certificate& signing, const CaTimes& times,
                   bool everyone_follows) {
  const WallTime led = next.trusted_since + times.trust_lead;
  return everyone_follows ? led : std::max(led, last_switch(signing, times));
}

WallTime next_look(const CaSet& set, const CaTimes& times, bool everyone_follows) {
  const Certificate& signing = set.signing->certificate();
  WallTime look =
      set.next ? switch_at(*set.next, signing, times, everyone_follows) : stage_at(signing, times);
  for (const RetiredCa& retired : set.retired) look = std::min(look, retired.trusted_until);
  return look;
}

Result<SecretBytes> key_of(const SecretData& data, const std::string& name) {
  const auto at = data.find(name);
  if (at == data.end()) return fail(Code::kInvalid, name, "is missing");
  return at->second.copy();
}

std::string text_of(const SecretData& data, const std::string& name) {
  const auto at = data.find(name);
  return at == data.end() ? std::string() : to_text(at->second.view());
}

SecretBytes bytes_of(std::string_view text) {
  return SecretBytes(as_bytes(text));
}

// The CA under "<name>.crt" and "<name>.key".
Result<CertificateAuthority> load(const SecretData& data, const std::string& name,
                                  SigningKeys& keys) {
  auto key = key_of(data, name + ".key");
  if (!key) return forward(key);
  const std::string_view text(reinterpret_cast<const char*>(key->view().data()), key->size());
  auto authority = CertificateAuthority::load(keys, text_of(data, name + ".crt"), text);
  if (authority || name == "ca") return authority;
  // The loader speaks of "ca.crt" and "ca.key".
  return fail(authority.error().code, name + authority.error().where.substr(2),
              authority.error().detail);
}

Status read_next(const SecretData& data, CaSet& set, SigningKeys& keys) {
  if (data.count("next.crt") == 0 && data.count("next.key") == 0) return {};
  auto next = load(data, "next", keys);
  if (!next) return forward(next);
  const auto since = parse_time_text(text_of(data, "next.since"));
  if (!since) {
    return fail(Code::kInvalid, "next.since", "is no time such as 2026-11-24T12:00:00Z");
  }
  set.next = NextCa{std::move(*next), *since};
  return {};
}

Status read_retired(const SecretData& data, CaSet& set) {
  if (data.count("retired.crt") == 0) return {};
  auto blocks = ike::crypto::decode_pem(text_of(data, "retired.crt"));
  if (!blocks) return within("retired.crt", blocks);
  const std::string text = text_of(data, "retired.until");
  std::string_view lines = text;
  for (const auto& block : *blocks) {
    auto certificate = decode_certificate(block.data.view());
    if (!certificate) return within("retired.crt", certificate);
    const std::string_view line = lines.substr(0, lines.find('\n'));
    lines.remove_prefix(std::min(lines.size(), line.size() + 1));
    const auto until = parse_time_text(line);
    if (!until) {
      return fail(Code::kInvalid, "retired.until", "has no time for each retired certificate");
    }
    set.retired.push_back({std::move(*certificate), *until});
  }
  return {};
}

}  // namespace

Status CaTimes::check() const {
  if (node_lifetime <= Seconds::zero()) {
    return fail(Code::kInvalid, "node_lifetime", "must be positive");
  }
  if (trust_lead <= Seconds::zero()) return fail(Code::kInvalid, "trust_lead", "must be positive");
  if (ca_lifetime <= 2 * node_lifetime + trust_lead) {
    return fail(Code::kInvalid, "ca_lifetime",
                "must be longer than twice node_lifetime and trust_lead together");
  }
  return {};
}

std::string_view name_of(RotationStep step) {
  switch (step) {
    case RotationStep::kCreated:
      return "Created";
    case RotationStep::kStaged:
      return "Staged";
    case RotationStep::kSwitched:
      return "Switched";
    case RotationStep::kRemoved:
      return "Removed";
  }
  return "?";
}

Result<Rotation> advance(CaSet& set, const CaTimes& times, WallTime now, bool everyone_follows,
                         SigningKeys& keys) {
  if (auto good = times.check(); !good) return forward(good);
  CaSet changed = set;
  Rotation rotation;
  const auto switch_over = [&] {
    const Certificate old = changed.signing->certificate();
    // What is left of an expired one verifies nowhere.
    if (now < old.not_after) changed.retired.push_back(retire(old, times, now));
    changed.signing = std::move(changed.next->authority);
    changed.next.reset();
    rotation.steps.push_back(RotationStep::kSwitched);
  };

  const auto removed =
      std::remove_if(changed.retired.begin(), changed.retired.end(),
                     [now](const RetiredCa& retired) { return now >= retired.trusted_until; });
  if (removed != changed.retired.end()) {
    changed.retired.erase(removed, changed.retired.end());
    rotation.steps.push_back(RotationStep::kRemoved);
  }
  if (!changed.signing) {
    auto made = CertificateAuthority::create(keys, Curve::kP256, now, times.ca_lifetime);
    if (!made) return forward(made);
    changed.signing = std::move(*made);
    rotation.steps.push_back(RotationStep::kCreated);
  }
  const Certificate signing = changed.signing->certificate();
  if (!changed.next && now >= stage_at(signing, times)) {
    if (auto staged = stage_now(changed, times, now, keys); !staged) return forward(staged);
    rotation.steps.push_back(RotationStep::kStaged);
  }
  if (changed.next && (now >= signing.not_after ||
                       now >= switch_at(*changed.next, signing, times, everyone_follows))) {
    switch_over();
  }
  rotation.look_again = next_look(changed, times, everyone_follows);
  set = std::move(changed);
  return rotation;
}

RetiredCa retire(Certificate certificate, const CaTimes& times, WallTime now) {
  const WallTime last = std::min(certificate.not_after, now + times.node_lifetime);
  return {std::move(certificate), last + kClockSlack};
}

Status stage_now(CaSet& set, const CaTimes& times, WallTime now, SigningKeys& keys) {
  if (set.next) return {};
  auto made = CertificateAuthority::create(keys, Curve::kP256, now, times.ca_lifetime);
  if (!made) return forward(made);
  set.next = NextCa{std::move(*made), now};
  return {};
}

std::string trust_bundle(const CaSet& set) {
  std::string bundle;
  if (set.signing) bundle += set.signing->certificate_pem();
  if (set.next) bundle += set.next->authority.certificate_pem();
  for (const RetiredCa& retired : set.retired) bundle += to_pem(retired.certificate);
  return bundle;
}

Result<SecretData> to_secret(const CaSet& set, SigningKeys& keys) {
  SecretData data;
  const auto put = [&](const std::string& name, const CertificateAuthority& authority) -> Status {
    auto key = authority.key_pem(keys);
    if (!key) return within(name + ".key", key);
    data.emplace(name + ".crt", bytes_of(authority.certificate_pem()));
    data.emplace(name + ".key", std::move(*key));
    return {};
  };
  if (set.signing) {
    if (auto done = put("ca", *set.signing); !done) return forward(done);
  }
  if (set.next) {
    if (auto done = put("next", set.next->authority); !done) return forward(done);
    data.emplace("next.since", bytes_of(time_text(set.next->trusted_since)));
  }
  std::string certificates;
  std::string times;
  for (const RetiredCa& retired : set.retired) {
    certificates += to_pem(retired.certificate);
    times += time_text(retired.trusted_until) + "\n";
  }
  if (!certificates.empty()) {
    data.emplace("retired.crt", bytes_of(certificates));
    data.emplace("retired.until", bytes_of(times));
  }
  return data;
}

Result<CaSet> from_secret(const SecretData& data, SigningKeys& keys) {
  CaSet set;
  if (data.count("ca.crt") != 0 || data.count("ca.key") != 0) {
    auto signing = load(data, "ca", keys);
    if (!signing) return forward(signing);
    set.signing = std::move(*signing);
  }
  if (auto read = read_next(data, set, keys); !read) return forward(read);
  if (auto read = read_retired(data, set); !read) return forward(read);
  return set;
}

std::vector<Expiry> expiries(const CaSet& set) {
  std::vector<Expiry> all;
  const auto add = [&all](const char* role, const Certificate& certificate) {
    all.push_back({role, certificate.subject.common_name, certificate.not_after});
  };
  if (set.signing) add("ca", set.signing->certificate());
  if (set.next) add("ca-next", set.next->authority.certificate());
  for (const RetiredCa& retired : set.retired) add("ca-retired", retired.certificate);
  return all;
}

}  // namespace espalier::certificates
