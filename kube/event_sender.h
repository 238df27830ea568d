// EventSender: an EventRecorder carried out over a transport.
//
// Guarantees: record() returns at once and may be called from any thread; Events go one at a time,
// on the executor; one that fails is tried again twice, then dropped. At most 1000 wait.
// Assumptions: transport and executor outlive it; it is destroyed on the executor's thread, or
// after it ran.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "kube/async_call.h"
#include "kube/event_recorder.h"
#include "kube/executor.h"
#include "kube/transport.h"

namespace espalier::kube {

class EventSender {
 public:
  using WallClock = std::function<std::string()>;  // RFC 3339 with microseconds

  EventSender(Transport& transport, Executor& executor, EventRecorder::Config config,
              std::uint64_t seed, WallClock wall);
  EventSender(const EventSender&) = delete;
  EventSender& operator=(const EventSender&) = delete;
  ~EventSender();

  void record(Happening happening);

 private:
  class Worker;
  std::shared_ptr<Worker> worker_;
};

}  // namespace espalier::kube
