#include "nodeagent/identity/node_identity.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/time_text.h"
#include "ike/crypto/pem.h"

namespace espalier::identity {

using certificates::AltName;
using certificates::Certificate;
using ike::crypto::decode_pem;
using ike::crypto::encode_pem;
using ike::crypto::PemBlock;

namespace {

constexpr std::size_t kMaxNodeInName = 200;  // an object's name has 253 characters at most

// Spreads what many nodes do: a number that only follows from its arguments (FNV-1a).
std::uint64_t spread(std::string_view node, ByteView salt) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  const auto mix = [&hash](std::uint8_t octet) { hash = (hash ^ octet) * 0x100000001b3ULL; };
  for (const char c : node) mix(static_cast<std::uint8_t>(c));
  for (const std::uint8_t octet : salt) mix(octet);
  return hash ^ hash >> 32U;
}

// The object's name: the same for the same key, also after a restart.
std::string request_name(const std::string& node, ByteView key_digest) {
  return fmt::format("espalier-{}-{}", node.substr(0, kMaxNodeInName), to_hex(key_digest.first(8)));
}

// PEM blocks one after the other, of which one is a key.
SecretBytes joined(const SecretBytes& first, const SecretBytes& second) {
  SecretBytes all(first.size() + second.size());
  auto at = std::copy(first.view().begin(), first.view().end(), all.writable().begin());
  std::copy(second.view().begin(), second.view().end(), at);
  return all;
}

std::string_view text_of(const SecretBytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.view().data()), bytes.size()};
}

const PemBlock* find(const std::vector<PemBlock>& blocks, std::string_view label) {
  const auto at = std::find_if(blocks.begin(), blocks.end(),
                               [label](const PemBlock& block) { return block.label == label; });
  return at == blocks.end() ? nullptr : &*at;
}

}  // namespace

NodeIdentity::NodeIdentity(certificates::NodeIdentity node, Ports ports)
    : node_(std::move(node)), ports_(ports) {}

void NodeIdentity::start(WallTime now) {
  load_current(now);
  load_next();
  act(now);
}

void NodeIdentity::load_current(WallTime now) {
  auto stored = ports_.store->load(Slot::kCurrent);
  if (stored && !*stored) return;
  const auto unusable = [&](const std::string& why) {
    trouble_reason_ = "StoredCertificateUnusable";
    trouble_ = "the stored certificate cannot be used: " + why;
  };
  if (!stored) return unusable(stored.error().to_string());
  auto blocks = decode_pem(text_of(**stored));
  if (!blocks) return unusable(blocks.error().to_string());
  const PemBlock* key = find(*blocks, "PRIVATE KEY");
  const PemBlock* block = find(*blocks, "CERTIFICATE");
  if (!key || !block) return unusable("a key or a certificate is missing");
  auto certificate = certificates::decode_certificate(block->data.view());
  if (!certificate) return unusable(certificate.error().to_string());
  auto imported = ports_.keys->import_key(key->data.view(), certificate->key);
  if (!imported) return unusable(imported.error().to_string());
  if (now >= certificate->not_after) return unusable("it has expired");
  if (auto names = check_names(*certificate); !names) return unusable(names.error().to_string());
  const WallTime renew_at = renewal_of(*certificate);
  current_ = Own{std::move(*certificate), encode_pem("PRIVATE KEY", key->data.view()), renew_at};
  use(*current_);
}

void NodeIdentity::load_next() {
  auto stored = ports_.store->load(Slot::kNext);
  if (!stored || !*stored) return;
  auto blocks = decode_pem(text_of(**stored));
  const PemBlock* key = blocks ? find(*blocks, "PRIVATE KEY") : nullptr;
  const PemBlock* block = blocks ? find(*blocks, "CERTIFICATE REQUEST") : nullptr;
  if (!key || !block) return;  // begun anew
  auto request = certificates::decode_request(block->data.view());
  if (!request || !certificates::check_request(*request, node_, *ports_.keys)) return;
  // It was answered, and the process ended before it forgot.
  if (current_ && current_->certificate.key == request->key) return;
  auto imported = ports_.keys->import_key(key->data.view(), request->key);
  auto key_digest = ports_.keys->sha256(request->key.info);
  if (!imported || !key_digest) return;
  Attempt attempt;
  attempt.key = std::move(*imported);
  attempt.request.name = request_name(node_.node, *key_digest);
  attempt.request.pem = to_text(encode_pem("CERTIFICATE REQUEST", block->data.view()).view());
  attempt.post_at = WallTime{};  // known to the signer already, perhaps
  attempt_ = std::move(attempt);
}

Status NodeIdentity::on_bundle(std::string_view pem, WallTime now) {
  auto blocks = decode_pem(pem);
  if (!blocks) return within("ca.crt", blocks);
  std::vector<Certificate> bundle;
  for (const PemBlock& block : *blocks) {
    if (block.label != "CERTIFICATE") continue;
    auto certificate = certificates::decode_certificate(block.data.view());
    if (!certificate) return within("ca.crt", certificate);
    if (!certificate->is_ca) return fail(Code::kInvalid, "ca.crt", "holds what is no CA's");
    bundle.push_back(std::move(*certificate));
  }
  if (bundle.empty()) return fail(Code::kInvalid, "ca.crt", "holds no certificate");
  bundle_ = std::move(bundle);
  if (attempt_ && !attempt_->unverified.empty()) {
    const std::string again = std::move(attempt_->unverified);
    take_certificate(again, now);
  }
  act(now);
  return {};
}

