#include <algorithm>
#include <cstring>
#include <string_view>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "nodeagent/dataplane/xfrm/algorithm_names.h"
#include "nodeagent/dataplane/xfrm/convert.h"
#include "nodeagent/dataplane/xfrm/decode.h"
#include "nodeagent/dataplane/xfrm/decode_parts.h"

namespace espalier::dataplane::xfrm {

namespace {

std::string_view name_in(const char (&field)[64]) {
  return {field, strnlen(field, sizeof(field))};
}

// The algorithm by its names and key size; otherwise the names, in state.other_algorithm.
void read_algorithm(const Attributes& attributes, SaState& state) {
  const auto aead = attributes.get<AeadHead>(XFRMA_ALG_AEAD);
  const auto crypt = attributes.get<AlgorithmHead>(XFRMA_ALG_CRYPT);
  const auto auth = attributes.get<IntegrityHead>(XFRMA_ALG_AUTH_TRUNC);
  state.larval = !aead && !crypt && !auth;
  if (state.larval) return;

  auto& algorithm = state.sa.algorithm;
  std::string names;
  bool known = true;
  if (aead || crypt) {
    const auto name = aead ? name_in(aead->alg_name) : name_in(crypt->alg_name);
    const auto bits = aead ? aead->alg_key_len : crypt->alg_key_len;
    const auto icv = aead ? aead->alg_icv_len : 0U;
    const auto* found = std::find_if(
        kCipherNames.begin(), kCipherNames.end(),
        [&](const CipherName& cipher) { return cipher.name == name && cipher.icv_bits == icv; });
    known = found != kCipherNames.end();
    if (known) algorithm.cipher = found->cipher;
    const unsigned int salt = aead ? 32U : 0U;
    algorithm.key_bits = static_cast<std::uint16_t>(bits >= salt ? bits - salt : 0U);
    names = name;
  } else {
    known = false;  // integrity alone: ESP with a NULL cipher
  }
  if (auth) {
    const auto name = name_in(auth->alg_name);
    const auto* found = std::find_if(
        kIntegrityNames.begin(), kIntegrityNames.end(), [&](const IntegrityName& integrity) {
          return integrity.name == name && integrity.icv_bits == auth->alg_trunc_len;
        });
    if (found == kIntegrityNames.end()) {
      known = false;
    } else {
      algorithm.integrity = found->integrity;
    }
    names += (names.empty() ? "" : " ") + std::string(name);
  }
  if (!known || !algorithm.valid()) state.other_algorithm = names;
}

void read_replay(const Attributes& attributes, const xfrm_usersa_info& info, SaState& state) {
  state.sa.replay_window = info.replay_window;
  if (const auto esn = attributes.get<ReplayHead>(XFRMA_REPLAY_ESN_VAL)) {
    state.sa.replay_window = esn->replay_window;
    state.in_sequence = (std::uint64_t{esn->seq_hi} << 32U) | esn->seq;
    state.out_sequence = (std::uint64_t{esn->oseq_hi} << 32U) | esn->oseq;
  } else if (const auto replay = attributes.get<xfrm_replay_state>(XFRMA_REPLAY_VAL)) {
    state.in_sequence = replay->seq;
    state.out_sequence = replay->oseq;
  }
}

// Needs the replay window.
void read_direction(const Attributes& attributes, Sa& sa) {
  if (const auto direction = attributes.get<std::uint8_t>(kAttributeSaDirection)) {
    sa.direction = *direction == kSaDirectionIn ? Direction::kIn : Direction::kOut;
  } else {
    sa.direction = sa.replay_window > 1 ? Direction::kIn : Direction::kOut;
  }
  if (sa.direction == Direction::kOut) sa.replay_window = 0;
}

void read_flags(const Attributes& attributes, std::uint8_t flags, Sa& sa) {
  sa.esn = (flags & XFRM_STATE_ESN) != 0;
  sa.flags.any_inner_family = (flags & XFRM_STATE_AF_UNSPEC) != 0;
  sa.flags.no_ecn = (flags & XFRM_STATE_NOECN) != 0;
  sa.flags.copy_dscp_in = (flags & XFRM_STATE_DECAP_DSCP) != 0;
  sa.flags.no_pmtu_discovery = (flags & XFRM_STATE_NOPMTUDISC) != 0;
  const auto more = attributes.get<std::uint32_t>(XFRMA_SA_EXTRA_FLAGS).value_or(0);
  sa.flags.no_dscp_out = (more & XFRM_SA_XFLAG_DONT_ENCAP_DSCP) != 0;
}

void read_encapsulation(const Attributes& attributes, Sa& sa) {
  const auto encap = attributes.get<xfrm_encap_tmpl>(XFRMA_ENCAP);
  if (!encap) return;
  Encapsulation encapsulation;
  encapsulation.kind =
      encap->encap_type == kEncapTcp ? Encapsulation::Kind::kTcp : Encapsulation::Kind::kUdp;
  encapsulation.source_port = ntohs(encap->encap_sport);
  encapsulation.destination_port = ntohs(encap->encap_dport);
  sa.encapsulation = encapsulation;
}

void read_offload(const Attributes& attributes, Sa& sa) {
  const auto device = attributes.get<xfrm_user_offload>(XFRMA_OFFLOAD_DEV);
  if (!device) return;
  sa.offload = Offload{
      static_cast<std::uint32_t>(device->ifindex),
      (device->flags & kOffloadPacket) != 0 ? Offload::Kind::kPacket : Offload::Kind::kCrypto};
}

void read_mark_written(const Attributes& attributes, Sa& sa) {
  const auto value = attributes.get<std::uint32_t>(XFRMA_SET_MARK);
  const auto mask = attributes.get<std::uint32_t>(XFRMA_SET_MARK_MASK);
  if (value || mask) sa.mark_written = Mark{value.value_or(0), mask.value_or(0xffffffff)};
}

}  // namespace

Result<Sa> read_fixed(const xfrm_usersa_info& info) {
  const auto family = family_of(info.family);
  if (!family) return fail(Code::kInvalid, "SA", "neither IPv4 nor IPv6");
  Sa sa;
  sa.source = from_kernel(info.saddr, *family);
  sa.destination = from_kernel(info.id.daddr, *family);
  sa.spi = ntohl(info.id.spi);
  if (info.id.proto != IPPROTO_ESP) {
    return fail(Code::kUnsupported, id_of(sa).to_string(), "not ESP");
  }
  const auto mode = mode_of(info.mode);
  if (!mode) return fail(Code::kUnsupported, id_of(sa).to_string(), "another mode");
  sa.mode = *mode;
  sa.reqid = info.reqid;
  sa.lifetimes = from_kernel(info.lft);
  // The kernel itself writes the family into a selector that was left out.
  if (const auto selector = from_kernel(info.sel)) {
    if (!matches_all(*selector) || selector->family() != *family) sa.selector = *selector;
  }
  return sa;
}

Result<SaState> decode_sa(const RawMessage& message) {
  const auto parsed = parse<xfrm_usersa_info>(message.payload);
  if (!parsed) return too_short("SA");
  const auto& info = parsed->body;
  auto sa = read_fixed(info);
  if (!sa) return forward(sa);
  SaState state;
  state.sa = std::move(*sa);
  state.usage = from_kernel(info.curlft);
  state.outside_window = info.stats.replay_window;
  state.replayed = info.stats.replay;
  state.failed_integrity = info.stats.integrity_failed;
  read_flags(parsed->attributes, info.flags, state.sa);
  read_algorithm(parsed->attributes, state);
  read_replay(parsed->attributes, info, state);
  read_direction(parsed->attributes, state.sa);
  read_encapsulation(parsed->attributes, state.sa);
  read_offload(parsed->attributes, state.sa);
  read_mark_written(parsed->attributes, state.sa);
  return state;
}

bool shows_sa_direction(const RawMessage& message) {
  const auto parsed = parse<xfrm_usersa_info>(message.payload);
  return parsed && parsed->attributes.has(kAttributeSaDirection);
}

}  // namespace espalier::dataplane::xfrm
