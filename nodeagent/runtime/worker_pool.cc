#include "nodeagent/runtime/worker_pool.h"

#include <utility>

namespace espalier::runtime {

struct WorkerPool::Shared {
  explicit Shared(Post p) : post(std::move(p)) {}

  const Post post;
  mutable std::mutex mutex;
  std::condition_variable wake;
  std::deque<std::unique_ptr<WorkItem>> waiting;
  std::vector<std::unique_ptr<WorkItem>> done;
  std::size_t held = 0;  // waiting, running or done
  bool delivery_posted = false;
  bool closing = false;
};

WorkerPool::WorkerPool(const Options& options, Post post)
    : capacity_(options.capacity), shared_(std::make_shared<Shared>(std::move(post))) {
  threads_.reserve(options.threads);
  for (unsigned i = 0; i < options.threads; ++i) threads_.emplace_back([this] { work(); });
}

WorkerPool::~WorkerPool() {
  std::deque<std::unique_ptr<WorkItem>> dropped;
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->closing = true;
    dropped.swap(shared_->waiting);
  }
  shared_->wake.notify_all();
  for (std::thread& thread : threads_) thread.join();
  const std::lock_guard lock(shared_->mutex);
  shared_->done.clear();
}

bool WorkerPool::submit(std::unique_ptr<WorkItem> item) {
  {
    const std::lock_guard lock(shared_->mutex);
    if (shared_->held >= capacity_) return false;
    ++shared_->held;
    if (!threads_.empty()) {
      shared_->waiting.push_back(std::move(item));
      shared_->wake.notify_one();
      return true;
    }
  }
  item->run();
  complete(shared_, std::move(item));
  return true;
}

std::size_t WorkerPool::backlog() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->held;
}

void WorkerPool::work() {
  const std::shared_ptr<Shared> shared = shared_;
  while (true) {
    std::unique_ptr<WorkItem> item;
    {
      std::unique_lock lock(shared->mutex);
      shared->wake.wait(lock, [&] { return shared->closing || !shared->waiting.empty(); });
      if (shared->closing) return;
      item = std::move(shared->waiting.front());
      shared->waiting.pop_front();
    }
    item->run();
    complete(shared, std::move(item));
  }
}

// One posted callback carries every result that is ready when the loop gets to it.
void WorkerPool::complete(const std::shared_ptr<Shared>& shared, std::unique_ptr<WorkItem> item) {
  {
    const std::lock_guard lock(shared->mutex);
    shared->done.push_back(std::move(item));
    if (std::exchange(shared->delivery_posted, true)) return;
  }
  shared->post([shared] { deliver(shared); });
}

void WorkerPool::deliver(const std::shared_ptr<Shared>& shared) {
  std::vector<std::unique_ptr<WorkItem>> batch;
  {
    const std::lock_guard lock(shared->mutex);
    shared->delivery_posted = false;
    if (shared->closing) return;
    batch.swap(shared->done);
    shared->held -= batch.size();
  }
  for (const auto& item : batch) item->finish();
}

}  // namespace espalier::runtime
