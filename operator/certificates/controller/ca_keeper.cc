#include "operator/certificates/controller/ca_keeper.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/base64.h"
#include "base/time_text.h"
#include "ike/crypto/pem.h"
#include "operator/certificates/controller/trust_config_map.h"

namespace espalier::certificates {

using kube::ApiError;
using kube::ApiResult;
using kube::ErrorKind;
using kube::Json;
using kube::ObjectPtr;

namespace {

constexpr Seconds kLookEvery = std::chrono::minutes(10);
constexpr Seconds kFresh = std::chrono::hours(1);
constexpr Duration kDamagedRetry = std::chrono::minutes(1);
constexpr int kAttempts = 3;
constexpr std::size_t kMaxSurvivors = 16;
constexpr const char* kOurKeys[] = {"ca.crt",     "ca.key",      "next.crt",     "next.key",
                                    "next.since", "retired.crt", "retired.until"};

ApiError error_of(ErrorKind kind, std::string where, std::string message) {
  ApiError error;
  error.kind = kind;
  error.where = std::move(where);
  error.message = std::move(message);
  return error;
}

// The server's words about a Secret that was written may quote it.
ApiError without_words(ApiError error) {
  if (error.status == 0) return error;  // the transport's own words
  error.causes.clear();
  error.message = "the API server refused it; its words are left out, for they may quote a key";
  if (error.kind == ErrorKind::kForbidden) error.message += "; does deploy/operator.yaml apply?";
  return error;
}

Result<SecretData> data_of(const Json& secret) {
  SecretData data;
  const Json* map = kube::find_field(secret, "data");
  if (map == nullptr || map->is_null()) return data;
  if (!map->is_object()) return fail(Code::kInvalid, "data", "is no map");
  for (const auto& [name, value] : map->items()) {
    const auto* text = value.get_ptr<const std::string*>();
    auto octets =
        text == nullptr ? Result<SecretBytes>(fail(Code::kInvalid, {})) : decode_base64(*text);
    if (!octets) return fail(Code::kInvalid, name, "is no base64");
    data.emplace(name, std::move(*octets));
  }
  return data;
}

// The CAs in what nodes trust, when their keys are gone: what they signed is still in use.
std::vector<RetiredCa> survivors(const std::string& bundle, const CaTimes& times, WallTime now) {
  std::vector<RetiredCa> found;
  auto blocks = ike::crypto::decode_pem(bundle);
  if (!blocks) return found;
  for (const auto& block : *blocks) {
    auto certificate = decode_certificate(block.data.view());
    if (!certificate || !certificate->is_ca || now >= certificate->not_after) continue;
    if (found.size() == kMaxSurvivors) break;
    found.push_back(retire(std::move(*certificate), times, now));
  }
  return found;
}

bool asks_for_rotation(const ObjectPtr& secret) {
  return secret && secret->metadata.annotations.count(std::string(kRotateAnnotation)) != 0;
}

std::string words_of(const Certificate& certificate) {
  return fmt::format("\"{}\", valid until {}", certificate.subject.common_name,
                     time_text(certificate.not_after));
}

}  // namespace

kube::Reconciled CaKeeper::reconcile(WallTime now) {
  const std::lock_guard lock(at_work_);
  for (int attempts = 1;; ++attempts) {
    auto done = attempt(now);
    // Somebody else was faster: take what is there now.
    const bool raced = !done && (done.error().kind == ErrorKind::kConflict ||
                                 done.error().kind == ErrorKind::kExists);
    if (!raced || attempts == kAttempts) return done;
  }
}

kube::Reconciled CaKeeper::attempt(WallTime now) {
  auto stored = read();
  if (!stored) return tl::unexpected(std::move(stored.error()));
  const auto published = read_trust(client_, config_.ns);
  if (!published) return tl::unexpected(published.error());
  CaSet& set = stored->set;
  const bool lost = !stored->secret && *published;
  if (lost) set.retired = survivors(**published, config_.times, now);

  bool changed = false;
  Rotation rotation;
  const auto keys_failed = [](const Error& error) {
    const ErrorKind kind =
        error.code == Code::kInvalid ? ErrorKind::kInvalid : ErrorKind::kTransient;
    return tl::unexpected(error_of(kind, "the CA's rotation", error.to_string()));
  };
  if (set.next &&
      published->value_or("").find(set.next->authority.certificate_pem()) == std::string::npos) {
    set.next->trusted_since = now;
    changed = true;
  }
  const bool staged = asks_for_rotation(stored->secret);
  if (staged) {
    changed = true;
    if (!set.next) rotation.steps.push_back(RotationStep::kStaged);
    if (auto done = stage_now(set, config_.times, now, keys_); !done) {
      return keys_failed(done.error());
    }
  }
  const bool followed = set.next && (!config_.everyone_follows ||
                                     config_.everyone_follows(set.next->authority.certificate()));
  auto advanced = advance(set, config_.times, now, followed, keys_);
  if (!advanced) return keys_failed(advanced.error());
  rotation.steps.insert(rotation.steps.end(), advanced->steps.begin(), advanced->steps.end());
  rotation.look_again = advanced->look_again;

  ObjectPtr secret = stored->secret;
  if (changed || !rotation.steps.empty()) {
    auto written = write(*stored);
    if (!written) return tl::unexpected(std::move(written.error()));
    secret = std::move(*written);
  }
  const std::string bundle = trust_bundle(set);
  if (*published != bundle) {
    if (auto done = publish_trust(client_, config_.ns, bundle); !done)
      return tl::unexpected(std::move(done.error()));
  }
  if (lost) {
    tell(*secret, kube::EventType::kWarning, "CaLost",
         "the Secret was gone: a new CA signs from now on; what nodes trusted stays trusted until "
         "its last certificates expire");
  }
  tell_steps(*secret, set, rotation);
  const Seconds until = std::max(rotation.look_again - now, Seconds(1));
  keep(std::move(set), now);
  return kube::reconcile_again(std::min(until, kLookEvery));
}

ApiResult<CaKeeper::Stored> CaKeeper::read() const {
  Stored stored;
  auto found = client_.get(kube::secrets(), {config_.ns, std::string(kCaSecret)});
  if (!found) {
    if (found.error().kind == ErrorKind::kNotFound) return stored;
    return tl::unexpected(std::move(found.error()));
  }
  stored.secret = std::move(*found);
  auto data = data_of(stored.secret->json);
  auto set = data ? from_secret(*data, keys_) : Result<CaSet>(forward(data));
  // A Secret that is there is somebody's: emptied, it is as damaged as with half a key.
  if (set && !set->signing) set = fail(Code::kInvalid, "ca.crt", "is missing");
  if (set) {
    stored.set = std::move(*set);
    return stored;
  }
  ApiError error = error_of(
      ErrorKind::kTransient, fmt::format("Secret {}/{}", config_.ns, kCaSecret),
      fmt::format("{}. It is left as it is, and nothing is signed. Restore it from a backup, or "
                  "delete it to have a new CA made",
                  set.error().to_string()));
  error.retry_after = kDamagedRetry;
  return tl::unexpected(std::move(error));
}

ApiResult<ObjectPtr> CaKeeper::write(const Stored& stored) const {
  auto data = to_secret(stored.set, keys_);
  if (!data) {
    return tl::unexpected(error_of(ErrorKind::kTransient,
                                   fmt::format("Secret {}/{}", config_.ns, kCaSecret),
                                   data.error().to_string()));
  }
  Json object;
  if (stored.secret) {
    object = stored.secret->json;  // with its resourceVersion
    for (const char* name : kOurKeys) object["data"].erase(name);
    if (asks_for_rotation(stored.secret)) {
      object["metadata"]["annotations"].erase(std::string(kRotateAnnotation));
    }
  } else {
    object = {{"metadata", {{"name", kCaSecret}, {"namespace", config_.ns}}}, {"type", "Opaque"}};
  }
  for (const auto& [name, value] : *data) {
    object["data"][name] = to_text(encode_base64(value.view()).view());
  }
  auto written = stored.secret ? client_.replace(kube::secrets(), std::move(object))
                               : client_.create(kube::secrets(), std::move(object));
  if (!written) return tl::unexpected(without_words(std::move(written.error())));
  return written;
}

void CaKeeper::keep(CaSet set, WallTime now) {
  auto kept = std::make_shared<const CaSet>(std::move(set));
  const std::lock_guard lock(mutex_);
  set_ = std::move(kept);
  read_at_ = now;
}

std::shared_ptr<const CaSet> CaKeeper::current(WallTime now) const {
  const std::lock_guard lock(mutex_);
  return now - read_at_ <= kFresh ? set_ : nullptr;
}

std::vector<Expiry> CaKeeper::expiries() const {
  const std::lock_guard lock(mutex_);
  return set_ ? certificates::expiries(*set_) : std::vector<Expiry>();
}

void CaKeeper::tell(const kube::Object& secret, kube::EventType type, std::string reason,
                    std::string note) const {
  if (!config_.tell) return;
  config_.tell({kube::reference_to(secret), type, std::move(reason), "RotateCa", std::move(note)});
}

void CaKeeper::tell_steps(const kube::Object& secret, const CaSet& set,
                          const Rotation& rotation) const {
  for (const RotationStep step : rotation.steps) {
    std::string note = "CAs whose last certificates have expired are not trusted any more";
    if (step == RotationStep::kCreated || step == RotationStep::kSwitched) {
      note = "signs from now on: " + words_of(set.signing->certificate());
    } else if (step == RotationStep::kStaged) {
      // It signs already where the old one had expired.
      const Certificate& made =
          set.next ? set.next->authority.certificate() : set.signing->certificate();
      note = "trusted from now on, will sign later: " + words_of(made);
    }
    tell(secret, kube::EventType::kNormal, fmt::format("Ca{}", name_of(step)), std::move(note));
  }
}

}  // namespace espalier::certificates
