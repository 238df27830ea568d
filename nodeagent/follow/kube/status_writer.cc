#include "nodeagent/follow/kube/status_writer.h"

#include <optional>
#include <utility>

#include "crds/kube/resources.h"

namespace espalier::follow {
namespace {

// The status to write; nullopt: it stands.
std::optional<kube::Json> wanted_status(const Report& report, NodeObject which,
                                        const std::vector<std::string>& features,
                                        const kube::Object& standing, const std::string& now) {
  if (which == NodeObject::kNodePolicy) {
    const auto before = crds::read_node_policy_status(standing.json);
    const auto made =
        node_policy_status(report.in_force, report.verdict, *report.snapshot, before, now);
    if (made == before) return std::nullopt;
    return crds::encode(made);
  }
  const auto before = crds::read_node_endpoint_status(standing.json);
  const auto made = node_endpoint_status(*report.snapshot, features, report.certificate,
                                         standing.metadata.generation, before, now);
  if (made == before) return std::nullopt;
  return crds::encode(made);
}

}  // namespace

std::string_view name_of(NodeObject object) {
  return object == NodeObject::kNodePolicy ? "NodePolicy" : "NodeEndpoint";
}

StatusWriter::StatusWriter(std::string node, Stores stores, std::vector<std::string> features,
                           WallClock wall)
    : node_(std::move(node)),
      stores_(std::move(stores)),
      features_(std::move(features)),
      wall_(std::move(wall)) {}

void StatusWriter::report(Report report) {
  auto shared = std::make_shared<const Report>(std::move(report));
  const std::lock_guard lock(mutex_);
  report_ = std::move(shared);
}

kube::Reconciled StatusWriter::write(const kube::Client& client, NodeObject which) {
  const bool policy = which == NodeObject::kNodePolicy;
  kube::ObjectPtr standing = (policy ? stores_.node_policies : stores_.node_endpoints)->find(node_);
  if (!standing || standing->metadata.deleting()) return kube::reconciled();
  std::shared_ptr<const Report> report;
  {
    const std::lock_guard lock(mutex_);
    report = report_;
    const auto written = written_.find(which);
    if (written != written_.end() && written->second.over == standing->metadata.resource_version)
      standing = written->second.object;
  }
  if (!report) return kube::reconciled();
  auto status = wanted_status(*report, which, features_, *standing, wall_());
  if (!status) return kube::reconciled();
  const auto applied =
      client.apply_status(policy ? crds::node_policies() : crds::node_endpoints(),
                          {{"metadata", {{"name", node_}}}, {"status", std::move(*status)}});
  if (applied) {
    const std::lock_guard lock(mutex_);
    written_[which] = {standing->metadata.resource_version, *applied};
    return kube::reconciled();
  }
  if (applied.error().kind == kube::ErrorKind::kNotFound) return kube::reconciled();
  return tl::unexpected(applied.error());
}

}  // namespace espalier::follow
