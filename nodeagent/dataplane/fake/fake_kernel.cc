#include "nodeagent/dataplane/fake/fake_kernel.h"

#include <algorithm>
#include <array>

namespace espalier::dataplane {

namespace {

// Enough to tell keys apart in a simulation; no cryptography.
Bytes fingerprint(const EspKeys& keys) {
  Bytes result;
  for (const auto* key : {&keys.encryption, &keys.integrity}) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const auto octet : key->view()) hash = (hash ^ octet) * 0x100000001b3;
    for (unsigned shift = 0; shift < 64; shift += 8) {
      result.push_back(static_cast<std::uint8_t>(hash >> shift));
    }
  }
  return result;
}

std::string kind_of(const std::optional<Encapsulation>& encapsulation) {
  if (!encapsulation) return "none";
  return encapsulation->kind == Encapsulation::Kind::kTcp ? "tcp" : "udp";
}

}  // namespace

Capabilities FakeKernel::all_capabilities() {
  Capabilities capabilities;
  capabilities.esp = capabilities.esp_ipv6 = capabilities.esn = true;
  capabilities.sa_direction = capabilities.esp_in_udp = capabilities.esp_in_tcp = true;
  for (const auto bits : std::array<std::uint16_t, 3>{256, 192, 128}) {
    capabilities.algorithms.push_back({EspCipher::kAesGcm16, bits, EspIntegrity::kNone});
    for (const auto integrity : {EspIntegrity::kHmacSha256_128, EspIntegrity::kHmacSha384_192,
                                 EspIntegrity::kHmacSha512_256}) {
      capabilities.algorithms.push_back({EspCipher::kAesCbc, bits, integrity});
    }
  }
  capabilities.algorithms.push_back({EspCipher::kChaCha20Poly1305, 256, EspIntegrity::kNone});
  return capabilities;
}

void FakeKernel::advance(TimePoint now) {
  now_ = std::max(now_, now);
  sas_.expire(now_, events_);
}

std::vector<Status> FakeKernel::apply(std::span<const Step> steps) {
  ++calls_;
  std::vector<Status> results;
  results.reserve(steps.size());
  for (const auto& step : steps) results.push_back(carry_out(step));
  return results;
}

std::vector<Status> FakeKernel::meddle(std::span<const Step> steps) {
  std::vector<Status> results;
  for (const auto& step : steps) {
    std::vector<SaState> sas;
    for (const auto& entry : sas_.all()) sas.push_back(sas_.state_of(entry));
    const auto policies = policies_.all();
    results.push_back(carry_out(step));
    if (results.back()) report(step, sas, policies);
  }
  return results;
}

void FakeKernel::report(const Step& step, const std::vector<SaState>& sas_before,
                        const std::vector<Policy>& policies_before) {
  if (const auto* removed = std::get_if<DeleteSa>(&step)) {
    for (const auto& state : sas_before) {
      if (id_of(state.sa) == removed->sa) {
        events_.emplace_back(SaDeleted{removed->sa, state.sa.reqid});
      }
    }
  } else if (const auto* forgotten = std::get_if<DeletePolicy>(&step)) {
    for (const auto& policy : policies_before) {
      if (id_of(policy) == forgotten->policy) {
        events_.emplace_back(PolicyDeleted{forgotten->policy, policy.index});
      }
    }
  } else if (const auto* set = std::get_if<SetPolicy>(&step)) {
    for (const auto& policy : policies_.all()) {
      if (id_of(policy) == id_of(set->policy)) events_.emplace_back(PolicySet{policy});
    }
  }
}

Status FakeKernel::check_algorithm(const Sa& sa, const EspKeys& keys) const {
  const auto where = id_of(sa).to_string();
  if (!options_.capabilities.esp) {
    return fail(Code::kUnsupported, where, "EPROTONOSUPPORT: Requested type not found");
  }
  const auto& known = options_.capabilities.algorithms;
  if (std::find(known.begin(), known.end(), sa.algorithm) == known.end()) {
    return fail(Code::kUnsupported, where, "ENOSYS: Requested algorithm not found");
  }
  if (keys.encryption.size() != sa.algorithm.encryption_key_size() ||
      keys.integrity.size() != sa.algorithm.integrity_key_size()) {
    return fail(Code::kInvalid, where, "keys of the wrong size");
  }
  if (sa.spi < 256) return fail(Code::kInvalid, where, "SPIs below 256 are reserved");
  if (sa.source.family() != sa.destination.family()) {
    return fail(Code::kInvalid, where, "the ends mix IPv4 and IPv6");
  }
  if (sa.direction == Direction::kIn && sa.esn && sa.replay_window == 0) {
    return fail(Code::kInvalid, where, "an inbound SA with ESN needs a replay window");
  }
  return {};
}

