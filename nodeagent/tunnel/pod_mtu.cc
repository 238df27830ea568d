#include "nodeagent/tunnel/pod_mtu.h"

#include <algorithm>

namespace espalier::tunnel {
namespace {

using ike::crypto::EspSuite;
using ike::crypto::IntegId;

constexpr std::uint32_t kEspHeader = 8;   // SPI, sequence number
constexpr std::uint32_t kEspTrailer = 2;  // pad length, next header
constexpr std::uint32_t kUdpHeader = 8;
// RFC 8200 section 5: no IPv6 on a link of less. An overlay's reserve may still ask for less.
constexpr std::uint32_t kLeastMtu = 1280;

constexpr std::uint32_t ip_header(IpFamily family) {
  return family == IpFamily::kV4 ? 20 : 40;
}

std::vector<EspSuite> suites_of(const plan::ChildPlan& child) {
  std::vector<EspSuite> suites;
  for (const std::string& keywords : child.esp_proposals) {
    const auto proposal = ike::crypto::parse_esp_proposal(keywords);
    if (!proposal) continue;  // the planner has accepted them all
    for (const auto& encr : proposal->encr) {
      if (proposal->integ.empty()) suites.push_back({encr, IntegId::kNone});
      for (const IntegId integ : proposal->integ) suites.push_back({encr, integ});
    }
  }
  return suites;
}

bool covers_pods(const plan::ChildPlan& child, const std::vector<Prefix>& pod_cidrs) {
  const auto of_pods = [&](const Prefix& local) {
    return std::any_of(pod_cidrs.begin(), pod_cidrs.end(),
                       [&](const Prefix& pods) { return pods.overlaps(local); });
  };
  return std::any_of(child.rules.begin(), child.rules.end(),
                     [&](const plan::CoverRule& rule) { return of_pods(rule.selector.local); }) ||
         std::any_of(child.local_ts.begin(), child.local_ts.end(), of_pods);
}

std::optional<IpFamily> outer_family(const plan::ConnectionPlan& connection) {
  if (connection.local_address) return connection.local_address->family();
  if (!connection.remote_addresses.empty()) return connection.remote_addresses.front().family();
  if (!connection.remote_blocks.empty()) return connection.remote_blocks.front().family();
  return std::nullopt;
}

std::optional<IpAddress> node_address(const plan::NodePlan& plan, IpFamily family) {
  const auto found = std::find_if(plan.addresses.begin(), plan.addresses.end(),
                                  [&](const IpAddress& each) { return each.family() == family; });
  return found == plan.addresses.end() ? std::nullopt : std::optional(*found);
}

// Of the interface with that address; else the narrowest there is.
std::optional<std::uint32_t> mtu_at(const Underlay& underlay, const PodPath& path) {
  if (path.local) {
    const auto found = underlay.mtus.find(*path.local);
    if (found != underlay.mtus.end()) return found->second;
  }
  std::optional<std::uint32_t> least;
  for (const auto& [address, mtu] : underlay.mtus) {
    if (address.family() == path.wrapping.family && (!least || mtu < *least)) least = mtu;
  }
  return least;
}

}  // namespace

std::uint32_t largest_packet(std::uint32_t wire_mtu, const Wrapping& wrapping) {
  const auto encr = wrapping.suite.encr.id;
  const std::uint32_t around =
      ip_header(wrapping.family) + (wrapping.udp ? kUdpHeader : 0) + kEspHeader +
      static_cast<std::uint32_t>(ike::crypto::iv_size(encr) +
                                 ike::crypto::icv_size(encr, wrapping.suite.integ));
  const auto block =
      std::max<std::uint32_t>(4, static_cast<std::uint32_t>(ike::crypto::block_size(encr)));
  if (wire_mtu < around + block) return 0;
  const std::uint32_t payload = (wire_mtu - around) / block * block - kEspTrailer;
  // In transport mode the packet's own header stands outside.
  return wrapping.mode == plan::Mode::kTunnel ? payload : payload + ip_header(wrapping.family);
}

std::vector<PodPath> pod_paths(const plan::NodePlan& plan) {
  std::vector<PodPath> paths;
  for (const plan::ConnectionPlan& connection : plan.connections) {
    const auto family = outer_family(connection);
    if (!family) continue;
    for (const plan::ChildPlan& child : connection.children) {
      if (child.mode == plan::Mode::kTunnel && !covers_pods(child, plan.pod_cidrs)) continue;
      for (const EspSuite& suite : suites_of(child)) {
        PodPath path;
        path.wrapping = {child.mode, *family, connection.udp == plan::UdpEncapsulation::kAlways,
                         suite};
        path.local = connection.local_address;
        if (!path.local) path.local = node_address(plan, *family);
        path.udp_if_translated = connection.udp == plan::UdpEncapsulation::kAuto;
        if (std::find(paths.begin(), paths.end(), path) == paths.end()) paths.push_back(path);
      }
    }
  }
  return paths;
}

std::optional<PodMtu> pod_mtu(const std::vector<PodPath>& paths, const Underlay& underlay) {
  std::optional<PodMtu> answer;
  // Pods that are in tunnels stand on the wire themselves: no overlay.
  const bool routed = std::any_of(paths.begin(), paths.end(), [](const PodPath& path) {
    return path.wrapping.mode == plan::Mode::kTunnel;
  });
  for (const PodPath& path : paths) {
    const auto mtu = mtu_at(underlay, path);
    if (!mtu) continue;
    Wrapping wrapping = path.wrapping;
    wrapping.udp = wrapping.udp || (path.udp_if_translated && underlay.translated);
    const std::uint32_t fits = largest_packet(*mtu, wrapping);
    if (!answer) answer = PodMtu{fits, 0};
    answer->most = std::min(answer->most, fits);
    if (!routed) answer->reserve = std::max(answer->reserve, *mtu - fits);
  }
  if (answer) answer->most = std::max(answer->most, kLeastMtu);
  return answer;
}

}  // namespace espalier::tunnel