void NodeIdentity::on_identity(const std::string& identity, WallTime now) {
  if (identity == node_.identity) return;
  node_.identity = identity;
  if (attempt_) {
    ports_.signer->forget(attempt_->request.name);
    attempt_.reset();
  }
  failures_ = 0;
  next_attempt_ = now;
  act(now);
}

void NodeIdentity::on_answer(const std::string& name, const RequestAnswer& answer, WallTime now) {
  if (!attempt_ || attempt_->request.name != name) return;
  switch (answer.state) {
    case RequestAnswer::State::kPending:
      break;
    case RequestAnswer::State::kIssued:
      take_certificate(answer.text, now);
      break;
    case RequestAnswer::State::kRefused:
      give_up("Refused", "the request was refused: " + answer.text, now);
      break;
    case RequestAnswer::State::kGone:
      // The API server forgets requests after hours. The key is as good as it was.
      if (attempt_->posted_at) attempt_->post_at = now + retry_wait();
      break;
  }
  act(now);
}

void NodeIdentity::on_post_failed(const std::string& name, const Error& error, WallTime now) {
  if (!attempt_ || attempt_->request.name != name) return;
  trouble_reason_ = "SignerUnreachable";
  trouble_ = "the request could not be posted: " + error.to_string();
  attempt_->post_at = now + retry_wait();
  act(now);
}

void NodeIdentity::on_deadline(WallTime now) {
  act(now);
}

std::optional<UseCertificate> NodeIdentity::next_use() {
  if (uses_.empty()) return std::nullopt;
  UseCertificate use = std::move(uses_.front());
  uses_.pop_front();
  return use;
}

// All that time brings about.
void NodeIdentity::act(WallTime now) {
  if (attempt_ && !attempt_->unverified.empty() && now >= attempt_->unverified_until) {
    give_up("UntrustedIssuer", trouble_, now);
  }
  if (!attempt_ && wants_new(now) && now >= next_attempt_) {
    if (auto begun = begin_attempt(now); !begun) {
      give_up("CannotAsk", "no request could be made: " + begun.error().to_string(), now);
    }
  }
  if (attempt_ && attempt_->post_at && now >= *attempt_->post_at) post(now);

  deadline_ = WallTime::max();
  if (attempt_) {
    if (attempt_->post_at) deadline_ = *attempt_->post_at;
    if (!attempt_->unverified.empty()) deadline_ = std::min(deadline_, attempt_->unverified_until);
  } else if (wants_new(now)) {
    deadline_ = next_attempt_;
  } else if (current_) {
    deadline_ = std::max(current_->renew_at, next_attempt_);
  }
}

bool NodeIdentity::wants_new(WallTime now) const {
  if (!current_ || now >= current_->renew_at) return true;
  if (!check_names(current_->certificate)) return true;
  return !bundle_.empty() && !issuer_of(current_->certificate);
}

const Certificate* NodeIdentity::issuer_of(const Certificate& certificate) const {
  for (const Certificate& ca : bundle_) {
    if (certificates::check_issued(certificate, ca, *ports_.keys)) return &ca;
  }
  return nullptr;
}

Status NodeIdentity::begin_attempt(WallTime now) {
  auto key = ports_.keys->generate(certificates::Curve::kP256);
  if (!key) return forward(key);
  auto request = certificates::make_request(**key, node_, *ports_.keys);
  if (!request) return forward(request);
  auto key_digest = ports_.keys->sha256((*key)->public_key().info);
  if (!key_digest) return forward(key_digest);
  auto key_der = ports_.keys->export_key(**key);
  if (!key_der) return forward(key_der);
  const SecretBytes request_pem = encode_pem("CERTIFICATE REQUEST", *request);
  // Before it is posted: who is asked and ends must find the key again.
  auto saved = ports_.store->save(Slot::kNext,
                                  joined(encode_pem("PRIVATE KEY", key_der->view()), request_pem));
  if (!saved) return saved;
  Attempt attempt;
  attempt.key = std::move(*key);
  attempt.request = {request_name(node_.node, *key_digest), to_text(request_pem.view())};
  attempt.post_at = now;
  attempt_ = std::move(attempt);
  return {};
}

void NodeIdentity::post(WallTime now) {
  attempt_->post_at.reset();
  attempt_->posted_at = now;
  ports_.signer->post(attempt_->request);
}

