#include "crds/types/settings_shape.h"

#include "ike/crypto/suite.h"

namespace espalier::crds {

using std::chrono::hours;
using std::chrono::seconds;

std::vector<std::string> default_ike_proposals() {
  std::vector<std::string> keywords;
  for (const auto& proposal : ike::crypto::default_ike_proposals(false)) {
    keywords.push_back(ike::crypto::to_string(proposal));
  }
  return keywords;
}

std::vector<std::string> default_esp_proposals() {
  std::vector<std::string> keywords;
  for (const auto& proposal : ike::crypto::default_esp_proposals(false)) {
    keywords.push_back(ike::crypto::to_string(proposal));
  }
  return keywords;
}

namespace {

Value<std::string> secret_name() {
  return text(253, is_dns_subdomain, "the name of a Secret (lower-case letters, digits, '-', '.')");
}

Value<std::string> secret_key() {
  return text(253, is_secret_key, "a key of the Secret (letters, digits, '-', '_', '.')");
}

}  // namespace

Value<SecretKeyRef> secret_key_ref() {
  Shape<SecretKeyRef> shape;
  shape.required("name", &SecretKeyRef::name, secret_name());
  shape.required("key", &SecretKeyRef::key, secret_key());
  return shape.value();
}

Value<SecretKeyRef> secret_ref(std::string default_key) {
  Shape<SecretKeyRef> shape;
  shape.required("name", &SecretKeyRef::name, secret_name());
  shape.optional("key", &SecretKeyRef::key, secret_key());
  Value<SecretKeyRef> ref = shape.value();
  ref.read = [read = std::move(ref.read),
              default_key = std::move(default_key)](const Cursor& here) {
    auto got = read(here);
    if (got && got->key.empty()) got->key = default_key;
    return got;
  };
  return ref;
}

Value<SecretKeyRef> psk_member() {
  struct Psk {
    SecretKeyRef secret;
  };
  Shape<Psk> shape;
  shape.required("secretRef", &Psk::secret, secret_key_ref());
  const Value<Psk> psk = shape.value();
  return {psk.schema, [read = psk.read](const Cursor& here) -> std::optional<SecretKeyRef> {
            auto got = read(here);
            if (!got) return std::nullopt;
            return std::move(got->secret);
          }};
}

Value<Ike> ike_settings() {
  Shape<Ike> shape;
  shape.optional("proposals", &Ike::proposals, set(ike_proposal(), 1, 16));
  shape.optional("lifetime", &Ike::lifetime, duration(seconds(10), hours(168)));
  shape.optional("fragmentation", &Ike::fragmentation, boolean());
  return shape.value();
}

Value<Esp> esp_settings() {
  Shape<Esp> shape;
  shape.optional("proposals", &Esp::proposals, set(esp_proposal(), 1, 16));
  shape.optional("pfs", &Esp::pfs, boolean());
  shape.optional("esn", &Esp::esn, boolean());
  shape.optional("lifetime", &Esp::lifetime, duration(seconds(10), hours(24)));
  shape.optional("replayWindow", &Esp::replay_window, whole_number(32, 4096));
  return shape.value();
}

Value<Ppk> ppk_settings() {
  Shape<PpkKey> key;
  key.required("id", &PpkKey::id, text(128));
  key.required("secretRef", &PpkKey::secret, secret_key_ref());

  Shape<Ppk> shape;
  shape.required("mode", &Ppk::mode,
                 choice<PpkMode>({{"Insist", PpkMode::kInsist, {}},
                                  {"Prefer", PpkMode::kPrefer, {}},
                                  {"Never", PpkMode::kNever, {}}}));
  shape.optional("keys", &Ppk::keys,
                 keyed_list(key.value(), 1, 16, {"id"}, [](const PpkKey& one) { return one.id; }));
  shape.rule([](const Ppk& ppk, const Cursor& here) {
    if (ppk.mode != PpkMode::kNever && ppk.keys.empty()) {
      here.invalid("`keys` is missing: with mode Insist or Prefer at least one is needed");
    }
  });
  return shape.value();
}

Value<Encapsulation> encapsulation_settings() {
  const std::string feature = "ESP and IKE in TCP (RFC 9329)";
  Shape<TcpEncapsulationSettings> tcp;
  tcp.optional("mode", &TcpEncapsulationSettings::mode,
               choice<TcpEncapsulation>({{"Never", TcpEncapsulation::kNever, {}},
                                         {"Fallback", TcpEncapsulation::kNever, feature},
                                         {"Always", TcpEncapsulation::kNever, feature}}));
  tcp.optional("port", &TcpEncapsulationSettings::port, whole_number(1, 65535));

  Shape<Encapsulation> shape;
  shape.optional("udp", &Encapsulation::udp,
                 choice<UdpEncapsulation>({{"Auto", UdpEncapsulation::kAuto, {}},
                                           {"Always", UdpEncapsulation::kAlways, {}},
                                           {"Never", UdpEncapsulation::kNever, {}}}));
  shape.optional("tcp", &Encapsulation::tcp, tcp.value());
  return shape.value();
}

Value<Liveness> liveness_settings() {
  Shape<Liveness> shape;
  shape.optional("delay", &Liveness::delay, duration(seconds(1), hours(1)));
  shape.optional("timeout", &Liveness::timeout, duration(seconds(1), hours(1)));
  shape.optional("action", &Liveness::action,
                 choice<LivenessAction>({{"Restart", LivenessAction::kRestart, {}},
                                         {"Trap", LivenessAction::kTrap, {}},
                                         {"Clear", LivenessAction::kClear, {}}}));
  return shape.value();
}

Value<Offload> offload() {
  return choice<Offload>({{"Auto", Offload::kAuto, {}},
                          {"Crypto", Offload::kNone, "hardware offload"},
                          {"Packet", Offload::kNone, "hardware offload"},
                          {"None", Offload::kNone, {}}});
}

Value<OnNegotiation> on_negotiation() {
  return choice<OnNegotiation>(
      {{"Hold", OnNegotiation::kHold, {}}, {"Pass", OnNegotiation::kPass, {}}});
}

Value<OnFailure> on_failure() {
  return choice<OnFailure>({{"Drop", OnFailure::kDrop, {}}, {"Pass", OnFailure::kPass, {}}});
}

Value<Duration> idle_timeout() {
  return duration(seconds(10), hours(24));
}

}  // namespace espalier::crds
