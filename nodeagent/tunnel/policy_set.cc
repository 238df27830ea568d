#include "nodeagent/tunnel/policy_set.h"

namespace espalier::tunnel {

namespace {

using dataplane::Direction;
using dataplane::Policy;
using dataplane::Template;

dataplane::Mode mode_of(plan::Mode mode) {
  return mode == plan::Mode::kTransport ? dataplane::Mode::kTransport : dataplane::Mode::kTunnel;
}

WantedPolicy wanted(const dataplane::Selector& selector, Direction direction, const PodScope& scope,
                    std::optional<Template> transform, Stage stage) {
  WantedPolicy result;
  result.policy.selector = selector;
  result.policy.direction = direction;
  result.policy.priority = kPriorityBase + scope.order;
  result.policy.mark = scope.mark;
  result.policy.transform = transform;
  result.stage = stage;
  return result;
}

// An address that stands for "not known", of the family that the other end has.
IpAddress or_any(const std::optional<IpAddress>& address, const std::optional<IpAddress>& other,
                 IpFamily inner) {
  if (address) return *address;
  return IpAddress::any(other ? other->family() : inner);
}

}  // namespace

dataplane::Selector outbound_selector(const plan::Selector& selector) {
  dataplane::Selector result;
  result.source = selector.local;
  result.destination = selector.remote;
  result.protocol = selector.protocol;
  result.source_port = selector.icmp_type ? *selector.icmp_type : selector.local_port;
  result.destination_port = selector.icmp_type ? std::uint16_t{0} : selector.remote_port;
  return result;
}

dataplane::Selector inbound_selector(const plan::Selector& selector) {
  dataplane::Selector result;
  result.source = selector.remote;
  result.destination = selector.local;
  result.protocol = selector.protocol;
  result.source_port = selector.icmp_type ? *selector.icmp_type : selector.remote_port;
  result.destination_port = selector.icmp_type ? std::uint16_t{0} : selector.local_port;
  return result;
}

std::vector<WantedPolicy> policies_of(const plan::BypassRule& rule, const PodGroups& groups) {
  const auto scope = scope_of(rule.selector, rule.precedence, false, groups);
  if (scope.left_out) return {};
  const auto out = outbound_selector(rule.selector);
  const auto in = inbound_selector(rule.selector);
  const auto none = std::nullopt;
  return {wanted(in, Direction::kIn, scope, none, Stage::kExempt),
          wanted(in, Direction::kForward, scope, none, Stage::kExempt),
          wanted(out, Direction::kOut, scope, none, Stage::kExempt)};
}

std::vector<WantedPolicy> policies_of(const plan::ChildPlan& child,
                                      const std::vector<plan::CoverRule>& rules,
                                      const ChildForm& form, const PodGroups& groups) {
  std::vector<WantedPolicy> result;
  result.reserve(rules.size() * 3);
  const bool required = child.enforcement == plan::Enforcement::kRequired;
  for (const auto& rule : rules) {
    const auto scope = scope_of(rule.selector, rule.precedence, required, groups);
    if (scope.left_out && !required) continue;
    const IpFamily inner = rule.selector.local.family();
    Template in;
    in.source = form.remote_fixed ? or_any(form.remote, form.local, inner)
                                  : or_any(std::nullopt, form.local, inner);
    in.destination = or_any(form.local, form.remote, inner);
    in.mode = mode_of(child.mode);
    in.reqid = form.reqid;
    in.level = required ? Template::Level::kRequired : Template::Level::kUse;
    const auto selector = inbound_selector(rule.selector);
    result.push_back(wanted(selector, Direction::kIn, scope, in, Stage::kInbound));
    result.push_back(wanted(selector, Direction::kForward, scope, in, Stage::kInbound));
  }
  if (form.outbound == OutboundForm::kAbsent && !required) return result;
  for (const auto& rule : rules) {
    const auto scope = scope_of(rule.selector, rule.precedence, required, groups);
    if (scope.left_out && !required) continue;
    const IpFamily inner = rule.selector.local.family();
    Template out;
    out.source = or_any(form.local, form.remote, inner);
    out.destination = or_any(form.remote, form.local, inner);
    out.mode = mode_of(child.mode);
    out.reqid = form.reqid;
    // The kernel takes no optional tunnel template outbound.
    const bool use =
        form.outbound == OutboundForm::kUse && !required && child.mode == plan::Mode::kTransport;
    out.level = use ? Template::Level::kUse : Template::Level::kRequired;
    result.push_back(
        wanted(outbound_selector(rule.selector), Direction::kOut, scope, out, Stage::kOutbound));
  }
  return result;
}

}  // namespace espalier::tunnel
