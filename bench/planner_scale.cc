// Times the planner at the size of a large cluster, without an API server: bench/plan runs it.
//
// The world: dual-stack nodes with a block of pods each, policies (a tenth of them for all nodes,
// the others for a tenth of the nodes each, the last one towards an address block), and pods
// selected by one of them.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <malloc.h>
#include <sys/resource.h>

#include "operator/plan/kept_rules.h"
#include "operator/plan/node_planner.h"
#include "operator/plan/planner.h"
#include "operator/plan/pod_slices.h"

using namespace espalier;
using namespace espalier::plan;

namespace {

std::shared_ptr<const crds::NodeEndpoint> node(std::uint32_t i) {
  crds::NodeEndpoint made;
  made.meta.name = fmt::format("node{:05}", i);
  made.meta.labels = {{"kubernetes.io/os", "linux"}, {"group", fmt::format("g{}", i % 10)}};
  made.spec.addresses = {IpAddress::v4(0x0a000001U + i),
                         *IpAddress::parse(fmt::format("fd00:10::{:x}", i + 1))};
  made.spec.pod_cidrs = {Prefix(IpAddress::v4(0x64000000U + (i << 8U)), 24),
                         *Prefix::parse(fmt::format("fd00:100:{:x}::/64", i))};
  made.spec.identity = made.meta.name + ".nodes.example.com";
  return std::make_shared<const crds::NodeEndpoint>(std::move(made));
}

std::shared_ptr<const crds::IPsecPolicy> policy(std::uint32_t i, std::uint32_t policies,
                                                std::int64_t generation = 1) {
  crds::IPsecPolicy made;
  made.meta.name = fmt::format("policy{:03}", i);
  made.meta.uid = fmt::format("00000000-0000-4000-8000-{:012}", i);
  made.meta.generation = generation;
  made.spec.traffic = {crds::Traffic::kNodeToNode, crds::Traffic::kPodToPod};
  made.spec.priority = i;
  if (i + 1 == policies) {
    made.spec.peers = {{{*Prefix::parse("192.0.2.0/24"), {}}}};
    made.spec.traffic = {crds::Traffic::kNodeToNode};
  } else if (i % 10 != 0) {
    made.spec.node_selector = crds::LabelSelector{{{"group", fmt::format("g{}", i % 10)}}, {}};
  }
  return std::make_shared<const crds::IPsecPolicy>(std::move(made));
}

IpAddress pod(std::uint32_t i, std::uint32_t nodes) {
  return IpAddress::v4(0x64000000U + ((i % nodes) << 8U) + 2 + i / nodes);
}

// Of the processor, so that what else the machine does counts little. One thread does it all.
double milliseconds(const std::function<void()>& work) {
  const std::clock_t begin = std::clock();
  work();
  return static_cast<double>(std::clock() - begin) * 1000 / CLOCKS_PER_SEC;
}

// What is allocated and not given back.
double held_mib() {
  const struct mallinfo2 heap = mallinfo2();
  return static_cast<double>(heap.uordblks + heap.hblkhd) / 1048576;
}

// `changed` is asked after the work.
void row(const char* what, const std::function<void()>& work,
         const std::function<std::size_t()>& changed, const char* of) {
  const double time = milliseconds(work);
  fmt::print("{:<44}{:>10.1f} ms  {:>6} {}\n", what, time, changed(), of);
}

void rules_of_all(World world, std::uint32_t nodes) {
  const auto policies = static_cast<std::uint32_t>(world.policies.size());
  KeptRules kept;
  std::vector<std::string> changed;
  const auto update = [&] { changed = kept.update(world); };
  const auto count = [&] { return changed.size(); };
  const double before = held_mib();
  fmt::print("\nThe operator: what each of {} nodes is told\n", nodes);
  row("  first plan", update, count, "NodePolicies");
  fmt::print("{:<44}{:>10.1f} MiB\n", "  memory beside the world", held_mib() - before);
  world.endpoints.push_back(node(nodes));
  row("  one node joins", update, count, "NodePolicies");
  world.policies[1] = policy(1, policies, 2);
  row("  a policy for a tenth of the nodes changes", update, count, "NodePolicies");
  world.policies[0] = policy(0, policies, 2);
  row("  a policy for all nodes changes", update, count, "NodePolicies");
}

void plan_of_one(World world, std::uint32_t nodes) {
  NodePlanner planner("node00001");
  const auto update = [&] { (void)planner.update(world); };
  const auto count = [&] { return planner.pairs_planned(); };
  const double before = held_mib();
  fmt::print("\nAn agent: its own plan towards {} others\n", nodes - 1);
  row("  first plan", update, count, "pairs planned");
  fmt::print("{:<44}{:>10.1f} MiB\n", "  memory beside the world", held_mib() - before);
  world.endpoints.push_back(node(nodes));
  row("  one node joins", update, count, "pairs planned");
  world.endpoints.erase(world.endpoints.begin() + 100);
  row("  one node leaves", update, count, "pairs planned");
  world.policies[1] = policy(1, static_cast<std::uint32_t>(world.policies.size()), 2);
  row("  a policy changes", update, count, "pairs planned");
  NodePlan anew;
  row(
      "  the same without what is kept", [&] { anew = plan_node(world, "node00001"); },
      [&] { return world.endpoints.size() - 1; }, "pairs planned");
  if (anew != planner.plan()) fmt::print("  THE PLANS DIFFER\n");
}

void slices_of_pods(std::uint32_t nodes, std::uint32_t pods) {
  PodSlices slices;
  PodSlices::Changes changes;
  const auto count = [&] { return changes.written.size() + changes.deleted.size(); };
  const double before = held_mib();
  fmt::print("Pods: {} addresses that one policy selects\n", pods);
  row(
      "  first slices",
      [&] {
        for (std::uint32_t i = 0; i < pods; ++i) slices.claim("policy001", pod(i, nodes));
        changes = slices.take_changes();
      },
      count, "PodSlices");
  changes = {};
  fmt::print("{:<44}{:>10.1f} MiB\n", "  memory", held_mib() - before);
  row(
      "  one pod moves",
      [&] {
        slices.release("policy001", pod(777, nodes));
        slices.claim("policy001", pod(pods + 5, nodes));
        changes = slices.take_changes();
      },
      count, "PodSlices");
}

}  // namespace

int main(int argc, char** argv) {
  const auto argument = [&](int i, unsigned long otherwise) {
    const unsigned long given = argc > i ? std::strtoul(argv[i], nullptr, 10) : 0;
    return static_cast<std::uint32_t>(given != 0 ? given : otherwise);
  };
  const std::uint32_t nodes = std::max<std::uint32_t>(argument(1, 5000), 200);
  const std::uint32_t pods = argument(2, 150000);
  const std::uint32_t policies = std::clamp<std::uint32_t>(argument(3, 100), 3, 1000);
  World world;
  for (std::uint32_t i = 0; i < nodes; ++i) world.endpoints.push_back(node(i));
  for (std::uint32_t i = 0; i < policies; ++i) world.policies.push_back(policy(i, policies));
  world.api_servers = {{IpAddress::v4(0x0a000001U), 6443}};
  fmt::print("The planner alone: {} nodes, {} policies, {} pods; times are of the processor\n\n",
             nodes, policies, pods);
  slices_of_pods(nodes, pods);
  rules_of_all(world, nodes);
  plan_of_one(world, nodes);
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  fmt::print("\nHighest resident memory of all of it: {:.1f} MiB\n",
             static_cast<double>(usage.ru_maxrss) / 1024);
  return 0;
}
