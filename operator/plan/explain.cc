#include "operator/plan/explain.h"

#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "crds/types/words.h"
#include "operator/plan/contest.h"
#include "operator/plan/draft.h"
#include "operator/plan/planner.h"
#include "operator/plan/settings.h"

namespace espalier::plan {

namespace {

// What somebody asked about: a node, one of its pods, or an address of neither.
struct End {
  std::string said;
  std::optional<std::size_t> node;
  std::optional<IpAddress> address;
  bool pod = false;
};

Result<End> end_of(const Contest& contest, std::string_view said) {
  End end;
  end.said = std::string(said);
  end.node = contest.find(said);
  if (end.node) return end;
  end.address = IpAddress::parse(said);
  if (!end.address) {
    std::vector<std::string> names;
    for (const crds::NodeEndpoint* node : contest.nodes()) names.push_back(node->meta.name);
    const auto meant = crds::closest(said, names);
    return fail(Code::kNotFound, end.said,
                fmt::format("is no node and no address{}; nodes: {}",
                            meant ? ", did you mean `" + *meant + "`?" : "",
                            names.empty() ? "none" : crds::join(names)));
  }
  for (std::size_t i = 0; i < contest.nodes().size(); ++i) {
    const crds::NodeEndpointSpec& spec = contest.nodes()[i]->spec;
    for (const IpAddress& address : spec.addresses) {
      if (address == *end.address) end.node = i;
    }
    for (const Prefix& pods : spec.pod_cidrs) {
      if (!pods.contains(*end.address)) continue;
      end.node = i;
      end.pod = true;
    }
  }
  return end;
}

// The first rule in a plan for traffic of any port, and the narrower exceptions before it.
struct Found {
  Precedence precedence = ~Precedence{0};
  std::string how;
  std::vector<std::string> exceptions;
};

// By Selector::pods: which pods these are is not known here.
std::map<std::string, Found> find_rules(const NodePlan& plan, const IpAddress& local,
                                        const IpAddress& remote) {
  std::map<std::string, Found> all;
  const auto offer = [&](const Selector& selector, Precedence precedence, const std::string& how) {
    if (!selector.local.contains(local) || !selector.remote.contains(remote) ||
        selector.protocol != 0)
      return;
    Found& found = all[selector.pods];
    const std::string whose =
        selector.pods.empty() ? "it" : fmt::format("that of pods of IPsecPolicy {}", selector.pods);
    if (precedence < found.precedence) found = Found{precedence, whose + " " + how, {}};
  };
  for (const BypassRule& rule : plan.bypass) {
    offer(rule.selector, rule.precedence, fmt::format("passes in clear ({})", rule.why));
  }
  for (const ConnectionPlan& connection : plan.connections) {
    for (const ChildPlan& child : connection.children) {
      for (const CoverRule& rule : child.rules) {
        offer(
            rule.selector, rule.precedence,
            fmt::format("goes through connection {}, child {} ({} mode, {}) of {}", connection.name,
                        child.name, child.mode == Mode::kTransport ? "transport" : "tunnel",
                        child.enforcement == Enforcement::kRequired ? "Required" : "Preferred",
                        child.owner.to_string()));
      }
    }
  }
  for (const BypassRule& rule : plan.bypass) {
    const bool always = rule.precedence == kAlwaysExempt;  // the same everywhere, and no news
    const auto found = all.find(rule.selector.pods);
    if (always || rule.selector.protocol == 0 || found == all.end()) continue;
    if (rule.precedence > found->second.precedence) continue;
    if (!rule.selector.local.contains(local) || !rule.selector.remote.contains(remote)) continue;
    found->second.exceptions.push_back(fmt::format("{} ({})", rule.selector.to_string(), rule.why));
  }
  return all;
}

class Explainer {
 public:
  Explainer(const World& world, const Contest& contest, End a, End b)
      : world_(world), contest_(contest), a_(std::move(a)), b_(std::move(b)) {}

  std::string explain() {
    if (a_.node && a_.node == b_.node) {
      line("{} and {} are on one node: that traffic never leaves it and passes in clear", a_.said,
           b_.said);
      return text_;
    }
    if (a_.node && b_.node) {
      for (const Flow flow : flows()) explain_flow(flow);
    }
    // Somebody without a node, or a Tunnel that lies over the two: the plans themselves tell.
    if (!a_.node || !b_.node) explain_addresses();
    if (text_.empty())
      line("{} and {} have no traffic of one address family between them", a_.said, b_.said);
    return text_;
  }

 private:
  template <typename... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    text_ += fmt::format(format, std::forward<Args>(args)...) + "\n";
  }

  // Two nodes by name: everything between them, their pods included.
  [[nodiscard]] bool both_named() const { return !a_.address && !b_.address; }

  // The kinds of traffic that were asked about.
  [[nodiscard]] std::vector<Flow> flows() const {
    const auto possible = [&](IpFamily family) {
      return sample(a_, false, family) && sample(b_, false, family);
    };
    if (both_named()) {
      std::vector<Flow> all = {Flow::kPodToPod, Flow::kPodToNode};
      if (possible(IpFamily::kV6)) all.insert(all.begin(), Flow::kNodeV6);
      if (possible(IpFamily::kV4)) all.insert(all.begin(), Flow::kNodeV4);
      return all;
    }
    if (a_.pod && b_.pod) return {Flow::kPodToPod};
    if (a_.pod || b_.pod) return {Flow::kPodToNode};
    const IpFamily family = a_.address ? a_.address->family() : b_.address->family();
    if (!possible(family)) return {};
    return {family == IpFamily::kV4 ? Flow::kNodeV4 : Flow::kNodeV6};
  }

