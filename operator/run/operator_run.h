// `espalier-operator run`: follows the API server, plans, writes, and is the nodes' CA.
//
// Guarantees: plans from the first moment, also while another replica leads, so that a change of
// leader costs no time; writes only while it leads; ends on SIGTERM and SIGINT by handing the
// lease over. The API server may be away for any time.
#pragma once

#include <string>
#include <vector>

#include "base/ip.h"
#include "crds/types/node_endpoint.h"
#include "operator/certificates/controller/external_issuer.h"
#include "operator/run/operator_log.h"

namespace espalier::operator_run {

struct RunOptions {
  std::string kubeconfig;                  // empty: the pod's own ServiceAccount
  std::string ns = "espalier-system";      // of the lease
  std::string metrics = "127.0.0.1:9465";  // ADDRESS:PORT; empty: none
  bool leader_elect = false;               // else it leads always: run one replica only
  std::string identity;                    // in the lease; empty: the host's name and a random part
  crds::PodNetwork pod_network = crds::PodNetwork::kRouted;
  std::vector<Prefix> service_cidrs;  // no Tunnel's remote end may be there
  LogFormat log_format = LogFormat::kJson;
  // Signs nodes' certificates instead of a CA of our own; without a name: none does.
  certificates::IssuerRef issuer = {};
  unsigned workers = 4;  // 1 to 32
};

// The exit status: 0 ended by a signal, 1 could not start (the reason is in the log).
[[nodiscard]] int run(const RunOptions& options);

}  // namespace espalier::operator_run
