#include "nodeagent/runtime/releases.h"

#include <algorithm>
#include <utility>

namespace espalier::runtime {

Result<KeptReleases> KeptReleases::open(const std::string& folder) {
  auto file = StateFile::open(folder, "releases");
  if (!file) return forward(file);
  KeptReleases kept(std::move(*file));
  auto text = kept.file_.load();
  auto releases = text ? tunnel::decode_releases(*text) : forward(text);
  if (releases) {
    kept.releases_ = std::move(*releases);
  } else {
    kept.unread_ = releases.error();
  }
  return kept;
}

Result<rpc::ReleaseOutcome> KeptReleases::change(const rpc::ReleaseWish& wish,
                                                 const plan::NodePlan* plan, WallTime now) {
  rpc::ReleaseOutcome outcome;
  const auto named = [&](const telemetry::Release& one) { return one.name == wish.name; };
  if (wish.end) {
    for (const telemetry::Release& one : releases_) {
      if (wish.name.empty() || named(one)) outcome.ended.push_back(one.name);
    }
    if (outcome.ended.empty()) {
      return fail(
          Code::kNotFound, "",
          wish.name.empty() ? "nothing is released" : "nothing is released as '" + wish.name + "'");
    }
    std::erase_if(releases_, [&](const auto& one) { return wish.name.empty() || named(one); });
  } else {
    const telemetry::Release release{wish.name, wish.in_clear, wish.why, now, {}};
    if (!wish.name.empty()) {
      if (plan == nullptr) {
        return fail(Code::kUnavailable, "",
                    "this node has no plan, so nothing has a name: release the whole node");
      }
      if (tunnel::connections_of(release, *plan).empty()) {
        return fail(Code::kNotFound, "",
                    "no connection, peer or owner is named '" + wish.name + "'");
      }
    }
    std::erase_if(releases_, named);
    releases_.push_back(release);
  }
  if (auto saved = file_.save(tunnel::encode(releases_)); !saved) {
    outcome.not_kept = saved.error().to_string();
  }
  outcome.releases = releases_;
  if (plan == nullptr) return outcome;
  for (telemetry::Release& one : outcome.releases)
    one.connections = tunnel::connections_of(one, *plan);
  return outcome;
}

}  // namespace espalier::runtime
