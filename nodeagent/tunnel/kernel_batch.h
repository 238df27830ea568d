// KernelBatch: what the engine asked of the kernel since it was last carried out, in as few system
// calls as its order allows, and the answers for the engine.
//
// Order within one batch: SPIs, SAs that come, policies, SAs that go. So an SA stands before the
// policy that sends traffic to it, and goes after it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "ike/output.h"
#include "nodeagent/dataplane/kernel_ipsec.h"
#include "nodeagent/tunnel/policy_table.h"

namespace espalier::tunnel {

class KernelBatch {
 public:
  // `carried`: goes back with the answer.
  void allocate(ike::Ticket ticket, const dataplane::SpiRequest& request, bool carried);
  // `complete`: the SPI was reserved by allocate().
  void add(ike::Ticket ticket, dataplane::Sa sa, dataplane::EspKeys keys, bool complete);
  void change(dataplane::Sa sa);
  void remove(const dataplane::SaId& sa);
  void query(ike::Ticket ticket, const dataplane::SaId& sa);

  [[nodiscard]] bool empty() const;

  // What came of it, for whoever keeps track.
  struct Watch {
    std::function<void(const dataplane::Sa&, const Status&)> added;
    std::function<void(const dataplane::SaState&)> last_seen;  // before an SA is removed
    std::function<void(const dataplane::Step&, const Status&)> policy;
    std::function<void(const dataplane::Step&, const Error&)>
        refused;  // nobody else answers for it
  };
  // Leaves the batch empty. `policies` are carried out between the SAs.
  [[nodiscard]] std::vector<ike::KernelEvent> carry_out(dataplane::KernelIpsec& kernel,
                                                        std::vector<dataplane::Step> policies,
                                                        const Watch& watch);

 private:
  struct Query {
    ike::Ticket ticket = 0;
    dataplane::SaId sa;
  };

  struct SpiAnswer {
    ike::Ticket ticket = 0;
    bool carried = false;
  };

  std::vector<SpiAnswer> spi_answers_;  // one per request
  std::vector<dataplane::SpiRequest> spi_requests_;
  std::vector<ike::Ticket> add_tickets_;  // one per step of adds_; 0: nobody waits (a change)
  std::vector<dataplane::Step> adds_;
  std::vector<dataplane::SaId> removes_;
  std::vector<Query> queries_;
};

}  // namespace espalier::tunnel
