// NetworkPath: one client's way to the FakeApiServer. It can be cut, and knows what was asked when.
//
// Guarantees: while it is cut, every request ends with kUnavailable and none reaches the server;
// all are noted, with the executor's time. Not thread-safe. Assumptions: server and executor
// outlive it. Caveat: cut() breaks every open stream of the server, those of other paths included.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kube/executor.h"
#include "kube/testing/fake_api_server.h"
#include "kube/transport.h"

namespace espalier::kube::testing {

class NetworkPath : public Transport {
 public:
  enum class Ask : std::uint8_t { kSet, kWatch, kRead, kWrite };  // kSet: a list, streamed or not
  struct Asked {
    TimePoint at;
    Ask what = Ask::kRead;
    std::string path;
    bool arrived = false;
  };

  NetworkPath(FakeApiServer& server, const Executor& executor)
      : server_(server), executor_(executor) {}

  void cut() {
    cut_ = true;
    server_.break_streams();
  }
  void mend() { cut_ = false; }

  [[nodiscard]] std::vector<Asked> take_asked() { return std::exchange(asked_, {}); }

  [[nodiscard]] Result<Response> call(const Request& request) override {
    note(request, false);
    if (cut_) return fail(Code::kUnavailable, "", "no route to host");
    return server_.call(request);
  }
  [[nodiscard]] std::unique_ptr<Stream> open(const Request& request,
                                             std::shared_ptr<StreamSink> sink) override {
    note(request, true);
    if (!cut_) return server_.open(request, std::move(sink));
    sink->on_end(fail(Code::kUnavailable, "", "no route to host"));
    return std::make_unique<Dead>();
  }
  void stop() override { cut(); }

 private:
  class Dead : public Stream {
   public:
    void cancel() override {}
  };

  static bool asks(const Request& request, std::string_view name) {
    return std::any_of(request.query.begin(), request.query.end(),
                       [name](const auto& parameter) { return parameter.first == name; });
  }
  void note(const Request& request, bool streamed) {
    Ask what = Ask::kWrite;
    if (request.method == Method::kGet) {
      // Leases are read as streams, too, for their time-outs; they have no query.
      what = !streamed || request.query.empty()                              ? Ask::kRead
             : !asks(request, "watch") || asks(request, "sendInitialEvents") ? Ask::kSet
                                                                             : Ask::kWatch;
    }
    asked_.push_back({executor_.now(), what, request.path, !cut_});
  }

  FakeApiServer& server_;
  const Executor& executor_;
  bool cut_ = false;
  std::vector<Asked> asked_;
};

// The most requests that came within any `span`.
[[nodiscard]] inline std::size_t peak_within(std::vector<TimePoint> times, Duration span) {
  std::sort(times.begin(), times.end());
  std::size_t most = 0;
  for (std::size_t first = 0, last = 0; last < times.size(); ++last) {
    while (times[last] - times[first] >= span) ++first;
    most = std::max(most, last - first + 1);
  }
  return most;
}

}  // namespace espalier::kube::testing
