#include <netinet/in.h>

#include "nodeagent/dataplane/xfrm/convert.h"
#include "nodeagent/dataplane/xfrm/decode.h"
#include "nodeagent/dataplane/xfrm/decode_parts.h"

namespace espalier::dataplane::xfrm {

namespace {

std::optional<Mark> read_mark(const Attributes& attributes) {
  const auto raw = attributes.get<xfrm_mark>(XFRMA_MARK);
  if (!raw || raw->m == 0) return std::nullopt;
  return Mark{raw->v, raw->m};
}

Result<Template> read_template(const xfrm_user_tmpl& raw) {
  const auto family = family_of(raw.family);
  if (!family) return fail(Code::kInvalid, "template", "neither IPv4 nor IPv6");
  const auto mode = mode_of(raw.mode);
  if (raw.id.proto != IPPROTO_ESP || !mode) {
    return fail(Code::kUnsupported, "template", "not ESP in transport or tunnel mode");
  }
  Template transform;
  transform.source = from_kernel(raw.saddr, *family);
  transform.destination = from_kernel(raw.id.daddr, *family);
  transform.mode = *mode;
  transform.reqid = raw.reqid;
  transform.level = raw.optional != 0 ? Template::Level::kUse : Template::Level::kRequired;
  return transform;
}

}  // namespace

Result<Policy> read_policy(const xfrm_userpolicy_info& info, const Attributes& attributes) {
  const auto selector = from_kernel(info.sel);
  if (!selector) return fail(Code::kInvalid, "policy", "neither IPv4 nor IPv6");
  Policy policy;
  policy.selector = *selector;
  const auto direction = direction_of(info.dir);
  if (!direction) return fail(Code::kUnsupported, "policy", "of a socket");
  policy.direction = *direction;
  const auto where = id_of(policy).to_string();
  const auto type = attributes.get<xfrm_userpolicy_type>(XFRMA_POLICY_TYPE);
  if (type && type->type != XFRM_POLICY_TYPE_MAIN) {
    return fail(Code::kUnsupported, where, "a sub-policy");
  }
  if (attributes.get<std::uint32_t>(XFRMA_IF_ID).value_or(0) != 0) {
    return fail(Code::kUnsupported, where, "of an XFRM interface");
  }
  policy.priority = info.priority;
  policy.index = info.index;
  policy.action =
      info.action == XFRM_POLICY_BLOCK ? Policy::Action::kBlock : Policy::Action::kAllow;
  policy.mark = read_mark(attributes);
  const auto templates = attributes.bytes(XFRMA_TMPL);
  if (templates.size() >= 2 * sizeof(xfrm_user_tmpl)) {
    return fail(Code::kUnsupported, where, "several templates");
  }
  if (const auto raw = attributes.get<xfrm_user_tmpl>(XFRMA_TMPL)) {
    auto transform = read_template(*raw);
    if (!transform) return within(where, transform);
    policy.transform = *transform;
  }
  return policy;
}

Result<PolicyState> decode_policy(const RawMessage& message) {
  const auto parsed = parse<xfrm_userpolicy_info>(message.payload);
  if (!parsed) return too_short("policy");
  auto policy = read_policy(parsed->body, parsed->attributes);
  if (!policy) return forward(policy);
  return PolicyState{std::move(*policy), from_kernel(parsed->body.curlft)};
}

}  // namespace espalier::dataplane::xfrm
