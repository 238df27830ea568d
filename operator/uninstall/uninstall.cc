#include "operator/uninstall/uninstall.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "crds/kube/resources.h"
#include "crds/types/encode.h"
#include "crds/types/node_policy.h"
#include "crds/types/status.h"
#include "crds/types/uninstalling.h"
#include "operator/plan/node_rules.h"

namespace espalier::uninstall {
namespace {

using namespace std::chrono_literals;
using kube::Json;

constexpr Duration kLook = 1s;
constexpr std::size_t kNamesTold = 5;

std::string named(const std::vector<std::string>& names) {
  const std::size_t told = std::min(names.size(), kNamesTold);
  std::string text = fmt::format(
      "{}", fmt::join(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(told), ", "));
  if (told < names.size()) text += fmt::format(" and {} more", names.size() - told);
  return text;
}

tl::unexpected<Error> failed(const kube::ApiError& error) {
  return tl::unexpected<Error>(error.to_error());
}

// What still stands in the way; empty: nothing.
using Look = std::function<kube::ApiResult<std::vector<std::string>>()>;

class Uninstall {
 public:
  Uninstall(const Ports& ports, const Options& options)
      : ports_(ports),
        options_(options),
        deployment_{options.ns, "espalier-operator"},
        until_(ports.now() + options.timeout) {}

  Status run() {
    const auto deployment = ports_.client->get(deployments(), deployment_);
    if (!deployment && deployment.error().kind != kube::ErrorKind::kNotFound)
      return failed(deployment.error());
    Json replicas = 1;  // Deployment's default
    if (deployment) {
      if (const Json* asked = kube::find_field((*deployment)->json, "spec.replicas"))
        replicas = *asked;
      if (auto scaled = scale(0); !scaled) return scaled;
    }
    auto done = empty_all();
    if (!done && deployment) {
      if (auto restored = scale(replicas); !restored)
        done.error().detail +=
            "; and the operator stays without replicas: " + restored.error().to_string();
    }
    return done;
  }

 private:
  Status scale(const Json& replicas) {
    const Json patch{{"spec", {{"replicas", replicas}}}};
    const auto scaled = ports_.client->merge_patch(deployments(), deployment_, patch, "scale");
    if (!scaled) return failed(scaled.error());
    return {};
  }

  Status empty_all() {
    ports_.say("waiting for the operator to end");
    if (auto ended = wait("these pods of the operator", [this] { return operators(); }); !ended)
      return ended;
    ports_.say("giving every node an empty plan");
    if (auto given = give_empty_plans(); !given) return given;
    if (auto taken =
            wait("the agents of these nodes to take the empty plan", [this] { return behind(); });
        !taken)
      return taken;
    ports_.say("removing NodePolicies, NodeEndpoints and PodSlices");
    for (const kube::Resource& kind :
         {crds::node_policies(), crds::pod_slices(), crds::node_endpoints()}) {
      const auto standing = ports_.client->list(kind, {});
      if (!standing) return failed(standing.error());
      for (const auto& object : standing->objects) {
        if (auto removed = ports_.client->remove(kind, object->key()); !removed)
          return failed(removed.error());
      }
    }
    return {};
  }

  kube::ApiResult<std::vector<std::string>> operators() {
    const auto pods = ports_.client->list(
        kube::pods(), {options_.ns, "app.kubernetes.io/component=operator", {}});
    if (!pods) return tl::make_unexpected(pods.error());
    std::vector<std::string> names;
    for (const auto& pod : pods->objects) names.push_back(pod->key().name);
    return names;
  }

  Status give_empty_plans() {
    const auto policies = ports_.client->list(crds::node_policies(), {});
    if (!policies) return failed(policies.error());
    crds::NodePolicySpec nothing;
    nothing.hash = plan::hash_of(nothing);
    for (const auto& policy : policies->objects) {
      const Json object{
          {"metadata",
           {{"name", policy->key().name}, {"labels", {{crds::kUninstallingLabel, "true"}}}}},
          {"spec", crds::encode(nothing)}};
      if (auto given = ports_.client->apply(crds::node_policies(), object); !given)
        return failed(given.error());
    }
    return {};
  }

  // A node without any status never had an agent that did something.
  kube::ApiResult<std::vector<std::string>> behind() {
    const auto policies = ports_.client->list(crds::node_policies(), {});
    if (!policies) return tl::make_unexpected(policies.error());
    std::vector<std::string> names;
    for (const auto& policy : policies->objects) {
      const std::string applied = crds::read_node_policy_status(policy->json).applied_hash;
      const Json* hash = kube::find_field(policy->json, "spec.hash");
      if (!applied.empty() && (hash == nullptr || *hash != applied))
        names.push_back(policy->key().name);
    }
    return names;
  }

  Status wait(std::string_view what, const Look& look) {
    std::string told;
    while (true) {
      const auto left = look();
      // A server that is away for a moment is no reason to stop half-way.
      if (!left && !left.error().worth_retrying()) return failed(left.error());
      if (left && left->empty()) return {};
      const std::string now =
          left ? fmt::format("waiting for {}: {}", what, named(*left)) : left.error().to_string();
      if (ports_.now() >= until_) return fail(Code::kUnavailable, {}, "gave up " + now);
      if (now != told) ports_.say(now);
      told = now;
      ports_.pause(kLook);
    }
  }

  const Ports& ports_;
  const Options& options_;
  const kube::ObjectKey deployment_;
  const TimePoint until_;
};

}  // namespace

Status uninstall(const Ports& ports, const Options& options) {
  return Uninstall(ports, options).run();
}

kube::Resource deployments() {
  return {"apps", "v1", "deployments", "Deployment", kube::Scope::kNamespaced};
}

}  // namespace espalier::uninstall
