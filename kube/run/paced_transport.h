// PacedTransport: a Transport that asks no faster than agreed, waits when the server says so, and
// tries again what may be tried again.
//
// Guarantees: all callers share one token bucket and one Retry-After. A call that the server did
// not take (429) is tried again whatever it is; a GET also after a broken connection, 500, 502, 503
// and 504; four times in all, with jitter, and not when the server asks for more than a minute. A
// write whose fate is not known is handed back: its caller reads again.
// Streams pass: their watchers wait by themselves, and tell the others through the gate.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "kube/backoff.h"
#include "kube/rate_limit.h"
#include "kube/transport.h"

namespace espalier::kube {

class PacedTransport : public Transport {
 public:
  struct Rate {
    double per_second = 50;
    unsigned burst = 100;
  };
  struct Counts {
    std::uint64_t retries = 0;
    std::uint64_t throttled = 0;  // had to wait for the bucket or the gate
  };

  // Every request that went out (one that is tried again is another), how it was answered, and how
  // long that took; on the caller's thread.
  using Observer = std::function<void(Method, const Result<Response>&, Duration)>;

  // `inner` outlives it and its streams.
  PacedTransport(Transport& inner, Rate rate, std::uint64_t seed);
  ~PacedTransport() override;

  void observe(Observer observer) { observer_ = std::move(observer); }  // before the first call

  [[nodiscard]] Result<Response> call(const Request& request) override;
  [[nodiscard]] std::unique_ptr<Stream> open(const Request& request,
                                             std::shared_ptr<StreamSink> sink) override;
  void stop() override;

  [[nodiscard]] Counts counts() const;

 private:
  class Gatekeeper;
  class Listener;

  Transport& inner_;
  Observer observer_;
  std::shared_ptr<Gatekeeper> gatekeeper_;
};

}  // namespace espalier::kube