void NodeIdentity::take_certificate(const std::string& pem, WallTime now) {
  auto certificate = certificates::decode_certificate_pem(pem);
  const auto wrong = [&](const Error& error) {
    give_up("WrongCertificate", "the certificate that came is of no use: " + error.to_string(),
            now);
  };
  if (!certificate) return wrong(certificate.error());
  if (certificate->key != attempt_->key->public_key()) {
    return wrong({Code::kInvalid, "certificate", "it is for another key"});
  }
  if (auto names = check_names(*certificate); !names) return wrong(names.error());
  if (now < certificate->not_before || now >= certificate->not_after) {
    return wrong(
        {Code::kInvalid, "certificate",
         fmt::format("it is valid from {} to {}, not now", time_text(certificate->not_before),
                     time_text(certificate->not_after))});
  }
  if (!issuer_of(*certificate)) {
    attempt_->unverified = pem;  // the bundle may be behind
    if (attempt_->unverified_until == WallTime{}) attempt_->unverified_until = now + kPatience;
    trouble_reason_ = "UntrustedIssuer";
    trouble_ = fmt::format(
        "a certificate came, but its issuer \"{}\" is not in the bundle of trusted CAs (yet)",
        certificate->issuer.common_name);
    return;
  }
  if (auto adopted = adopt(std::move(*certificate)); !adopted) {
    give_up("CannotStore", "the certificate could not be stored: " + adopted.error().to_string(),
            now);
  }
}

Status NodeIdentity::check_names(const Certificate& certificate) const {
  if (certificate.subject !=
      certificates::Name{std::string(certificates::kNodeOrganization), node_.node}) {
    return fail(Code::kInvalid, "certificate",
                fmt::format("it is for \"{}\"", certificate.subject.common_name));
  }
  if (certificate.alt_names != std::vector{AltName{AltName::Kind::kDns, node_.identity}}) {
    return fail(Code::kInvalid, "certificate",
                fmt::format("its subjectAltName is not exactly DNS:{}", node_.identity));
  }
  if (certificate.is_ca) return fail(Code::kInvalid, "certificate", "it is a CA's");
  return {};
}

Status NodeIdentity::adopt(Certificate certificate) {
  auto key_der = ports_.keys->export_key(*attempt_->key);
  if (!key_der) return forward(key_der);
  SecretBytes key_pem = encode_pem("PRIVATE KEY", key_der->view());
  auto saved = ports_.store->save(Slot::kCurrent,
                                  joined(key_pem, encode_pem("CERTIFICATE", certificate.der)));
  if (!saved) return saved;
  const WallTime renew_at = renewal_of(certificate);
  current_ = Own{std::move(certificate), std::move(key_pem), renew_at};
  ports_.signer->forget(attempt_->request.name);
  attempt_.reset();
  (void)ports_.store->remove(Slot::kNext);  // found to be answered at the next start otherwise
  failures_ = 0;
  trouble_reason_.clear();
  trouble_.clear();
  use(*current_);
  return {};
}

void NodeIdentity::use(const Own& own) {
  uses_.push_back({certificates::to_pem(own.certificate), own.key_pem.copy(), own.certificate});
}

void NodeIdentity::give_up(std::string reason, std::string message, WallTime now) {
  trouble_reason_ = std::move(reason);
  trouble_ = std::move(message);
  if (attempt_) ports_.signer->forget(attempt_->request.name);
  attempt_.reset();
  (void)ports_.store->remove(Slot::kNext);
  next_attempt_ = now + retry_wait();
}

// Doubles, and is up to half as long again by a number of this node and try.
Seconds NodeIdentity::retry_wait() {
  const int doublings = std::min(failures_++, 16);
  const Seconds wait = std::min(kFirstRetry * (1 << doublings), kLongestRetry);
  const Bytes salt = {static_cast<std::uint8_t>(failures_)};
  return wait + Seconds(static_cast<std::int64_t>(
                    spread(node_.node, salt) % static_cast<std::uint64_t>(wait.count() / 2 + 1)));
}

// At two thirds of its life, give or take a twentieth.
WallTime NodeIdentity::renewal_of(const Certificate& certificate) const {
  const Seconds life = certificate.not_after - certificate.not_before;
  if (life <= Seconds(0)) return certificate.not_before;
  const Seconds width = life / 10;
  const Seconds jitter(static_cast<std::int64_t>(spread(node_.node, certificate.serial) %
                                                 static_cast<std::uint64_t>(width.count() + 1)));
  return certificate.not_before + life * 2 / 3 - width / 2 + jitter;
}

IdentityStatus NodeIdentity::status(WallTime now) const {
  IdentityStatus status;
  if (current_) {
    status.not_after = current_->certificate.not_after;
    status.ready = now < current_->certificate.not_after && check_names(current_->certificate);
  }
  status.reason = status.ready ? "Issued" : "Waiting";
  if (current_ && !status.ready) status.reason = "Expired";
  if (!trouble_.empty()) {
    if (!status.ready) status.reason = trouble_reason_;
    status.message = trouble_;
  } else if (attempt_ && attempt_->posted_at && now >= *attempt_->posted_at + kPatience) {
    status.message = fmt::format(
        "CertificateSigningRequest {} has no answer since {}; `kubectl describe csr` may tell why",
        attempt_->request.name, time_text(*attempt_->posted_at));
  }
  return status;
}

}  // namespace espalier::identity
