// A manifest file, planned for every node in it, printed and explained. Bounded: a file that names
// many nodes is only read.
#include "cmake/fuzz/fuzz_one.h"
#include "crds/yamlcpp/manifest_folder.h"
#include "operator/plan/explain.h"
#include "operator/plan/outline.h"
#include "operator/plan/planner.h"
#include "operator/plan/secret_uses.h"

void fuzz_one(std::span<const std::uint8_t> input) {
  using namespace espalier;
  const std::string_view text(reinterpret_cast<const char*>(input.data()), input.size());
  crds::FolderReading folder;
  folder.files.push_back(crds::read_manifests(text, "fuzz.yaml"));
  const crds::ManifestSet set = crds::keep_last_good(std::move(folder), {}).all();
  if (set.endpoints.size() + set.tunnels.size() > 8 || set.policies.size() > 8) return;
  const plan::World world = plan::world_of(set);
  for (const plan::NodePlan& one : plan::plan(world)) {
    (void)plan::to_yaml(plan::outline_of(one));
    (void)plan::check_secrets(one, set);
    if (plan::plan_node(world, one.node) != one) __builtin_trap();
    for (const auto& peer : set.endpoints) (void)plan::explain(world, one.node, peer->meta.name);
  }
}
