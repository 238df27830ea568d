#include "kube/async_call.h"

#include <utility>

#include "kube/executor_gate.h"

namespace espalier::kube {
namespace {

constexpr std::size_t kMaxAnswer = std::size_t{8} << 20U;

}  // namespace

// Collects on the transport's threads, tells on the executor's.
class AsyncCall::Sink : public StreamSink, public std::enable_shared_from_this<Sink> {
 public:
  Sink(Executor& executor, Then then) : gate_(executor), then_(std::move(then)) {}

  void on_head(int status, Headers headers) override {
    response_.status = status;
    response_.headers = std::move(headers);
  }
  void on_chunk(std::string bytes, std::function<void()> more) override {
    if (response_.body.size() + bytes.size() > kMaxAnswer) {
      too_long_ = true;
    } else {
      response_.body += bytes;
    }
    more();
  }
  void on_end(const Status& how) override {
    Result<Response> answer = std::move(response_);
    if (!how) answer = tl::unexpected(how.error());
    if (how && too_long_) answer = fail(Code::kInvalid, "", "an answer of more than 8 MB");
    if (how && answer && answer->status == 0) answer = fail(Code::kUnavailable, "", "no answer");
    gate_.post([weak = weak_from_this(), answer = std::move(answer)] {
      const auto self = weak.lock();
      if (!self) return;
      if (const Then then = std::exchange(self->then_, nullptr)) then(answer);
    });
  }
  void give_up() {
    gate_.shut();
    then_ = nullptr;
  }

 private:
  ExecutorGate gate_;
  Then then_;  // of the executor's thread
  Response response_;
  bool too_long_ = false;
};

AsyncCall::AsyncCall(Transport& transport, Executor& executor, const Request& request, Then then)
    : sink_(std::make_shared<Sink>(executor, std::move(then))),
      stream_(transport.open(request, sink_)) {}

AsyncCall::~AsyncCall() {
  sink_->give_up();
}

}  // namespace espalier::kube
