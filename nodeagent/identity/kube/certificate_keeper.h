// CertificateKeeper: NodeIdentity on an executor, its signer an API server: begun once the node's
// identity is known, woken in time, heard by handlers.
//
// Guarantees: everything is called on the executor's thread; nothing is called after its end.
// Assumptions: transport, executor and ports outlive it; its own functions are called on the
// executor's thread, and it is destroyed there, or after that ran.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "kube/executor.h"
#include "kube/transport.h"
#include "nodeagent/identity/kube/kube_signer.h"
#include "nodeagent/identity/node_identity.h"

namespace espalier::identity {

class CertificateKeeper {
 public:
  struct Ports {
    certificates::SigningKeys* keys = nullptr;
    IdentityStore* store = nullptr;
    std::function<WallTime()> wall;
  };
  struct Handlers {
    std::function<void(UseCertificate)> on_use;
    std::function<void(const IdentityStatus&)> on_status;  // when it became another
    std::function<void(const Error&)> on_problem;
  };

  CertificateKeeper(kube::Transport& transport, kube::Executor& executor, Ports ports,
                    Handlers handlers, std::uint64_t seed);
  CertificateKeeper(const CertificateKeeper&) = delete;
  CertificateKeeper& operator=(const CertificateKeeper&) = delete;
  ~CertificateKeeper();

  // The node's name and IKE identity. The first call takes up what an earlier process left.
  void set_identity(const certificates::NodeIdentity& node);
  // The CAs that nodes trust, PEM; may come before the identity.
  void set_bundle(std::string pem);

 private:
  void take_bundle();
  void settle();
  [[nodiscard]] WallTime now() const { return ports_.wall(); }

  kube::Executor& executor_;
  Ports ports_;
  Handlers handlers_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  KubeSigner signer_;
  std::string bundle_;
  std::optional<NodeIdentity> identity_;
  kube::Executor::TimerId wake_ = 0;
  IdentityStatus told_;
};

}  // namespace espalier::identity
