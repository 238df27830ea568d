#include "kube/event_sender.h"

#include <chrono>
#include <deque>
#include <optional>
#include <utility>

#include "kube/api_error.h"
#include "kube/executor_gate.h"
#include "kube/json_request.h"

namespace espalier::kube {
namespace {

constexpr std::size_t kMaxWaiting = 1000;
constexpr int kMaxTries = 3;
constexpr Duration kFirstPause = std::chrono::seconds(2);

}  // namespace

// Shared with what was posted to the executor and may come after the sender's end.
class EventSender::Worker : public std::enable_shared_from_this<Worker> {
 public:
  Worker(Transport& transport, Executor& executor, EventRecorder::Config config, std::uint64_t seed,
         WallClock wall)
      : transport_(transport),
        executor_(executor),
        gate_(executor),
        wall_(std::move(wall)),
        recorder_(std::move(config), seed) {}

  void record_soon(Happening happening) {
    gate_.post([weak = weak_from_this(), happening = std::move(happening)] {
      if (const auto self = weak.lock()) self->record(happening);
    });
  }

  void stop() {
    gate_.shut();
    executor_.cancel(timer_);
    call_.reset();
  }

 private:
  void record(const Happening& happening) {
    recorder_.record(executor_.now(), wall_(), happening);
    go_on();
  }

  void go_on() {
    while (auto post = recorder_.next_post()) {
      if (waiting_.size() < kMaxWaiting) waiting_.push_back(std::move(*post));
    }
    if (!call_ && !pausing_ && !waiting_.empty()) send();
    arm();
  }

  void send() {
    const EventRecorder::Post& post = waiting_.front();
    Request request =
        post.create ? json_request(Method::kPost, events().collection_path(post.key.ns), post.body)
                    : json_request(Method::kPatch, events().object_path(post.key), post.body,
                                   "application/merge-patch+json");
    request.headers.emplace_back("Accept", "application/json");
    call_ =
        std::make_unique<AsyncCall>(transport_, executor_, request,
                                    [this](const Result<Response>& answer) { on_answer(answer); });
  }

  void on_answer(const Result<Response>& answer) {
    call_.reset();
    const auto error = error_in(answer);
    if (error && error->worth_retrying() && ++tries_ < kMaxTries) {
      pausing_ = true;
      const Duration pause = error->retry_after.value_or(kFirstPause * tries_);
      executor_.at(executor_.now() + pause, [weak = weak_from_this()] {
        const auto self = weak.lock();
        if (!self) return;
        self->pausing_ = false;
        self->go_on();
      });
      return;
    }
    tries_ = 0;
    waiting_.pop_front();
    go_on();
  }

  void arm() {
    executor_.cancel(timer_);
    timer_ = 0;
    const TimePoint next = recorder_.next_deadline();
    if (next == kNever) return;
    timer_ = executor_.at(next, [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (!self) return;
      self->timer_ = 0;
      self->recorder_.on_deadline(self->executor_.now());
      self->go_on();
    });
  }

  Transport& transport_;
  Executor& executor_;
  ExecutorGate gate_;
  WallClock wall_;
  EventRecorder recorder_;
  std::deque<EventRecorder::Post> waiting_;
  std::unique_ptr<AsyncCall> call_;
  Executor::TimerId timer_ = 0;
  bool pausing_ = false;
  int tries_ = 0;
};

EventSender::EventSender(Transport& transport, Executor& executor, EventRecorder::Config config,
                         std::uint64_t seed, WallClock wall)
    : worker_(std::make_shared<Worker>(transport, executor, std::move(config), seed,
                                       std::move(wall))) {}

EventSender::~EventSender() {
  worker_->stop();
}

void EventSender::record(Happening happening) {
  worker_->record_soon(std::move(happening));
}

}  // namespace espalier::kube
