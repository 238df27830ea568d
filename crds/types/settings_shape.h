// The tables of settings.h, for the kinds' own tables.
#pragma once

#include "crds/types/settings.h"
#include "crds/types/values.h"

namespace espalier::crds {

[[nodiscard]] Value<SecretKeyRef> secret_key_ref();
// The key may be left out and is then `default_key`.
[[nodiscard]] Value<SecretKeyRef> secret_ref(std::string default_key);
// {secretRef: {name, key}}: the member `psk` of a union.
[[nodiscard]] Value<SecretKeyRef> psk_member();
[[nodiscard]] Value<Ike> ike_settings();
[[nodiscard]] Value<Esp> esp_settings();
[[nodiscard]] Value<Ppk> ppk_settings();
[[nodiscard]] Value<Encapsulation> encapsulation_settings();
[[nodiscard]] Value<Liveness> liveness_settings();
[[nodiscard]] Value<Offload> offload();
[[nodiscard]] Value<OnNegotiation> on_negotiation();
[[nodiscard]] Value<OnFailure> on_failure();
[[nodiscard]] Value<Duration> idle_timeout();

}  // namespace espalier::crds
