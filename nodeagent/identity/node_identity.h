// NodeIdentity: how a node gets its certificate, and keeps having one. A pure state machine.
//
//   no key -> key made here, request stored and posted -> waits -> certificate checked -> stored,
//   used
//               ^                                           | refused, wrong                 |
//               |<--------- waits longer each time ---------+      two thirds of its life <--+
//
// The private key is made on the node and leaves it never. A new one is made for each request.
//
// Guarantees: a certificate is used only if it is for this node's name and identity, for the key
// that was asked for, valid now, and signed by a CA in the bundle; an old one stays in use until a
// new one is stored, whatever becomes of requests; a restart goes on where it was, with the same
// request. A certificate that the bundle does not (yet) verify is kept and looked at again with
// each bundle; one in use whose CA left the bundle is replaced at once. No clock: time is an
// argument. Assumptions: one thread. `signer` does not call back before the call into it has
// returned. Caveat: wall-clock time is what certificates are judged by; a clock that jumps moves
// the waits too.
#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret_bytes.h"
#include "base/time.h"
#include "nodeagent/identity/ports.h"
#include "operator/certificates/certificate.h"
#include "operator/certificates/certificate_request.h"
#include "operator/certificates/signing_keys.h"

namespace espalier::identity {

using Seconds = std::chrono::seconds;

inline constexpr Seconds kFirstRetry{10};
inline constexpr Seconds kLongestRetry = std::chrono::minutes(10);
// An answer is waited for so long before status calls it a trouble (nothing else happens then), and
// a bundle that verifies the certificate that came.
inline constexpr Seconds kPatience = std::chrono::minutes(5);

// To be used by the IKE engine from now on, instead of what was used before.
struct UseCertificate {
  std::string chain_pem;
  SecretBytes key_pem;
  certificates::Certificate certificate;
};

// For condition CertificateReady, its event and the expiry metric.
struct IdentityStatus {
  bool ready = false;
  std::string reason;   // "Issued", "Expired", "Waiting", "Refused", …
  std::string message;  // a sentence; empty when all is well
  std::optional<WallTime> not_after;

  friend bool operator==(const IdentityStatus&, const IdentityStatus&) = default;
};

class NodeIdentity {
 public:
  struct Ports {
    certificates::SigningKeys* keys = nullptr;
    CertificateSigner* signer = nullptr;
    IdentityStore* store = nullptr;
  };

  NodeIdentity(certificates::NodeIdentity node, Ports ports);

  // Reads what an earlier process left. What cannot be used is left out and said in status.
  void start(WallTime now);
  // The CAs to trust, PEM. A bundle that cannot be read changes nothing and is an error.
  [[nodiscard]] Status on_bundle(std::string_view pem, WallTime now);
  // The node's IKE identity is another one now.
  void on_identity(const std::string& identity, WallTime now);
  void on_answer(const std::string& name, const RequestAnswer& answer, WallTime now);
  // The signer could not be reached: the same request is posted again later.
  void on_post_failed(const std::string& name, const Error& error, WallTime now);
  void on_deadline(WallTime now);

  // When to call on_deadline() at the latest.
  [[nodiscard]] WallTime next_deadline() const { return deadline_; }
  // To be taken after each call until there is none.
  [[nodiscard]] std::optional<UseCertificate> next_use();
  [[nodiscard]] IdentityStatus status(WallTime now) const;

 private:
  struct Own {
    certificates::Certificate certificate;
    SecretBytes key_pem;
    WallTime renew_at{};
  };
  struct Attempt {
    std::shared_ptr<const certificates::SigningKey> key;
    PostedRequest request;
    std::string identity;             // it asks for
    std::optional<WallTime> post_at;  // not posted, or to be posted again
    std::optional<WallTime> posted_at;
    // The certificate that came, while no CA in the bundle verifies it, and how long to wait.
    std::string unverified;
    WallTime unverified_until{};
  };

  void load_current(WallTime now);
  void load_next();
  void act(WallTime now);
  [[nodiscard]] bool wants_new(WallTime now) const;
  [[nodiscard]] const certificates::Certificate* issuer_of(
      const certificates::Certificate& certificate) const;
  [[nodiscard]] Status begin_attempt(WallTime now);
  void post(WallTime now);
  void take_certificate(const std::string& pem, WallTime now);
  [[nodiscard]] Status check_names(const certificates::Certificate& certificate) const;
  [[nodiscard]] Status adopt(certificates::Certificate certificate);
  void use(const Own& own);
  // Drops the attempt and waits, longer each time.
  void give_up(std::string reason, std::string message, WallTime now);
  [[nodiscard]] Seconds retry_wait();
  [[nodiscard]] WallTime renewal_of(const certificates::Certificate& certificate) const;

  certificates::NodeIdentity node_;
  Ports ports_;
  std::vector<certificates::Certificate> bundle_;
  std::optional<Own> current_;
  std::optional<Attempt> attempt_;
  WallTime next_attempt_{};
  int failures_ = 0;
  std::string trouble_reason_;
  std::string trouble_;
  std::deque<UseCertificate> uses_;
  WallTime deadline_ = WallTime::max();
};

}  // namespace espalier::identity
