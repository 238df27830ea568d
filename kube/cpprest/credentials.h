// Credentials: what Access names, as it stands now.
//
// Guarantees: files are read again when what is known is 60 s old, or at once if asked; a file that
// cannot be read, or holds no certificate, leaves the old content in use. Thread-safe.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "base/result.h"
#include "base/secret_bytes.h"
#include "base/time.h"
#include "kube/access.h"

namespace espalier::kube {

// PEM; empty: there is none.
struct TlsMaterial {
  SecretBytes ca;
  SecretBytes certificate;
  SecretBytes key;
};

struct CredentialState {
  std::shared_ptr<const TlsMaterial> tls;  // another pointer whenever something in it changed
  std::shared_ptr<const SecretBytes>
      token;  // never null; empty: none. Another pointer when changed.
};

class Credentials {
 public:
  // Says whether OpenSSL takes it.
  using Check = Status (*)(const TlsMaterial&);

  Credentials(const Access& access, Check check) : access_(access), check_(check) {}

  // The first reading; what it cannot read is an error.
  [[nodiscard]] Status load(TimePoint now);
  // Reads again if it is time, or at once. The error tells what could not be renewed; the state is
  // good all the same.
  Status refresh(TimePoint now, bool at_once);
  [[nodiscard]] CredentialState state() const;

 private:
  const Access& access_;
  Check check_;
  mutable std::mutex mutex_;
  CredentialState state_;
  TimePoint read_at_ = TimePoint::min();
};

}  // namespace espalier::kube
