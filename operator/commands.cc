#include "operator/commands.h"

#include <ostream>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "crds/types/words.h"
#include "crds/yamlcpp/manifest_folder.h"
#include "operator/plan/explain.h"
#include "operator/plan/outline.h"
#include "operator/plan/planner.h"
#include "operator/plan/secret_uses.h"

namespace espalier::operator_cli {

namespace {

// The folder's objects; nullopt after saying what is wrong, unless that is to be passed over.
struct Manifests {
  crds::ManifestSet set;
  bool good = true;
};

std::optional<Manifests> read(const std::string& folder, bool keep_going, std::ostream& err) {
  const crds::FolderReading reading = crds::read_folder(folder);
  const crds::Problems problems = reading.all_problems();
  for (const crds::Problem& problem : problems) err << problem.to_string() << "\n";
  Manifests manifests{reading.all(), problems.empty()};
  if (!problems.empty()) {
    const bool stop = !keep_going || !reading.problems.empty();
    err << fmt::format("{} problem{} in {}{}\n", problems.size(), problems.size() == 1 ? "" : "s",
                       folder, stop ? "; nothing was planned" : "; planned from the rest");
    if (stop) return std::nullopt;
  }
  if (reading.files.empty()) {
    err << fmt::format("{} holds no manifests (*.yaml, *.yml, *.json)\n", folder);
    return std::nullopt;
  }
  return manifests;
}

void write(const plan::NodePlan& one, const RenderOptions& options, bool first, std::ostream& out) {
  const plan::Outline outline = plan::outline_of(one);
  if (options.json) {
    out << plan::to_json(outline) << "\n";
  } else {
    out << (first ? "" : "---\n") << plan::to_yaml(outline);
  }
}

}  // namespace

int render(const RenderOptions& options, std::ostream& out, std::ostream& err) {
  const auto manifests = read(options.manifests, options.keep_going, err);
  if (!manifests) return kBadManifests;
  const std::vector<plan::NodePlan> plans = plan::plan(plan::world_of(manifests->set));
  std::vector<std::string> names;
  bool found = options.node.empty();
  bool first = true;
  for (const plan::NodePlan& one : plans) {
    names.push_back(one.node);
    if (!options.node.empty() && one.node != options.node) continue;
    found = true;
    write(one, options, std::exchange(first, false), out);
    if (options.node.empty()) continue;
    // The folder is this node's, so its Secrets should be there.
    for (const crds::Problem& problem : plan::check_secrets(one, manifests->set)) {
      err << "warning: " << problem.to_string() << "\n";
    }
  }
  if (!found) {
    const auto meant = crds::closest(options.node, names);
    err << fmt::format("{}: no NodeEndpoint and no Tunnel names this node{}; nodes: {}\n",
                       options.node, meant ? ", did you mean `" + *meant + "`?" : "",
                       names.empty() ? "none" : crds::join(names));
    return kBadManifests;
  }
  return manifests->good ? kDone : kBadManifests;
}

int explain(const ExplainOptions& options, std::ostream& out, std::ostream& err) {
  const auto manifests = read(options.manifests, options.keep_going, err);
  if (!manifests) return kBadManifests;
  const auto text = plan::explain(plan::world_of(manifests->set), options.a, options.b);
  if (!text) {
    err << text.error().to_string() << "\n";
    return kBadManifests;
  }
  out << *text;
  return manifests->good ? kDone : kBadManifests;
}

}  // namespace espalier::operator_cli
