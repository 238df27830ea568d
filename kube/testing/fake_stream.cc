#include "kube/testing/fake_stream.h"

#include <algorithm>
#include <utility>

#include "kube/testing/selectors.h"

namespace espalier::kube::testing {
namespace {

// Calls a function once, when it is called or its last copy goes.
class Once {
 public:
  explicit Once(std::function<void()> call) : call_(std::move(call)) {}
  Once(const Once&) = delete;
  Once& operator=(const Once&) = delete;
  ~Once() { operator()(); }
  void operator()() {
    if (auto call = std::exchange(call_, nullptr)) call();
  }

 private:
  std::function<void()> call_;
};

}  // namespace

bool Share::holds(const ObjectKey& key, const Json& object) const {
  return !object.is_null() && (ns.empty() || ns == key.ns) &&
         labels_match(object, label_selector) && fields_match(object, field_selector);
}

void FakeStream::head(int status, Headers headers) {
  const std::lock_guard lock(mutex_);
  if (sink_) sink_->on_head(status, std::move(headers));
}

void FakeStream::send(std::string bytes) {
  const std::lock_guard lock(mutex_);
  if (!sink_ || end_) return;
  const std::size_t step = chunk_size_ == 0 ? bytes.size() : chunk_size_;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    chunks_.push_back(bytes.substr(at, step));
  }
  pump();
}

void FakeStream::end(Status how) {
  const std::lock_guard lock(mutex_);
  if (!sink_ || (end_ && !*end_)) return;
  if (!how) chunks_.clear();
  end_ = std::move(how);
  pump();
}

void FakeStream::pump() {
  if (pumping_) return;
  pumping_ = true;
  while (sink_ && ready_ && !chunks_.empty()) {
    std::string chunk = std::move(chunks_.front());
    chunks_.pop_front();
    ready_ = false;
    const auto more = std::make_shared<Once>([weak = weak_from_this()] {
      const auto stream = weak.lock();
      if (!stream) return;
      const std::lock_guard lock(stream->mutex_);
      stream->ready_ = true;
      stream->pump();
    });
    sink_->on_chunk(std::move(chunk), [more] { (*more)(); });
  }
  if (sink_ && end_ && (!*end_ || (ready_ && chunks_.empty()))) {
    const auto sink = std::exchange(sink_, nullptr);
    sink->on_end(*end_);
  }
  pumping_ = false;
}

bool FakeStream::ended() const {
  const std::lock_guard lock(mutex_);
  return !sink_;
}

void FakeStream::send_event(const char* type, const Json& object) {
  send(Json({{"type", type}, {"object", object}}).dump() + "\n");
}

void FakeStream::tell(const std::string& collection, const ObjectKey& key, const Json& before,
                      const Json& after, std::uint64_t version) {
  if (!share_ || share_->collection != collection) return;
  const bool was = share_->holds(key, before);
  const bool is = share_->holds(key, after);
  if (is) {
    send_event(was ? "MODIFIED" : "ADDED", after);
  } else if (was) {
    Json last = before;
    last["metadata"]["resourceVersion"] = std::to_string(version);
    send_event("DELETED", last);
  }
}

void FakeStream::bookmark(std::uint64_t version, const Resource& resource,
                          bool initial_events_end) {
  Json object = {{"apiVersion", resource.api_version()},
                 {"kind", resource.kind},
                 {"metadata", {{"resourceVersion", std::to_string(version)}}}};
  if (initial_events_end) {
    object["metadata"]["annotations"] = {{"k8s.io/initial-events-end", "true"}};
  }
  send_event("BOOKMARK", object);
}

}  // namespace espalier::kube::testing
