// A whole request and answer without a thread that waits for it: over Transport::open, the answer
// told on an executor.
//
// Guarantees: `then` runs once, on the executor, unless the Call was destroyed before. Caveat: an
// answer beyond 8 MB is an error.
#pragma once

#include <functional>
#include <memory>

#include "kube/executor.h"
#include "kube/transport.h"

namespace espalier::kube {

// Destroying it gives the answer up.
class AsyncCall {
 public:
  using Then = std::function<void(const Result<Response>&)>;

  AsyncCall(Transport& transport, Executor& executor, const Request& request, Then then);
  AsyncCall(const AsyncCall&) = delete;
  AsyncCall& operator=(const AsyncCall&) = delete;
  ~AsyncCall();

 private:
  class Sink;
  std::shared_ptr<Sink> sink_;
  std::unique_ptr<Stream> stream_;
};

}  // namespace espalier::kube
