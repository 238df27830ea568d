#include "kube/run/paced_transport.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/process/clock.h"
#include "kube/api_error.h"

namespace espalier::kube {
namespace {

constexpr int kMaxTries = 4;
constexpr Duration kLongestWait = std::chrono::minutes(1);

bool may_try_again(const Request& request, const Result<Response>& answer) {
  if (answer && answer->status == 429) return true;
  if (request.method != Method::kGet) return false;
  if (!answer) return answer.error().code == Code::kUnavailable;
  return answer->status == 500 || (answer->status >= 502 && answer->status <= 504);
}

}  // namespace

class PacedTransport::Gatekeeper {
 public:
  Gatekeeper(Rate rate, std::uint64_t seed)
      : bucket_(rate.per_second, rate.burst),
        backoff_({.base = std::chrono::milliseconds(200), .cap = std::chrono::seconds(5)}, seed) {}

  // Until it is this call's turn; false if it was stopped.
  bool wait_for_turn() {
    std::unique_lock lock(mutex_);
    const TimePoint turn = bucket_.take(process::monotonic_now());
    if (std::max(turn, gate_.open_at()) > process::monotonic_now()) ++counts_.throttled;
    return wait_until(lock, turn);
  }
  bool pause(std::optional<Duration> asked) {
    std::unique_lock lock(mutex_);
    ++counts_.retries;
    if (asked) return wait_until(lock, process::monotonic_now());  // told() has shut the gate
    return wait_until(lock,
                      process::monotonic_now() + backoff_.failed(process::monotonic_now(), kNever));
  }
  void told(Duration wait) {
    const std::lock_guard lock(mutex_);
    gate_.told(process::monotonic_now(), std::min(wait, kLongestWait));
  }
  void well() {
    const std::lock_guard lock(mutex_);
    backoff_.reset();
  }
  void stop() {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    changed_.notify_all();
  }
  [[nodiscard]] Counts counts() const {
    const std::lock_guard lock(mutex_);
    return counts_;
  }

 private:
  // And until the gate is open; false if it was stopped.
  bool wait_until(std::unique_lock<std::mutex>& lock, TimePoint when) {
    for (;;) {
      if (stopped_) return false;
      const TimePoint until = std::max(when, gate_.open_at());
      const TimePoint now = process::monotonic_now();
      if (now >= until) return true;
      changed_.wait_for(lock, until - now);
    }
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stopped_ = false;
  TokenBucket bucket_;
  RetryAfterGate gate_;
  Backoff backoff_;
  Counts counts_;
};

// Tells the gate what a stream was told.
class PacedTransport::Listener : public StreamSink {
 public:
  Listener(std::shared_ptr<StreamSink> sink, std::shared_ptr<Gatekeeper> gatekeeper)
      : sink_(std::move(sink)), gatekeeper_(std::move(gatekeeper)) {}
  void on_head(int status, Headers headers) override {
    if (status == 429 || status == 503) {
      if (const auto wait = retry_after(headers)) gatekeeper_->told(*wait);
    }
    sink_->on_head(status, std::move(headers));
  }
  void on_chunk(std::string bytes, std::function<void()> more) override {
    sink_->on_chunk(std::move(bytes), std::move(more));
  }
  void on_end(const Status& how) override { sink_->on_end(how); }

 private:
  std::shared_ptr<StreamSink> sink_;
  std::shared_ptr<Gatekeeper> gatekeeper_;
};

PacedTransport::PacedTransport(Transport& inner, Rate rate, std::uint64_t seed)
    : inner_(inner), gatekeeper_(std::make_shared<Gatekeeper>(rate, seed)) {}

PacedTransport::~PacedTransport() {
  gatekeeper_->stop();
}

Result<Response> PacedTransport::call(const Request& request) {
  for (int tries = 1;; ++tries) {
    if (!gatekeeper_->wait_for_turn()) return fail(Code::kUnavailable, "", "stopped");
    const TimePoint sent = process::monotonic_now();
    auto answer = inner_.call(request);
    if (observer_) observer_(request.method, answer, process::monotonic_now() - sent);
    std::optional<Duration> asked;
    if (answer && (answer->status == 429 || answer->status == 503)) {
      asked = retry_after(answer->headers);
      if (asked) gatekeeper_->told(*asked);
    }
    if (answer && answer->status < 500) gatekeeper_->well();
    if (tries == kMaxTries || !may_try_again(request, answer)) return answer;
    if (asked && *asked > kLongestWait) return answer;
    if (!gatekeeper_->pause(asked)) return fail(Code::kUnavailable, "", "stopped");
  }
}

std::unique_ptr<Stream> PacedTransport::open(const Request& request,
                                             std::shared_ptr<StreamSink> sink) {
  return inner_.open(request, std::make_shared<Listener>(std::move(sink), gatekeeper_));
}

void PacedTransport::stop() {
  gatekeeper_->stop();
  inner_.stop();
}

PacedTransport::Counts PacedTransport::counts() const {
  return gatekeeper_->counts();
}

}  // namespace espalier::kube
