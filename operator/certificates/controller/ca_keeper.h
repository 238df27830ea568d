// CaKeeper: the operator's CAs as the cluster keeps them: Secret espalier-ca, and ConfigMap
// espalier-trust (key ca.crt) with what nodes trust.
//
// Guarantees: a CA is made only where there is no Secret; one that cannot be read is reported with
// what to do, and never written over. A CA is written before it is published, and published before
// current() gives it out. The time that a new CA is trusted before it signs counts from when the
// ConfigMap really held it. When the Secret was deleted and the ConfigMap was not, the certificates
// in it stay trusted until what they signed has expired. Keys of the Secret that are not ours stay.
// No error and no event holds a part of the Secret. reconcile() is for any thread, one at a time.
// Assumptions: one writer, the leader; `client` and `keys` outlive it. What reconcile() begins and
// cannot end, a later reconcile() ends, in this process or another.
// Caveat: the copies of the Secret that the client and its transport make are ordinary memory.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kube/client.h"
#include "kube/event_recorder.h"
#include "kube/reconcile.h"
#include "operator/certificates/ca_rotation.h"
#include "operator/certificates/controller/trust_config_map.h"

namespace espalier::certificates {

inline constexpr std::string_view kCaSecret = "espalier-ca";
// On the Secret, with any value: the next CA is made now (a key that may be known to others). It is
// taken off when that is done.
inline constexpr std::string_view kRotateAnnotation = "espalier.io/rotate-ca";

class CaKeeper {
 public:
  struct Config {
    std::string ns;  // the operator's own
    CaTimes times = {};
    // Every live node trusts `next`. While one does not, the switch is put off (ca_rotation.h).
    // Empty: nobody asks; the next CA signs when its trust_lead is over.
    std::function<bool(const Certificate& next)> everyone_follows = {};
    std::function<void(kube::Happening)> tell = {};  // Events, on the Secret; may be empty
  };

  CaKeeper(const kube::Client& client, SigningKeys& keys, Config config)
      : client_(client), keys_(keys), config_(std::move(config)) {}

  // Reads both, does what is due, writes what changed. Comes again when the next step is due, after
  // 10 minutes at the latest. A Secret that cannot be read comes again, too, after a minute or
  // more. kInvalid: Config::times.
  [[nodiscard]] kube::Reconciled reconcile(WallTime now);

  // What reconcile() last found and published, in the last hour; else nullptr: sign nothing.
  [[nodiscard]] std::shared_ptr<const CaSet> current(WallTime now) const;
  // Of what reconcile() last found. Empty before.
  [[nodiscard]] std::vector<Expiry> expiries() const;

 private:
  struct Stored {
    kube::ObjectPtr secret;  // nullptr: there is none
    CaSet set;
  };

  [[nodiscard]] kube::Reconciled attempt(WallTime now);
  [[nodiscard]] kube::ApiResult<Stored> read() const;
  [[nodiscard]] kube::ApiResult<kube::ObjectPtr> write(const Stored& stored) const;
  void keep(CaSet set, WallTime now);
  void tell(const kube::Object& secret, kube::EventType type, std::string reason,
            std::string note) const;
  void tell_steps(const kube::Object& secret, const CaSet& set, const Rotation& rotation) const;

  const kube::Client& client_;
  SigningKeys& keys_;
  const Config config_;
  std::mutex at_work_;  // one reconcile() at a time
  mutable std::mutex mutex_;
  std::shared_ptr<const CaSet> set_;  // under mutex_, as is read_at_
  WallTime read_at_{};
};

}  // namespace espalier::certificates
