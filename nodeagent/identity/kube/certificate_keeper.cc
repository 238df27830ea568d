#include "nodeagent/identity/kube/certificate_keeper.h"

#include <algorithm>
#include <utility>

namespace espalier::identity {
namespace {

// The clock of the day may be set at any time.
constexpr Seconds kLongestSleep{60};

}  // namespace

CertificateKeeper::CertificateKeeper(kube::Transport& transport, kube::Executor& executor,
                                     Ports ports, Handlers handlers, std::uint64_t seed)
    : executor_(executor),
      ports_(std::move(ports)),
      handlers_(std::move(handlers)),
      signer_(transport, executor,
              {[this](const std::string& name, const RequestAnswer& answer) {
                 if (identity_) identity_->on_answer(name, answer, now());
                 settle();
               },
               [this](const std::string& name, const Error& error) {
                 if (identity_) identity_->on_post_failed(name, error, now());
                 settle();
               },
               [this](const Error& error) { handlers_.on_problem(error); }},
              seed) {}

CertificateKeeper::~CertificateKeeper() {
  *alive_ = false;
  executor_.cancel(wake_);
}

void CertificateKeeper::set_identity(const certificates::NodeIdentity& node) {
  if (identity_) {
    identity_->on_identity(node.identity, now());
    return settle();
  }
  identity_.emplace(node, NodeIdentity::Ports{ports_.keys, &signer_, ports_.store});
  identity_->start(now());
  if (!bundle_.empty()) take_bundle();
  settle();
}

void CertificateKeeper::set_bundle(std::string pem) {
  bundle_ = std::move(pem);
  if (!identity_) return;
  take_bundle();
  settle();
}

void CertificateKeeper::take_bundle() {
  if (auto taken = identity_->on_bundle(bundle_, now()); !taken)
    handlers_.on_problem(taken.error());
}

void CertificateKeeper::settle() {
  if (!identity_) return;
  while (auto use = identity_->next_use()) handlers_.on_use(std::move(*use));
  if (IdentityStatus status = identity_->status(now()); status != told_) {
    told_ = std::move(status);
    handlers_.on_status(told_);
  }
  executor_.cancel(wake_);
  const WallTime due = std::min(identity_->next_deadline(), now() + kLongestSleep);
  const Seconds wait = std::max(due - now(), Seconds(1));
  wake_ = executor_.at(executor_.now() + wait, [this, alive = alive_] {
    if (!*alive) return;
    identity_->on_deadline(now());
    settle();
  });
}

}  // namespace espalier::identity