  // An address that stands for the end in such a flow.
  [[nodiscard]] std::optional<IpAddress> sample(const End& end, bool pod, IpFamily family) const {
    if (end.address) return end.address->family() == family ? end.address : std::nullopt;
    const crds::NodeEndpoint& node = *contest_.nodes()[*end.node];
    if (!pod) return address_of(node, family);
    for (const Prefix& pods : node.spec.pod_cidrs) {
      if (pods.family() == family) return pods.first().next();
    }
    return std::nullopt;
  }

  void explain_flow(Flow flow) {
    const std::size_t a = *a_.node;
    const std::size_t b = *b_.node;
    line("{} and {}, {}:", a_.said, b_.said, name_of(flow));
    if (contest_.overlay(a, b) && (flow == Flow::kPodToPod || flow == Flow::kPodToNode)) {
      line("  travels in an overlay between the nodes: what holds for NodeToNode covers it");
      return;
    }
    const std::vector<Candidate> candidates = contest_.candidates(a, b, flow);
    const std::size_t count = deciders(candidates);
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      const std::string name = owner_of(*candidates[i].policy).to_string();
      if (i >= count) {
        line("  {} does not: {}", name, reason_to_beat(candidates[count - 1], candidates[i]));
      } else if (candidates[i].some_pods) {
        line("  {} decides about {}pods that it selects", name, i == 0 ? "the " : "other ");
      } else {
        line("  {} decides{}", name, i == 0 ? "" : " about all else");
      }
    }
    if (candidates.empty()) {
      line("  passes in clear: no policy says anything about it");
    } else if (candidates[count - 1].some_pods) {
      line("  all else passes in clear: no policy says anything about it");
    }
    for (std::size_t policy = 0; policy < contest_.policies().size(); ++policy) {
      const std::string why = contest_.why_not(policy, a, b, flow);
      if (!why.empty())
        line("  {} does not apply: {}", owner_of(*contest_.policies()[policy]).to_string(), why);
    }
    if (!candidates.empty()) show_rules(flow);
  }

  void show_rules(Flow flow) {
    const NodePlan& plan = plan_of(contest_.nodes()[*a_.node]->meta.name);
    std::set<std::string> told;
    for (const IpFamily family : {IpFamily::kV4, IpFamily::kV6}) {
      if (flow == (family == IpFamily::kV4 ? Flow::kNodeV6 : Flow::kNodeV4)) continue;
      const bool a_pod =
          both_named() ? flow == Flow::kPodToPod || flow == Flow::kPodToNode : a_.pod;
      const bool b_pod = both_named() ? flow == Flow::kPodToPod : b_.pod;
      const auto local = sample(a_, a_pod, family);
      const auto remote = sample(b_, b_pod, family);
      if (local && remote) show(plan, *local, *remote, told);
    }
    if (told.empty())
      line("  there is nothing to carry: the ends have no addresses of one family for it");
  }

  bool show(const NodePlan& plan, const IpAddress& local, const IpAddress& remote,
            std::set<std::string>& told) {
    const auto all = find_rules(plan, local, remote);
    for (const auto& [pods, found] : all) {
      if (told.insert(found.how).second) line("  on {} {}", plan.node, found.how);
      for (const std::string& exception : found.exceptions) {
        if (told.insert(exception).second) line("  but in clear: {}", exception);
      }
    }
    return !all.empty();
  }

  // At least one end has no node: whose plan has a rule for the two?
  void explain_addresses() {
    line("{} and {}:", a_.said, b_.said);
    std::set<std::string> nodes;
    for (const End* end : {&a_, &b_}) {
      if (end->node) nodes.insert(contest_.nodes()[*end->node]->meta.name);
    }
    for (const auto& tunnel : world_.tunnels) nodes.insert(tunnel->spec.local.node);
    bool any = false;
    for (const std::string& node : nodes) {
      const NodePlan& plan = plan_of(node);
      std::set<std::string> told;
      for (const IpFamily family : {IpFamily::kV4, IpFamily::kV6}) {
        const auto a = a_.node || a_.address ? sample(a_, a_.pod, family) : std::nullopt;
        const auto b = b_.node || b_.address ? sample(b_, b_.pod, family) : std::nullopt;
        if (!a || !b) continue;
        any = show(plan, *a, *b, told) || any;
        any = show(plan, *b, *a, told) || any;
      }
      for (const PlanNote& note : plan.notes) {
        if (note.kind == NoteKind::kRefused)
          line("  on {}, {}: {}", node, note.about.to_string(), note.text);
      }
    }
    if (!any) line("  passes in clear: no policy and no Tunnel says anything about it");
  }

  const NodePlan& plan_of(const std::string& node) {
    const auto known = plans_.find(node);
    return known != plans_.end() ? known->second
                                 : plans_.emplace(node, plan_node(world_, node)).first->second;
  }

  const World& world_;
  const Contest& contest_;
  const End a_;
  const End b_;
  std::string text_;
  std::map<std::string, NodePlan> plans_;
};

}  // namespace

Result<std::string> explain(const World& world, std::string_view a, std::string_view b) {
  const Contest contest(world);
  auto from = end_of(contest, a);
  if (!from) return forward(from);
  auto to = end_of(contest, b);
  if (!to) return forward(to);
  return Explainer(world, contest, std::move(*from), std::move(*to)).explain();
}

}  // namespace espalier::plan
