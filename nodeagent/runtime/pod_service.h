// PodService: answers espalier-cni on a unix socket: is this pod covered?
//
// Guarantees: one request, one answer per connection (rpc/pods/pod_message.h); who asks
// is answered as soon as the judge says yes, else with the judge's reason once the
// request's patience is over, at most kLongestPatience. A line that is no request is answered with
// what is wrong in it. Who says nothing for ten seconds is hung up on. More than kMostCallers wait
// in the kernel's queue. Only root may connect (mode 0600). Assumptions: called on the loop's
// thread only. The loop outlives the service.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/process/fd.h"
#include "base/result.h"
#include "base/time.h"
#include "nodeagent/runtime/loop.h"
#include "rpc/pods/pod_message.h"

namespace espalier::runtime {

class PodService {
 public:
  // What is true of the pod now; asked again every kAskAgain while the answer is no. For
  // Ask::kStatus the pod is empty.
  using Judge = std::function<pods::PodAnswer(const pods::PodRequest&)>;
  static constexpr std::size_t kMostCallers = 256;
  static constexpr std::chrono::milliseconds kAskAgain{100};

  // Takes the place of a socket that an earlier run left. kIo: nobody can listen there.
  [[nodiscard]] static Result<std::unique_ptr<PodService>> listen(Loop& loop, std::string socket,
                                                                  Judge judge);
  ~PodService();
  PodService(const PodService&) = delete;
  PodService& operator=(const PodService&) = delete;

 private:
  struct Caller {
    process::Fd fd;
    std::string line;                         // what came so far
    std::unique_ptr<pods::PodRequest> asked;  // once the line is whole
    TimePoint until;                          // when it is answered or hung up on anyway
  };

  PodService(Loop& loop, std::string socket, process::Fd fd, Judge judge);
  void accept();
  void read(int fd);
  void answer_who_waits();
  // False when the caller is to go on waiting.
  [[nodiscard]] bool answered(const Caller& caller, TimePoint now);
  void hang_up(int fd);
  void arm();

  Loop& loop_;
  std::string socket_;
  process::Fd fd_;
  Judge judge_;
  Loop::DeadlineId deadline_;
  bool accepting_ = true;
  std::unordered_map<int, Caller> callers_;  // by descriptor
};

}  // namespace espalier::runtime
