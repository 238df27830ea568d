// One object as the API server might hand it out, and the small syntaxes inside: durations, blocks.
// What Espalier writes itself is read again as it was written.
#include "base/base64.h"
#include "cmake/fuzz/fuzz_one.h"
#include "crds/types/decode.h"
#include "crds/types/duration.h"
#include "crds/types/encode.h"
#include "crds/types/status.h"

namespace {

using namespace espalier;

crds::Document with_spec(const crds::Json& object, crds::Json spec) {
  crds::Document document;
  document.json = object;
  document.json["spec"] = std::move(spec);
  return document;
}

template <typename Kind>
void check_round_trip(const crds::Json& object,
                      crds::DecodedKind<Kind> (*decode_kind)(crds::Document&&)) {
  crds::Document document;
  document.json = object;
  const auto once = decode_kind(std::move(document));
  if (!once.object) return;
  const auto again = decode_kind(with_spec(object, crds::encode(once.object->spec)));
  if (!again.object || !(again.object->spec == once.object->spec)) __builtin_trap();
}

// A status comes back as it was written, cut to what the CRD allows at most once.
template <typename Status>
void check_status(const crds::Json& object, Status (*read)(const crds::Json&)) {
  const crds::Json once = crds::encode(read(object));
  (void)once.dump();
  const crds::Json again = crds::encode(read({{"status", once}}));
  if (again != once) __builtin_trap();
}

}  // namespace

void fuzz_one(std::span<const std::uint8_t> input) {
  const std::string_view text(reinterpret_cast<const char*>(input.data()), input.size());
  crds::Document document;
  document.json = crds::Json::parse(text, nullptr, false);
  if (!document.json.is_discarded()) {
    check_round_trip(document.json, crds::decode_node_policy);
    check_round_trip(document.json, crds::decode_pod_slice);
    check_status(document.json, crds::read_ipsec_policy_status);
    check_status(document.json, crds::read_tunnel_status);
    check_status(document.json, crds::read_node_endpoint_status);
    check_status(document.json, crds::read_node_policy_status);
    (void)crds::decode(std::move(document));
  }
  if (const auto duration = crds::parse_duration(text)) {
    // Fractions of less than a nanosecond aside, what was read is what is written.
    if (crds::parse_duration(crds::format_duration(*duration)) != duration) __builtin_trap();
  }
  if (const auto prefix = Prefix::parse(text)) {
    if (Prefix::parse(prefix->to_string()) != prefix) __builtin_trap();
  }
  (void)decode_base64(text);
  (void)crds::key_bytes(input);
}
