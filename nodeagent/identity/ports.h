// What the node's certificate needs of the world beside keys
// (operator/certificates/signing_keys.h): somebody who signs, and a place that outlives the
// process.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret_bytes.h"

namespace espalier::identity {

// A request as the signer sees it. The name follows from the key, so that posting it twice is the
// same as once.
struct PostedRequest {
  std::string name;  // "espalier-node1-0f3c…"
  std::string pem;   // one block "CERTIFICATE REQUEST"
};

// What became of a request.
struct RequestAnswer {
  enum class State : std::uint8_t {
    kPending,
    kIssued,   // `text` is the certificate in PEM
    kRefused,  // denied, or failed after it was approved; `text` says why
    kGone,     // nobody knows it any more (or never did)
  };
  State state = State::kPending;
  std::string text;
};

class CertificateSigner {
 public:
  virtual ~CertificateSigner() = default;
  // Makes the request known, unless it is, and follows it until forget(). Returns at once; the
  // answers come by NodeIdentity::on_answer(), failures to reach anybody by on_post_failed().
  virtual void post(const PostedRequest& request) = 0;
  virtual void forget(const std::string& name) = 0;
};

// Two texts in PEM that hold a private key each, so nobody but the process may read them.
enum class Slot : std::uint8_t {
  kCurrent,  // "PRIVATE KEY", "CERTIFICATE"
  kNext,     // "PRIVATE KEY", "CERTIFICATE REQUEST"
};

class IdentityStore {
 public:
  virtual ~IdentityStore() = default;
  // nullopt: there is none.
  [[nodiscard]] virtual Result<std::optional<SecretBytes>> load(Slot slot) = 0;
  // Replaces what is kept, whole or not at all, and durably.
  [[nodiscard]] virtual Status save(Slot slot, const SecretBytes& pem) = 0;
  [[nodiscard]] virtual Status remove(Slot slot) = 0;
};

}  // namespace espalier::identity
