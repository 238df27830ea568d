// Tunnels of this node: one connection with one child each.
#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "operator/plan/contest.h"
#include "operator/plan/draft.h"
#include "operator/plan/settings.h"
#include "operator/plan/tunnel_refusal.h"

namespace espalier::plan {

namespace {

class TunnelWriter {
 public:
  TunnelWriter(const World& world, const Contest& contest, const crds::Tunnel& tunnel, Draft& draft)
      : world_(world), contest_(contest), tunnel_(tunnel), spec_(tunnel.spec), draft_(draft) {}

  void plan() {
    ConnectionPlan connection = connection_from(tunnel_);
    connection.peer = crds::qualified_name(tunnel_.meta);
    // "edge/v4" is the connection to node edge, if there is such a node.
    const bool taken =
        (tunnel_.meta.name == "v4" || tunnel_.meta.name == "v6") && contest_.find(tunnel_.meta.ns);
    connection.name = (taken ? "tunnel/" : "") + connection.peer;
    connection.local_address = local_address();
    connection.remote_addresses = spec_.remote.addresses;
    if (connection.local_identity.empty() && connection.local.type == AuthType::kPsk &&
        connection.local_address) {
      connection.local_identity = connection.local_address->to_string();
    }
    ChildPlan child = child_from(tunnel_);
    child.local_ts = spec_.local.subnets;
    child.remote_ts = spec_.remote.subnets;
    std::sort(child.local_ts.begin(), child.local_ts.end());
    std::sort(child.remote_ts.begin(), child.remote_ts.end());
    if (!add_rules(child, connection.local_address)) return;
    connection.children.push_back(std::move(child));
    draft_.plan.connections.push_back(std::move(connection));
  }

 private:
  // What the Tunnel says, else the node's address of the peer's family.
  [[nodiscard]] std::optional<IpAddress> local_address() const {
    if (spec_.local.address) return spec_.local.address;
    if (spec_.remote.addresses.empty()) return std::nullopt;
    const auto self = contest_.find(spec_.local.node);
    if (!self) return std::nullopt;
    return address_of(*contest_.nodes()[*self], spec_.remote.addresses.front().family());
  }

  void refuse(std::string why) {
    draft_.notes.add(NoteKind::kRefused, owner_of(tunnel_), std::move(why), {});
  }

  // False if the Tunnel cannot be carried out.
  bool add_rules(ChildPlan& child, const std::optional<IpAddress>& local_address) {
    std::vector<Prefix> locals = spec_.local.subnets;
    const std::vector<Prefix> remotes = remote_blocks(tunnel_);
    if (std::string why = refusal_of(tunnel_, contest_.nodes(), world_); !why.empty()) {
      refuse(std::move(why));
      return false;
    }
    if (remotes.empty()) return true;  // any peer, known once it came
    if (locals.empty()) {
      if (!local_address) {
        refuse(fmt::format(
            "the address of node {} is not known: give spec.local.address, or a NodeEndpoint",
            spec_.local.node));
        return false;
      }
      locals.push_back(Prefix::host(*local_address));
    }
    for (const Prefix& local : locals) {
      for (const Prefix& remote : remotes) {
        if (local.family() != remote.family()) continue;
        child.rules.push_back({{local, remote, 0, 0, 0, std::nullopt},
                               tunnel_precedence(local, remote, child.enforcement)});
      }
    }
    if (!child.rules.empty()) return true;
    refuse("the two ends have no address family in common");
    return false;
  }

  const World& world_;
  const Contest& contest_;
  const crds::Tunnel& tunnel_;
  const crds::TunnelSpec& spec_;
  Draft& draft_;
};

}  // namespace

void plan_tunnels(const World& world, const Contest& contest, Draft& draft) {
  std::map<std::string, const crds::Tunnel*> mine;
  for (const auto& tunnel : world.tunnels) {
    if (tunnel->spec.local.node == draft.plan.node)
      mine[crds::qualified_name(tunnel->meta)] = tunnel.get();
  }
  for (const auto& [name, tunnel] : mine) TunnelWriter(world, contest, *tunnel, draft).plan();
}

}  // namespace espalier::plan
