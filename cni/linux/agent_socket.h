// AgentSocket: AgentPort over the agent's unix socket.
//
// Guarantees: returns within the request's patience and kAnswerTime, whatever is at the other end.
// Assumptions: the socket belongs to root or to the caller; else its answer is not believed
// (kDenied).
#pragma once

#include <chrono>
#include <string>

#include "cni/ports.h"

namespace espalier::cni {

class AgentSocket final : public AgentPort {
 public:
  static constexpr std::chrono::seconds kAnswerTime{2};

  [[nodiscard]] Result<pods::PodAnswer> ask(const std::string& socket,
                                            const pods::PodRequest& request) override;
};

}  // namespace espalier::cni
