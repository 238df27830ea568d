#include <arpa/inet.h>
#include <netinet/in.h>

#include "nodeagent/dataplane/xfrm/convert.h"
#include "nodeagent/dataplane/xfrm/decode.h"
#include "nodeagent/dataplane/xfrm/decode_parts.h"

namespace espalier::dataplane::xfrm {

namespace {

// What is none of ours (another protocol, an XFRM interface's policy) is no event.
template <typename T>
Result<std::optional<KernelEvent>> no_event(Result<T>& failed) {
  if (failed.error().code == Code::kUnsupported) return std::optional<KernelEvent>{};
  return forward(failed);
}

using EventResult = Result<std::optional<KernelEvent>>;

EventResult decode_acquire(ByteView payload) {
  const auto parsed = parse<xfrm_user_acquire>(payload);
  if (!parsed) return too_short("ACQUIRE");
  auto policy = read_policy(parsed->body.policy, parsed->attributes);
  if (!policy) return no_event(policy);
  const auto packet = from_kernel(parsed->body.sel);
  if (!packet) return fail(Code::kInvalid, "ACQUIRE", "neither IPv4 nor IPv6");
  if (!policy->transform) return fail(Code::kInvalid, "ACQUIRE", "no template");
  const auto family = policy->transform->destination.family();
  Acquire acquire;
  acquire.packet = *packet;
  acquire.policy = id_of(*policy);
  acquire.policy_index = policy->index;
  acquire.reqid = policy->transform->reqid;
  acquire.mode = policy->transform->mode;
  acquire.source = from_kernel(parsed->body.saddr, family);
  acquire.destination = from_kernel(parsed->body.id.daddr, family);
  return acquire;
}

EventResult decode_expire(ByteView payload) {
  const auto parsed = parse<xfrm_user_expire>(payload);
  if (!parsed) return too_short("EXPIRE");
  auto sa = read_fixed(parsed->body.state);
  if (!sa) return no_event(sa);
  Expire expire;
  expire.sa = id_of(*sa);
  expire.reqid = sa->reqid;
  expire.hard = parsed->body.hard != 0;
  expire.usage = from_kernel(parsed->body.state.curlft);
  return expire;
}

Result<SaId> read_id(const xfrm_usersa_id& raw) {
  const auto family = family_of(raw.family);
  if (!family) return fail(Code::kInvalid, "SA", "neither IPv4 nor IPv6");
  const SaId id{from_kernel(raw.daddr, *family), ntohl(raw.spi)};
  if (raw.proto != IPPROTO_ESP) return fail(Code::kUnsupported, id.to_string(), "not ESP");
  return id;
}

EventResult decode_mapping(ByteView payload) {
  const auto parsed = parse<xfrm_user_mapping>(payload);
  if (!parsed) return too_short("MAPPING");
  auto id = read_id(parsed->body.id);
  if (!id) return no_event(id);
  const auto family = id->destination.family();
  Mapping mapping;
  mapping.sa = *id;
  mapping.reqid = parsed->body.reqid;
  mapping.old_source = {from_kernel(parsed->body.old_saddr, family), ntohs(parsed->body.old_sport)};
  mapping.new_source = {from_kernel(parsed->body.new_saddr, family), ntohs(parsed->body.new_sport)};
  return mapping;
}

EventResult decode_sa_deleted(ByteView payload) {
  const auto parsed = parse<xfrm_usersa_id>(payload);
  if (!parsed) return too_short("DELSA");
  auto id = read_id(parsed->body);
  if (!id) return no_event(id);
  SaDeleted deleted;
  deleted.sa = *id;
  if (const auto info = parsed->attributes.get<xfrm_usersa_info>(XFRMA_SA)) {
    deleted.reqid = info->reqid;
  }
  return deleted;
}

EventResult decode_policy_deleted(ByteView payload) {
  const auto parsed = parse<xfrm_userpolicy_id>(payload);
  if (!parsed) return too_short("DELPOLICY");
  const auto info = parsed->attributes.get<xfrm_userpolicy_info>(XFRMA_POLICY);
  if (!info) return too_short("DELPOLICY");
  auto policy = read_policy(*info, parsed->attributes);
  if (!policy) return no_event(policy);
  return PolicyDeleted{id_of(*policy), policy->index};
}

EventResult decode_policy_expired(ByteView payload) {
  const auto parsed = parse<xfrm_user_polexpire>(payload);
  if (!parsed) return too_short("POLEXPIRE");
  if (parsed->body.hard == 0) return std::optional<KernelEvent>{};
  auto policy = read_policy(parsed->body.pol, parsed->attributes);
  if (!policy) return no_event(policy);
  return PolicyDeleted{id_of(*policy), policy->index};
}

EventResult decode_policy_set(ByteView payload) {
  const auto parsed = parse<xfrm_userpolicy_info>(payload);
  if (!parsed) return too_short("NEWPOLICY");
  auto policy = read_policy(parsed->body, parsed->attributes);
  if (!policy) return no_event(policy);
  return PolicySet{std::move(*policy)};
}

EventResult decode_sas_flushed(ByteView payload) {
  const auto body = Attributes::read_front<xfrm_usersa_flush>(payload);
  if (!body) return too_short("FLUSHSA");
  // 0: of every protocol; 255: of every IPsec protocol.
  if (body->proto != 0 && body->proto != IPPROTO_ESP && body->proto != 255) {
    return std::optional<KernelEvent>{};
  }
  return SasFlushed{};
}

}  // namespace

Result<std::optional<KernelEvent>> decode_event(const RawMessage& message) {
  switch (message.header.nlmsg_type) {
    case XFRM_MSG_ACQUIRE:
      return decode_acquire(message.payload);
    case XFRM_MSG_EXPIRE:
      return decode_expire(message.payload);
    case XFRM_MSG_MAPPING:
      return decode_mapping(message.payload);
    case XFRM_MSG_DELSA:
      return decode_sa_deleted(message.payload);
    case XFRM_MSG_DELPOLICY:
      return decode_policy_deleted(message.payload);
    case XFRM_MSG_POLEXPIRE:
      return decode_policy_expired(message.payload);
    case XFRM_MSG_NEWPOLICY:
    case XFRM_MSG_UPDPOLICY:
      return decode_policy_set(message.payload);
    case XFRM_MSG_FLUSHSA:
      return decode_sas_flushed(message.payload);
    case XFRM_MSG_FLUSHPOLICY:
      return std::optional<KernelEvent>{PoliciesFlushed{}};
    default:
      return std::optional<KernelEvent>{};
  }
}

}  // namespace espalier::dataplane::xfrm
