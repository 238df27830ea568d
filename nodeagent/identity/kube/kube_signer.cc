#include "nodeagent/identity/kube/kube_signer.h"

#include <utility>

#include <fmt/format.h>

#include "base/base64.h"
#include "kube/api_error.h"
#include "kube/async_call.h"
#include "kube/informer.h"
#include "kube/json_request.h"
#include "kube/object.h"
#include "kube/resource.h"
#include "operator/certificates/approval.h"

namespace espalier::identity {

using nlohmann::json;

namespace {

std::string encoded(const std::string& text) {
  return to_text(encode_base64(as_bytes(text)).view());
}

// "TokenNotBound: the requester's token …" of the first condition that ends it; empty: none does.
std::string refusal_in(const json& csr) {
  const json* conditions = kube::find_field(csr, "status.conditions");
  if (!conditions || !conditions->is_array()) return {};
  for (const json& condition : *conditions) {
    const std::string type = kube::field_text(condition, "type");
    if (type != "Denied" && type != "Failed") continue;
    return fmt::format("{} ({}): {}", type, kube::field_text(condition, "reason"),
                       kube::field_text(condition, "message"));
  }
  return {};
}

}  // namespace

json signing_request(const PostedRequest& request) {
  return {{"apiVersion", kube::certificate_signing_requests().api_version()},
          {"kind", kube::certificate_signing_requests().kind},
          {"metadata", {{"name", request.name}}},
          {"spec",
           {{"request", encoded(request.pem)},
            {"signerName", certificates::kSignerName},
            {"usages", json::array({certificates::kUsage})}}}};
}

RequestAnswer answer_of(const json& csr) {
  if (std::string refusal = refusal_in(csr); !refusal.empty()) {
    return {RequestAnswer::State::kRefused, std::move(refusal)};
  }
  const std::string certificate = kube::field_text(csr, "status.certificate");
  if (certificate.empty()) return {};
  auto pem = decode_base64(certificate);
  if (!pem) return {RequestAnswer::State::kRefused, "status.certificate is no base64"};
  return {RequestAnswer::State::kIssued, to_text(pem->view())};
}

// Shared with what was posted to the executor and may come after the signer's end.
class KubeSigner::Worker : public std::enable_shared_from_this<Worker> {
 public:
  Worker(kube::Transport& transport, kube::Executor& executor, Handlers handlers,
         std::uint64_t seed)
      : transport_(transport), executor_(executor), handlers_(std::move(handlers)), seed_(seed) {}

  void post_soon(const PostedRequest& request) {
    executor_.post([weak = weak_from_this(), request] {
      if (const auto self = weak.lock()) self->post(request);
    });
  }
  void forget_soon(const std::string& name) {
    executor_.post([weak = weak_from_this(), name] {
      const auto self = weak.lock();
      if (self && self->request_.name == name) self->stop();
    });
  }
  void stop() {
    call_.reset();
    if (informer_) informer_->stop();
    informer_.reset();
    request_ = {};
  }

 private:
  void post(const PostedRequest& request) {
    if (request.name != request_.name) stop();
    request_ = request;
    kube::Request call = kube::json_request(kube::Method::kPost,
                                            kube::certificate_signing_requests().collection_path(),
                                            signing_request(request));
    call.headers.emplace_back("Accept", "application/json");
    call_ = std::make_unique<kube::AsyncCall>(
        transport_, executor_, call,
        [this](const Result<kube::Response>& answer) { on_posted(answer); });
  }

  void on_posted(const Result<kube::Response>& answer) {
    call_.reset();
    auto error = kube::error_in(answer);
    if (error && error->kind != kube::ErrorKind::kExists) {
      error->where = "POST certificatesigningrequests/" + request_.name;
      return handlers_.on_post_failed(request_.name, error->to_error());
    }
    if (!informer_) return follow();
    if (informer_->synced()) tell(informer_->store()->find(request_.name));
  }

  void follow() {
    kube::Selection one;
    one.field_selector = "metadata.name=" + request_.name;
    informer_ = std::make_unique<kube::Informer>(
        transport_, executor_,
        kube::WatchSpec{kube::certificate_signing_requests(), std::move(one), {}}, seed_);
    // The informer is gone when this worker is.
    informer_->on_change([this](const kube::Change& change) {
      // What tells may forget, which destroys the informer: not while it calls.
      executor_.post([weak = weak_from_this(), name = change.key().name, after = change.after] {
        const auto self = weak.lock();
        if (self && self->request_.name == name) self->tell(after);
      });
    });
    informer_->on_synced([this] {
      executor_.post([weak = weak_from_this(), name = request_.name] {
        const auto self = weak.lock();
        if (!self || self->request_.name != name || !self->informer_) return;
        if (!self->informer_->store()->find(name)) self->tell(nullptr);
      });
    });
    informer_->on_problem([this](const kube::ApiError& problem) {
      if (handlers_.on_problem) handlers_.on_problem(problem.to_error());
    });
    informer_->start();
  }

  void tell(const kube::ObjectPtr& object) {
    const std::string name = request_.name;
    if (!object) return handlers_.on_answer(name, {RequestAnswer::State::kGone, {}});
    if (kube::field_text(object->json, "spec.request") != encoded(request_.pem)) {
      return handlers_.on_answer(
          name, {RequestAnswer::State::kRefused, "another request has this request's name"});
    }
    handlers_.on_answer(name, answer_of(object->json));
  }

  kube::Transport& transport_;
  kube::Executor& executor_;
  Handlers handlers_;
  const std::uint64_t seed_;
  PostedRequest request_;  // empty name: none
  std::unique_ptr<kube::AsyncCall> call_;
  std::unique_ptr<kube::Informer> informer_;
};

KubeSigner::KubeSigner(kube::Transport& transport, kube::Executor& executor, Handlers handlers,
                       std::uint64_t seed)
    : worker_(std::make_shared<Worker>(transport, executor, std::move(handlers), seed)) {}

KubeSigner::~KubeSigner() {
  worker_->stop();
}

void KubeSigner::post(const PostedRequest& request) {
  worker_->post_soon(request);
}

void KubeSigner::forget(const std::string& name) {
  worker_->forget_soon(name);
}

}  // namespace espalier::identity
