// StatusWriter: what the node says of itself, written where it differs from what stands.
//
// Guarantees: server-side apply of the status alone, by the client's field manager; nothing is
// written that already stands, and nothing before there is something to say. report() and write()
// may be called from any thread, write() of one kind by one at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "kube/client.h"
#include "kube/reconcile.h"
#include "kube/store.h"
#include "nodeagent/follow/node_status.h"

namespace espalier::follow {

enum class NodeObject : std::uint8_t { kNodePolicy, kNodeEndpoint };
[[nodiscard]] std::string_view name_of(NodeObject object);

// All that the two statuses are made of.
struct Report {
  InForce in_force;
  Verdict verdict;
  CertificateFacts certificate;
  std::shared_ptr<const telemetry::Snapshot> snapshot;  // not null
};

class StatusWriter {
 public:
  using WallClock = std::function<std::string()>;  // RFC 3339
  struct Stores {
    std::shared_ptr<const kube::Store> node_policies;
    std::shared_ptr<const kube::Store> node_endpoints;
  };

  StatusWriter(std::string node, Stores stores, std::vector<std::string> features, WallClock wall);

  void report(Report report);
  [[nodiscard]] kube::Reconciled write(const kube::Client& client, NodeObject object);

 private:
  // What was written last, and over which version: the watch may be behind.
  struct Written {
    std::string over;
    kube::ObjectPtr object;
  };

  const std::string node_;
  const Stores stores_;
  const std::vector<std::string> features_;
  const WallClock wall_;
  std::mutex mutex_;
  std::shared_ptr<const Report> report_;   // guarded by mutex_
  std::map<NodeObject, Written> written_;  // guarded by mutex_
};

}  // namespace espalier::follow
