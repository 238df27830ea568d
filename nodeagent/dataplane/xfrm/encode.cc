#include "nodeagent/dataplane/xfrm/encode.h"

#include <algorithm>
#include <cstring>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include "nodeagent/dataplane/xfrm/algorithm_names.h"
#include "nodeagent/dataplane/xfrm/convert.h"

namespace espalier::dataplane::xfrm {

namespace {

constexpr std::uint32_t kSpiMin = 256;  // RFC 4303 section 2.1: 1 to 255 are reserved
// The window of the structure itself; a larger one, or ESN, takes an attribute of its own.
constexpr std::uint32_t kLegacyWindowMax = 32;

Status check(const Selector& selector, const std::string& where) {
  if (selector.source.family() != selector.destination.family()) {
    return fail(Code::kInvalid, where, "the selector mixes IPv4 and IPv6");
  }
  return {};
}

Status check(const Sa& sa, const EspKeys& keys) {
  const auto where = id_of(sa).to_string();
  if (sa.source.family() != sa.destination.family()) {
    return fail(Code::kInvalid, where, "the ends mix IPv4 and IPv6");
  }
  if (sa.spi < kSpiMin) return fail(Code::kInvalid, where, "SPIs below 256 are reserved");
  if (sa.direction == Direction::kForward) {
    return fail(Code::kInvalid, where, "an SA is inbound or outbound");
  }
  if (sa.replay_window > kReplayWindowMax) {
    return fail(Code::kInvalid, where,
                fmt::format("replay window {} is above {}", sa.replay_window, kReplayWindowMax));
  }
  if (sa.direction == Direction::kIn && sa.esn && sa.replay_window == 0) {
    return fail(Code::kInvalid, where, "an inbound SA with ESN needs a replay window");
  }
  if (!sa.algorithm.valid()) {
    return fail(Code::kInvalid, where, "no such algorithm: " + sa.algorithm.to_string());
  }
  if (keys.encryption.size() != sa.algorithm.encryption_key_size() ||
      keys.integrity.size() != sa.algorithm.integrity_key_size()) {
    return fail(
        Code::kInvalid, where,
        fmt::format("{} takes keys of {} and {} octets, not {} and {}", sa.algorithm.to_string(),
                    sa.algorithm.encryption_key_size(), sa.algorithm.integrity_key_size(),
                    keys.encryption.size(), keys.integrity.size()));
  }
  if (sa.mark_written && sa.direction != Direction::kIn) {
    return fail(Code::kInvalid, where, "only an inbound SA writes marks");
  }
  if (sa.selector) return check(*sa.selector, where);
  return {};
}

// An algorithm's structure, as the kernel wants it: the fixed part, then the key.
template <typename Algorithm>
void put_algorithm(Message& message, int attribute, std::string_view name, ByteView key,
                   Algorithm head) {
  std::memcpy(head.alg_name, name.data(), std::min(name.size(), sizeof(head.alg_name) - 1));
  head.alg_key_len = static_cast<unsigned int>(key.size() * 8);
  SecretBytes value(sizeof(head) + key.size());
  std::memcpy(value.writable().data(), &head, sizeof(head));
  std::copy(key.begin(), key.end(), value.writable().begin() + sizeof(head));
  message.put(attribute, value.view());
}

void put_keys(Message& message, const EspAlgorithm& algorithm, const EspKeys& keys) {
  for (const auto& known : kCipherNames) {
    if (known.cipher != algorithm.cipher) continue;
    if (known.icv_bits != 0) {
      AeadHead head{};
      head.alg_icv_len = known.icv_bits;
      put_algorithm(message, XFRMA_ALG_AEAD, known.name, keys.encryption.view(), head);
    } else {
      put_algorithm(message, XFRMA_ALG_CRYPT, known.name, keys.encryption.view(), AlgorithmHead{});
    }
  }
  for (const auto& known : kIntegrityNames) {
    if (known.integrity != algorithm.integrity) continue;
    IntegrityHead head{};
    head.alg_trunc_len = known.icv_bits;
    put_algorithm(message, XFRMA_ALG_AUTH_TRUNC, known.name, keys.integrity.view(), head);
  }
}

std::uint8_t flags_of(const Sa& sa) {
  unsigned int flags = 0;
  if (sa.flags.any_inner_family) flags |= XFRM_STATE_AF_UNSPEC;
  if (sa.flags.no_ecn) flags |= XFRM_STATE_NOECN;
  if (sa.flags.copy_dscp_in && sa.direction == Direction::kIn) flags |= XFRM_STATE_DECAP_DSCP;
  if (sa.flags.no_pmtu_discovery && sa.direction == Direction::kOut) {
    flags |= XFRM_STATE_NOPMTUDISC;
  }
  if (sa.esn) flags |= XFRM_STATE_ESN;
  return static_cast<std::uint8_t>(flags);
}

// Outbound SAs have no window. A kernel without SA directions does not know which these are and
// wants one packet at least.
std::uint32_t window_of(const Sa& sa, KernelFeatures features) {
  if (sa.direction == Direction::kIn) return sa.replay_window;
  return sa.esn && !features.sa_direction ? 1 : 0;
}

bool replay_takes_attribute(const Sa& sa, std::uint32_t window) {
  return sa.esn || window > kLegacyWindowMax;
}

void put_replay(Message& message, const Sa& sa, KernelFeatures features) {
  const auto window = window_of(sa, features);
  if (!replay_takes_attribute(sa, window)) return;
  ReplayHead replay{};  // the kernel makes the bitmap itself, from its length
  replay.replay_window = window;
  replay.bmp_len = (window + 31) / 32;
  message.put(XFRMA_REPLAY_ESN_VAL, replay);
}

void put_direction(Message& message, Direction direction, KernelFeatures features) {
  if (!features.sa_direction) return;
  message.put(kAttributeSaDirection,
              direction == Direction::kIn ? kSaDirectionIn : kSaDirectionOut);
}

xfrm_usersa_info info_of(const Sa& sa, KernelFeatures features) {
  xfrm_usersa_info info{};
  if (sa.selector) info.sel = to_kernel(*sa.selector);
  info.id.daddr = to_kernel(sa.destination);
  info.id.spi = htonl(sa.spi);
  info.id.proto = IPPROTO_ESP;
  info.saddr = to_kernel(sa.source);
  info.lft = to_kernel(sa.lifetimes);
  info.reqid = sa.reqid;
  info.family = family_number(sa.destination.family());
  info.mode = to_kernel(sa.mode);
  info.flags = flags_of(sa);
  const auto window = window_of(sa, features);
  if (!replay_takes_attribute(sa, window)) info.replay_window = static_cast<std::uint8_t>(window);
  return info;
}

Result<Message> finished(Message message, const std::string& where) {
  if (!message.complete()) return fail(Code::kInternal, where, "the message is too long");
  return message;
}

enum class OffloadIs : std::uint8_t { kSet, kLeftAlone };

Result<Message> encode_sa(int type, const Sa& sa, const EspKeys& keys, OffloadIs offload,
                          KernelFeatures features) {
  if (auto valid = check(sa, keys); !valid) return forward(valid);
  Message message(type, info_of(sa, features));
  put_keys(message, sa.algorithm, keys);
  put_replay(message, sa, features);
  put_direction(message, sa.direction, features);
  if (sa.encapsulation) {
    xfrm_encap_tmpl encap{};
    encap.encap_type = sa.encapsulation->kind == Encapsulation::Kind::kTcp ? kEncapTcp : kEncapUdp;
    encap.encap_sport = htons(sa.encapsulation->source_port);
    encap.encap_dport = htons(sa.encapsulation->destination_port);
    message.put(XFRMA_ENCAP, encap);
  }
  if (sa.flags.no_dscp_out && sa.direction == Direction::kOut) {
    message.put(XFRMA_SA_EXTRA_FLAGS, std::uint32_t{XFRM_SA_XFLAG_DONT_ENCAP_DSCP});
  }
  if (sa.offload && offload == OffloadIs::kSet) {
    xfrm_user_offload device{};
    device.ifindex = static_cast<int>(sa.offload->ifindex);
    if (sa.direction == Direction::kIn) device.flags |= kOffloadInbound;
    if (sa.offload->kind == Offload::Kind::kPacket) device.flags |= kOffloadPacket;
    message.put(XFRMA_OFFLOAD_DEV, device);
  }
  if (sa.mark_written) {
    message.put(XFRMA_SET_MARK, sa.mark_written->value);
    message.put(XFRMA_SET_MARK_MASK, sa.mark_written->mask);
  }
  return finished(std::move(message), id_of(sa).to_string());
}

xfrm_usersa_id raw_id_of(const SaId& sa) {
  xfrm_usersa_id id{};
  id.daddr = to_kernel(sa.destination);
  id.spi = htonl(sa.spi);
  id.family = family_number(sa.destination.family());
  id.proto = IPPROTO_ESP;
  return id;
}

void put_mark(Message& message, const std::optional<Mark>& mark) {
  if (!mark) return;
  xfrm_mark raw{};
  raw.v = mark->value;
  raw.m = mark->mask;
  message.put(XFRMA_MARK, raw);
}

xfrm_user_tmpl to_kernel_template(const Template& transform) {
  xfrm_user_tmpl raw{};
  raw.id.daddr = to_kernel(transform.destination);
  raw.id.proto = IPPROTO_ESP;
  raw.family = family_number(transform.destination.family());
  raw.saddr = to_kernel(transform.source);
  raw.reqid = transform.reqid;
  raw.mode = to_kernel(transform.mode);
  raw.optional = transform.level == Template::Level::kUse ? 1 : 0;
  raw.aalgos = raw.ealgos = raw.calgos = ~0U;  // any algorithm: the SA decides
  return raw;
}

Status check(const Policy& policy) {
  const auto where = id_of(policy).to_string();
  if (auto valid = check(policy.selector, where); !valid) return valid;
  if (policy.mark && policy.mark->mask == 0) {
    return fail(Code::kInvalid, where, "the kernel forgets a mark with mask 0: leave it out");
  }
  if (!policy.transform) return {};
  if (policy.action == Policy::Action::kBlock) {
    return fail(Code::kInvalid, where, "a block policy has no template");
  }
  const auto& transform = *policy.transform;
  if (transform.source.family() != transform.destination.family()) {
    return fail(Code::kInvalid, where, "the template mixes IPv4 and IPv6");
  }
  return {};
}

}  // namespace

Result<Message> encode(const AddSa& step, KernelFeatures features) {
  return encode_sa(XFRM_MSG_NEWSA, step.sa, step.keys, OffloadIs::kSet, features);
}

Result<Message> encode(const CompleteSa& step, KernelFeatures features) {
  return encode_sa(XFRM_MSG_UPDSA, step.sa, step.keys, OffloadIs::kSet, features);
}

Result<Message> encode(const ChangeSa& step, const EspKeys& filler, KernelFeatures features) {
  // The device has the SA already; naming it again would occupy a second place in it.
  return encode_sa(XFRM_MSG_UPDSA, step.sa, filler, OffloadIs::kLeftAlone, features);
}

Result<Message> encode(const DeleteSa& step) {
  return finished(Message(XFRM_MSG_DELSA, raw_id_of(step.sa)), step.sa.to_string());
}

Result<Message> encode(const SetPolicy& step) {
  const auto& policy = step.policy;
  if (auto valid = check(policy); !valid) return forward(valid);
  xfrm_userpolicy_info info{};
  info.sel = to_kernel(policy.selector);
  info.lft = to_kernel(Lifetimes{});
  info.priority = policy.priority;
  info.index = policy.index;
  info.dir = to_kernel(policy.direction);
  info.action = policy.action == Policy::Action::kBlock ? XFRM_POLICY_BLOCK : XFRM_POLICY_ALLOW;
  Message message(XFRM_MSG_UPDPOLICY, info);
  if (policy.transform) message.put(XFRMA_TMPL, to_kernel_template(*policy.transform));
  put_mark(message, policy.mark);
  return finished(std::move(message), id_of(policy).to_string());
}

Result<Message> encode(const DeletePolicy& step) {
  const auto where = step.policy.to_string();
  if (auto valid = check(step.policy.selector, where); !valid) return forward(valid);
  xfrm_userpolicy_id id{};
  id.sel = to_kernel(step.policy.selector);
  id.dir = to_kernel(step.policy.direction);
  Message message(XFRM_MSG_DELPOLICY, id);
  put_mark(message, step.policy.mark);
  return finished(std::move(message), where);
}

Result<Message> encode(const SpiRequest& request, KernelFeatures features) {
  const auto where = subject_of(request);
  if (request.source.family() != request.destination.family()) {
    return fail(Code::kInvalid, where, "the ends mix IPv4 and IPv6");
  }
  xfrm_userspi_info spi{};
  spi.info.id.daddr = to_kernel(request.destination);
  spi.info.id.proto = IPPROTO_ESP;
  spi.info.saddr = to_kernel(request.source);
  spi.info.reqid = request.reqid;
  spi.info.family = family_number(request.destination.family());
  spi.info.mode = to_kernel(request.mode);
  spi.min = kSpiMin;
  spi.max = ~0U;
  Message message(XFRM_MSG_ALLOCSPI, spi);
  put_direction(message, Direction::kIn, features);
  return finished(std::move(message), where);
}

Message encode_get_sa(const SaId& sa) {
  return {XFRM_MSG_GETSA, raw_id_of(sa)};
}

// A dump's request has no body: the kernel looks for attributes right behind the header.
Message encode_dump_sas() {
  Message message(XFRM_MSG_GETSA, ByteView{}, NLM_F_DUMP);
  message.put(XFRMA_PROTO, std::uint8_t{IPPROTO_ESP});
  return message;
}

Message encode_dump_policies() {
  return {XFRM_MSG_GETPOLICY, ByteView{}, NLM_F_DUMP};
}

std::string subject_of(const Step& step) {
  struct Subject {
    std::string operator()(const AddSa& add) const { return id_of(add.sa).to_string(); }
    std::string operator()(const CompleteSa& complete) const {
      return id_of(complete.sa).to_string();
    }
    std::string operator()(const ChangeSa& change) const { return id_of(change.sa).to_string(); }
    std::string operator()(const DeleteSa& remove) const { return remove.sa.to_string(); }
    std::string operator()(const SetPolicy& set) const { return id_of(set.policy).to_string(); }
    std::string operator()(const DeletePolicy& remove) const { return remove.policy.to_string(); }
  };
  return std::visit(Subject{}, step);
}

std::string subject_of(const SpiRequest& request) {
  return fmt::format("SPI for {} -> {}", request.source.to_string(),
                     request.destination.to_string());
}

}  // namespace espalier::dataplane::xfrm
