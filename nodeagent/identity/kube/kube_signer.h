// The identity's signer as a CertificateSigningRequest of the API server.
//
// Guarantees: post() and forget() return at once and may be called from any thread; what is told is
// told on the executor's thread, one at a time, and nothing after forget() of that name or after
// the signer's end. A request that is there already is followed like one that was made, if it is
// the same. One request at a time: posting another forgets the one before. Assumptions: transport
// and executor outlive it; it is destroyed on the executor's thread, or after that ran.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "kube/executor.h"
#include "kube/transport.h"
#include "nodeagent/identity/ports.h"

namespace espalier::identity {

class KubeSigner final : public CertificateSigner {
 public:
  struct Handlers {
    // For NodeIdentity::on_answer() and on_post_failed().
    std::function<void(const std::string& name, const RequestAnswer& answer)> on_answer;
    std::function<void(const std::string& name, const Error& error)> on_post_failed;
    // Why the request cannot be followed at the moment; it goes on trying. May be empty.
    std::function<void(const Error& error)> on_problem;
  };

  // `seed` spreads the waits of many nodes.
  KubeSigner(kube::Transport& transport, kube::Executor& executor, Handlers handlers,
             std::uint64_t seed);
  ~KubeSigner() override;

  void post(const PostedRequest& request) override;
  void forget(const std::string& name) override;

 private:
  class Worker;
  std::shared_ptr<Worker> worker_;
};

// The object that is posted.
[[nodiscard]] nlohmann::json signing_request(const PostedRequest& request);
// What a CertificateSigningRequest says; takes any JSON.
[[nodiscard]] RequestAnswer answer_of(const nlohmann::json& csr);

}  // namespace espalier::identity