Status FakeKernel::carry_out(const Step& step) {
  if (refuse_step) {
    if (auto error = refuse_step(step)) return tl::unexpected<Error>(std::move(*error));
  }
  if (const auto* add = std::get_if<AddSa>(&step)) {
    if (auto valid = check_algorithm(add->sa, add->keys); !valid) return valid;
    return sas_.add(add->sa, add->keys, now_);
  }
  if (const auto* complete = std::get_if<CompleteSa>(&step)) {
    if (auto valid = check_algorithm(complete->sa, complete->keys); !valid) return valid;
    return sas_.complete(complete->sa, complete->keys, now_);
  }
  if (const auto* change = std::get_if<ChangeSa>(&step)) return sas_.change(change->sa, now_);
  if (const auto* remove = std::get_if<DeleteSa>(&step)) {
    auto removed = sas_.remove(remove->sa);
    if (!removed) return forward(removed);
    return {};
  }
  if (const auto* set = std::get_if<SetPolicy>(&step)) return policies_.set(set->policy);
  auto removed = policies_.remove(std::get<DeletePolicy>(step).policy);
  if (!removed) return forward(removed);
  return {};
}

std::vector<Result<std::uint32_t>> FakeKernel::allocate_spis(std::span<const SpiRequest> requests) {
  ++calls_;
  std::vector<Result<std::uint32_t>> results;
  for (const auto& request : requests) {
    auto error = refuse_spi ? refuse_spi(request) : std::nullopt;
    if (error) {
      results.emplace_back(tl::unexpected<Error>(std::move(*error)));
    } else {
      results.emplace_back(sas_.reserve(request, now_, options_.acquire_expires));
    }
  }
  return results;
}

Result<std::vector<SaState>> FakeKernel::dump_sas() {
  ++calls_;
  if (refuse_dumps) return fail(Code::kUnavailable, "dump", "a part of it was lost");
  std::vector<SaState> states;
  for (const auto& entry : sas_.all()) states.push_back(sas_.state_of(entry));
  return states;
}

Result<std::vector<PolicyState>> FakeKernel::dump_policies() {
  ++calls_;
  if (refuse_dumps) return fail(Code::kUnavailable, "dump", "a part of it was lost");
  std::vector<PolicyState> states;
  for (const auto& policy : policies_.all()) states.push_back({policy, {}});
  return states;
}

std::vector<Result<SaState>> FakeKernel::query(std::span<const SaId> sas) {
  ++calls_;
  std::vector<Result<SaState>> results;
  for (const auto& id : sas) {
    const auto* entry = sas_.find(id);
    if (entry == nullptr) {
      results.emplace_back(fail(Code::kNotFound, id.to_string(), "ESRCH (No such process)"));
    } else {
      results.emplace_back(sas_.state_of(*entry));
    }
  }
  return results;
}

std::vector<KernelEvent> FakeKernel::take_events() {
  return std::exchange(events_, {});
}

void FakeKernel::lose_events() {
  events_.assign(1, Overrun{});
}

void FakeKernel::flush_sas() {
  sas_.clear();
  events_.emplace_back(SasFlushed{});
}

void FakeKernel::flush_policies() {
  policies_.all().clear();
  events_.emplace_back(PoliciesFlushed{});
}

FakeFate FakeKernel::drop(std::string row) {
  ++stat_[row];
  return {false, std::move(row)};
}

void FakeKernel::raise_acquire(const Policy& policy, const Selector& packet,
                               const IpAddress& source, const IpAddress& destination) {
  Acquire acquire;
  acquire.packet = packet;
  acquire.policy = id_of(policy);
  acquire.policy_index = policy.index;
  acquire.reqid = policy.transform->reqid;
  acquire.mode = policy.transform->mode;
  acquire.source = source;
  acquire.destination = destination;
  events_.emplace_back(acquire);
  Sa wanted;
  wanted.source = source;
  wanted.destination = destination;
  wanted.reqid = acquire.reqid;
  wanted.mode = acquire.mode;
  wanted.direction = Direction::kOut;
  sas_.add_placeholder(wanted, now_, options_.acquire_expires);
}

FakeSas::Entry* FakeKernel::outbound_sa(const Policy& policy, const Selector& packet) {
  const auto& transform = *policy.transform;
  const bool tunnel = transform.mode == Mode::kTunnel;
  const auto source = tunnel ? transform.source : packet.source.address();
  const auto destination = tunnel ? transform.destination : packet.destination.address();
  const auto generation = policies_.generation_of(policy);
  if (const auto last = last_outbound_.find(generation);
      options_.outbound_sticks && last != last_outbound_.end()) {
    auto* entry = sas_.find(last->second);
    if (entry != nullptr && !entry->larval && entry->sa.destination == destination &&
        (!entry->sa.selector || entry->sa.selector->matches(packet))) {
      return entry;
    }
  }
  const auto found = sas_.find_outbound(transform, source, destination, packet);
  if (found.entry != nullptr) {
    last_outbound_[generation] = id_of(found.entry->sa);
  } else if (!found.waiting) {
    raise_acquire(policy, packet, source, destination);
  }
  return found.entry;
}

