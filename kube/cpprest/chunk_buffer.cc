#include "kube/cpprest/chunk_buffer.h"

#include <utility>

namespace espalier::kube {

pplx::task<std::size_t> ChunkBuffer::_putn(const std::uint8_t* bytes, std::size_t count) {
  // Shared by the function that asks for more: when its last copy goes, that is asking, too.
  auto written = std::make_shared<pplx::task_completion_event<std::size_t>>();
  Pending pending{std::string(reinterpret_cast<const char*>(bytes), count), written};
  const auto task = pplx::create_task(*written);
  {
    const std::lock_guard lock(mutex_);
    if (shut_) {
      written->set(count);
      return task;
    }
    under_way_ = written;
    under_way_size_ = count;
    if (!open_) {
      held_ = std::move(pending);
      return task;
    }
  }
  hand_on(std::move(pending));
  return task;
}

pplx::task<ChunkBuffer::int_type> ChunkBuffer::_putc(std::uint8_t byte) {
  return _putn(&byte, 1).then([byte](std::size_t) { return static_cast<int_type>(byte); });
}

void ChunkBuffer::hand_on(Pending pending) {
  const std::size_t size = pending.bytes.size();
  struct Answer {
    std::shared_ptr<pplx::task_completion_event<std::size_t>> written;
    std::size_t size;
    Answer(std::shared_ptr<pplx::task_completion_event<std::size_t>> event, std::size_t bytes)
        : written(std::move(event)), size(bytes) {}
    Answer(const Answer&) = delete;
    Answer& operator=(const Answer&) = delete;
    ~Answer() { written->set(size); }
  };
  const auto answer = std::make_shared<Answer>(std::move(pending.written), size);
  take_(std::move(pending.bytes), [answer] { answer->written->set(answer->size); });
}

void ChunkBuffer::open() {
  std::optional<Pending> held;
  {
    const std::lock_guard lock(mutex_);
    open_ = true;
    held = std::exchange(held_, std::nullopt);
    if (shut_) held.reset();
  }
  if (held) hand_on(std::move(*held));
}

void ChunkBuffer::shut() {
  std::shared_ptr<pplx::task_completion_event<std::size_t>> under_way;
  {
    const std::lock_guard lock(mutex_);
    shut_ = true;
    held_.reset();
    under_way = std::exchange(under_way_, nullptr);
  }
  if (under_way) under_way->set(under_way_size_);
}

}  // namespace espalier::kube
