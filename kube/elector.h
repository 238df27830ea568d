// Elector: an Election carried out over a transport, and the guard that makes it bind.
//
// Guarantees: handlers run on the executor; leads() may be asked from any thread, right before
// acting. LeaderOnly refuses every write of a process that does not lead at that moment, also one
// that was paused since it last looked. Assumptions: transport and executor outlive it; start(),
// release() and destruction happen on the executor's thread, or before and after it runs.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "kube/async_call.h"
#include "kube/election.h"
#include "kube/executor.h"
#include "kube/transport.h"

namespace espalier::kube {

class Elector {
 public:
  struct Handlers {
    std::function<void()> on_started = {};
    std::function<void(const std::string& why)> on_stopped = {};
    std::function<void(const ApiError&)> on_problem = {};
  };
  // The wall clock as RFC 3339 with microseconds ("2026-11-24T22:10:00.000000Z"), for those who
  // look.
  using WallClock = std::function<std::string()>;

  Elector(Transport& transport, Executor& executor, ElectionConfig config, std::uint64_t seed,
          WallClock wall, Handlers handlers);
  Elector(const Elector&) = delete;
  Elector& operator=(const Elector&) = delete;
  ~Elector();

  void start();
  // Stops leading, hands the lease over, then calls `done`; without an answer, after the renew
  // deadline.
  void release(std::function<void()> done);
  [[nodiscard]] bool leads() const;

 private:
  void perform();
  void arm();
  void send(Request request, bool reading);
  void on_output(const Election::Read&);
  void on_output(const Election::Write& write);
  void on_output(const Election::Started&);
  void on_output(const Election::Stopped& stopped);
  void on_output(const Election::Released&);
  void finish();

  Transport& transport_;
  Executor& executor_;
  const ElectionConfig config_;
  Election election_;
  WallClock wall_;
  Handlers handlers_;
  std::unique_ptr<AsyncCall> call_;
  Executor::TimerId timer_ = 0;
  Executor::TimerId goodbye_ = 0;
  std::function<void()> done_;
  std::atomic<TimePoint::rep> acts_until_;
};

// Reads and streams pass; a write passes while `may_write` says so, else kDenied without a request.
class LeaderOnly : public Transport {
 public:
  LeaderOnly(Transport& inner, std::function<bool()> may_write)
      : inner_(inner), may_write_(std::move(may_write)) {}

  [[nodiscard]] Result<Response> call(const Request& request) override;
  [[nodiscard]] std::unique_ptr<Stream> open(const Request& request,
                                             std::shared_ptr<StreamSink> sink) override;
  void stop() override { inner_.stop(); }

 private:
  Transport& inner_;
  std::function<bool()> may_write_;
};

}  // namespace espalier::kube