FakeFate FakeKernel::send(const FakePacket& packet) {
  const auto* policy = policies_.find(packet.header, Direction::kOut, packet.mark);
  FakeFate clear{true, {}, packet};
  clear.packet->esp.reset();
  if (policy == nullptr) return clear;
  if (policy->action == Policy::Action::kBlock) return drop("XfrmOutPolBlock");
  if (!policy->transform) return clear;
  auto* entry = outbound_sa(*policy, packet.header);
  if (entry == nullptr) {
    return policy->transform->level == Template::Level::kUse ? clear : drop("XfrmOutNoStates");
  }
  if (entry->sa.direction != Direction::kOut) return drop("XfrmOutStateDirError");
  if (!sas_.use(*entry, packet.bytes, now_, events_)) return drop("XfrmOutStateExpired");
  ++entry->out_sequence;
  if (!entry->sa.esn && entry->out_sequence > 0xffffffffU) return drop("XfrmOutStateSeqError");
  FakeFate fate{true, {}, packet};
  fate.packet->esp = FakePacket::Esp{
      id_of(entry->sa), entry->sa.mode,      entry->out_sequence, entry->sa.encapsulation,
      entry->sa.source, entry->sa.algorithm, entry->sa.esn,       fingerprint(entry->keys)};
  return fate;
}

FakeFate FakeKernel::receive(const FakePacket& packet, Route route) {
  if (!packet.esp) return check_inbound(packet, nullptr, route);
  const auto& esp = *packet.esp;
  auto* entry = sas_.find(esp.sa);
  if (entry == nullptr) return drop("XfrmInNoStates");
  if (entry->sa.direction != Direction::kIn) return drop("XfrmInStateDirError");
  if (entry->larval) return drop("XfrmAcquireError");
  const auto& sa = entry->sa;
  if (kind_of(sa.encapsulation) != kind_of(esp.encapsulation)) return drop("XfrmInStateMismatch");
  // ESN: the upper half is guessed from the window and proved by the ICV; both ends must agree.
  if (sa.algorithm != esp.algorithm || sa.esn != esp.esn ||
      fingerprint(entry->keys) != esp.key_fingerprint) {
    ++entry->failed_integrity;
    return drop("XfrmInStateProtoError");
  }
  if (!FakeSas::accept_sequence(*entry, esp.sequence)) return drop("XfrmInStateSeqError");
  if (!sas_.use(*entry, packet.bytes, now_, events_)) return drop("XfrmInStateExpired");
  if (sa.mode != esp.mode) return drop("XfrmInStateModeError");
  if (esp.encapsulation && sa.encapsulation &&
      (esp.outer_source != sa.source ||
       esp.encapsulation->source_port != sa.encapsulation->source_port)) {
    events_.emplace_back(Mapping{id_of(sa),
                                 sa.reqid,
                                 {sa.source, sa.encapsulation->source_port},
                                 {esp.outer_source, esp.encapsulation->source_port}});
  }
  if (sa.selector && !sa.selector->matches(packet.header)) return drop("XfrmInStateMismatch");
  if (!sa.mark_written) return check_inbound(packet, entry, route);
  FakePacket marked = packet;
  marked.mark = (packet.mark & ~sa.mark_written->mask) | sa.mark_written->value;
  return check_inbound(marked, entry, route);
}

FakeFate FakeKernel::check_inbound(const FakePacket& packet, const FakeSas::Entry* by,
                                   Route route) {
  const auto direction = route == Route::kLocal ? Direction::kIn : Direction::kForward;
  const auto* policy = policies_.find(packet.header, direction, packet.mark);
  const bool by_tunnel = by != nullptr && by->sa.mode == Mode::kTunnel;
  if (policy == nullptr) {
    return by_tunnel ? drop("XfrmInNoPols") : FakeFate{true, {}, packet};
  }
  if (policy->action == Policy::Action::kBlock) return drop("XfrmInPolBlock");
  if (!policy->transform) {
    return by_tunnel ? drop("XfrmInTmplMismatch") : FakeFate{true, {}, packet};
  }
  const auto& transform = *policy->transform;
  bool right = by != nullptr && by->sa.mode == transform.mode &&
               (transform.reqid == 0 || by->sa.reqid == transform.reqid);
  if (right && by_tunnel) {
    right = (transform.source.is_unspecified() || transform.source == by->sa.source) &&
            (transform.destination.is_unspecified() || transform.destination == by->sa.destination);
  }
  const bool optional = transform.level == Template::Level::kUse;
  if (!right && (!optional || by_tunnel)) return drop("XfrmInTmplMismatch");
  return {true, {}, packet};
}

}  // namespace espalier::dataplane
