#include "kube/informer.h"

#include <mutex>
#include <utility>
#include <variant>

#include "kube/executor_gate.h"

namespace espalier::kube {
namespace {

// A copy of the pointers costs more than a mutex; the counts are read by a metrics scrape.
struct SharedCounts {
  mutable std::mutex mutex;
  Watcher::Counts counts;
};

}  // namespace

// Shared by the informer, its timer and the sinks of its streams: those may come after its end.
class Informer::Follower : public std::enable_shared_from_this<Follower> {
 public:
  Follower(Transport& transport, Executor& executor, WatchSpec spec, std::uint64_t seed,
           Indexes indexes, WatchLimits limits)
      : transport_(transport),
        executor_(executor),
        gate_(std::make_shared<ExecutorGate>(executor)),
        resource_(spec.resource),
        watcher_(std::move(spec), seed, limits),
        writer_(std::move(indexes)),
        store_(writer_.store()) {}

  void start() {
    if (running_) return;
    running_ = true;
    watcher_.start(executor_.now());
    perform();
  }

  void stop() {
    running_ = false;
    gate_->shut();
    stream_.reset();
    if (timer_ != 0) executor_.cancel(timer_);
    timer_ = 0;
  }

  void add_change_handler(ChangeHandler handler) {
    for (auto& object : store_->list()) handler({nullptr, std::move(object)});
    on_change_.push_back(std::move(handler));
  }
  void add_synced_handler(SyncedHandler handler) {
    if (store_->synced()) handler();
    on_synced_.push_back(std::move(handler));
  }
  void add_problem_handler(ProblemHandler handler) { on_problem_.push_back(std::move(handler)); }

  [[nodiscard]] const std::shared_ptr<const Store>& store() const { return store_; }
  [[nodiscard]] const Resource& resource() const { return resource_; }
  [[nodiscard]] Watcher::Counts counts() const {
    const std::lock_guard lock(counts_.mutex);
    return counts_.counts;
  }

 private:
  // Carries what one stream brings over to the executor's thread.
  class Sink : public StreamSink {
   public:
    Sink(std::weak_ptr<Follower> follower, std::shared_ptr<ExecutorGate> gate, Watcher::StreamId id)
        : follower_(std::move(follower)), gate_(std::move(gate)), id_(id) {}

    void on_head(int status, Headers headers) override {
      hand_over([id = id_, status, headers = std::move(headers)](Follower& follower) {
        follower.watcher_.on_head(follower.executor_.now(), id, status, headers);
      });
    }
    void on_chunk(std::string bytes, std::function<void()> more) override {
      hand_over([id = id_, bytes = std::move(bytes), more = std::move(more)](Follower& follower) {
        follower.watcher_.on_bytes(follower.executor_.now(), id, bytes);
        more();
      });
    }
    void on_end(const Status& how) override {
      hand_over([id = id_, how](Follower& follower) {
        follower.watcher_.on_end(follower.executor_.now(), id, how);
      });
    }

   private:
    template <typename Step>
    void hand_over(Step step) {
      gate_->post([weak = follower_, step = std::move(step)] {
        const auto follower = weak.lock();
        if (!follower || !follower->running_) return;
        step(*follower);
        follower->perform();
      });
    }

    std::weak_ptr<Follower> follower_;
    std::shared_ptr<ExecutorGate> gate_;
    Watcher::StreamId id_;
  };

  void perform() {
    // A handler may stop the informer.
    while (running_) {
      auto output = watcher_.next_output();
      if (!output) break;
      std::visit([this](auto& what) { on_output(what); }, *output);
    }
    {
      const std::lock_guard lock(counts_.mutex);
      counts_.counts = watcher_.counts();
    }
    arm();
  }

  void arm() {
    const TimePoint next = watcher_.next_deadline();
    if (running_ && timer_ != 0 && next == timer_at_) return;
    if (timer_ != 0) executor_.cancel(timer_);
    timer_ = 0;
    if (!running_ || next == kNever) return;
    timer_at_ = next;
    timer_ = executor_.at(next, [weak = weak_from_this()] {
      const auto follower = weak.lock();
      if (!follower || !follower->running_) return;
      follower->timer_ = 0;
      follower->watcher_.on_deadline(follower->executor_.now());
      follower->perform();
    });
  }

  void on_output(Watcher::Open& open) {
    stream_.reset();
    stream_ =
        transport_.open(open.request, std::make_shared<Sink>(weak_from_this(), gate_, open.id));
  }
  void on_output(Watcher::Close&) { stream_.reset(); }
  void on_output(Watcher::Replace& replace) {
    const bool first = !store_->synced();
    tell(writer_.replace(std::move(replace.objects), std::move(replace.resource_version)));
    if (!first) return;
    for (const auto& handler : on_synced_) {
      if (running_) handler();
    }
  }
  void on_output(Watcher::Put& put) { tell(writer_.put(std::move(put.object))); }
  void on_output(Watcher::Remove& remove) { tell(writer_.remove(remove.last->key())); }
  void on_output(Watcher::Advance& advance) { writer_.advance(advance.resource_version); }
  void on_output(Watcher::Problem& problem) {
    for (const auto& handler : on_problem_) handler(problem.error);
  }

  void tell(const std::vector<Change>& changes) {
    for (const auto& change : changes) {
      for (std::size_t i = 0; i < on_change_.size() && running_; ++i) on_change_[i](change);
    }
  }

  Transport& transport_;
  Executor& executor_;
  const std::shared_ptr<ExecutorGate> gate_;
  const Resource resource_;
  Watcher watcher_;
  StoreWriter writer_;
  const std::shared_ptr<const Store> store_;
  std::vector<ChangeHandler> on_change_;
  std::vector<SyncedHandler> on_synced_;
  std::vector<ProblemHandler> on_problem_;
  std::unique_ptr<Stream> stream_;
  Executor::TimerId timer_ = 0;
  TimePoint timer_at_ = kNever;
  bool running_ = false;
  SharedCounts counts_;
};

Informer::Informer(Transport& transport, Executor& executor, WatchSpec spec, std::uint64_t seed,
                   Indexes indexes, WatchLimits limits)
    : follower_(std::make_shared<Follower>(transport, executor, std::move(spec), seed,
                                           std::move(indexes), limits)) {}

Informer::~Informer() {
  stop();
}

std::shared_ptr<const Store> Informer::store() const {
  return follower_->store();
}
const Resource& Informer::resource() const {
  return follower_->resource();
}
void Informer::on_change(ChangeHandler handler) {
  follower_->add_change_handler(std::move(handler));
}
void Informer::on_synced(SyncedHandler handler) {
  follower_->add_synced_handler(std::move(handler));
}
void Informer::on_problem(ProblemHandler handler) {
  follower_->add_problem_handler(std::move(handler));
}
void Informer::start() {
  follower_->start();
}
void Informer::stop() {
  follower_->stop();
}
Watcher::Counts Informer::counts() const {
  return follower_->counts();
}

}  // namespace espalier::kube
