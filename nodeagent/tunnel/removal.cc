#include "nodeagent/tunnel/removal.h"

#include <utility>

#include "nodeagent/dataplane/ownership.h"
#include "nodeagent/tunnel/journal.h"
#include "nodeagent/tunnel/policy_table.h"

namespace espalier::tunnel {

Result<Removal> remove_ours(dataplane::KernelIpsec& kernel, dataplane::ClearTrafficGuard& guard,
                            std::string_view journal) {
  Removal removal;
  auto remembered = decode_journal(journal);
  if (!remembered) {
    removal.troubles.push_back(remembered.error());
    remembered = Journal{};
  }
  auto policies = kernel.dump_policies();
  if (!policies) return forward(policies);
  auto sas = kernel.dump_sas();
  if (!sas) return forward(sas);

  // The guard first: it blocks what the policies then no longer encrypt.
  if (auto gone = guard.remove(); !gone) removal.troubles.push_back(gone.error());
  PolicyTable table;
  table.observe(*policies, remembered->clear_policies);
  std::vector<dataplane::Step> steps = table.steps_to_remove();
  const std::size_t of_policies = steps.size();
  for (const dataplane::SaState& state : *sas) {
    // What is only reserved runs out by itself.
    if (state.larval || !dataplane::owns_reqid(state.sa.reqid)) continue;
    steps.emplace_back(dataplane::DeleteSa{id_of(state.sa)});
  }
  const std::vector<Status> done = kernel.apply(steps);
  for (std::size_t i = 0; i < done.size(); ++i) {
    if (done[i]) {
      ++(i < of_policies ? removal.policies : removal.sas);
    } else if (done[i].error().code != Code::kNotFound) {
      removal.troubles.push_back(done[i].error());
    }
  }
  return removal;
}

}  // namespace espalier::tunnel
