// Client: the local service, as seen from the command line.
//
// Guarantees: an agent that is not there is told from one that does not answer, before gRPC's own
// retries; errors are sentences.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/result.h"
#include "cli/exit_status.h"
#include "rpc/espalier.grpc.pb.h"

namespace espalier::cli {

struct Refusal {
  ExitStatus status = kAgentError;
  std::string sentence;
};

template <typename T>
using Answer = tl::expected<T, Refusal>;

class Client {
 public:
  // `patience`: for each call, beside what a command waits for.
  [[nodiscard]] static Answer<Client> connect(const std::string& socket,
                                              std::chrono::seconds patience);

  [[nodiscard]] Answer<agent::v1::StatusResponse> status(const std::string& name);
  [[nodiscard]] Answer<agent::v1::TrafficStatusResponse> traffic_status(const std::string& name);
  [[nodiscard]] Answer<agent::v1::ExplainResponse> explain(const std::string& query);
  [[nodiscard]] Answer<agent::v1::VerifyResponse> verify();

  struct Wish {
    std::string name;
    bool wait = false;
    std::chrono::seconds timeout{30};  // of the wait
  };
  [[nodiscard]] Answer<agent::v1::CommandResponse> up(const Wish& wish);
  [[nodiscard]] Answer<agent::v1::CommandResponse> down(const Wish& wish);

  struct ReleaseWish {
    std::string name;  // empty: the whole node
    bool end = false;
    bool in_clear = false;
    std::string why;
  };
  [[nodiscard]] Answer<agent::v1::ReleaseResponse> release(const ReleaseWish& wish);

 private:
  Client(std::unique_ptr<agent::v1::Agent::Stub> stub, std::chrono::seconds patience)
      : stub_(std::move(stub)), patience_(patience) {}

  template <typename Request, typename Response>
  using Method = grpc::Status (agent::v1::Agent::Stub::*)(grpc::ClientContext*, const Request&,
                                                          Response*);
  template <typename Request, typename Response>
  [[nodiscard]] Answer<Response> call(Method<Request, Response> method, const Request& request,
                                      std::chrono::seconds longest);

  std::unique_ptr<agent::v1::Agent::Stub> stub_;
  std::chrono::seconds patience_;
};

}  // namespace espalier::cli
