#include "crds/types/status.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "crds/types/values.h"

namespace espalier::crds {

namespace {

constexpr std::size_t kMaxConditions = 16;
constexpr std::size_t kMaxNotes = 16;
constexpr std::size_t kMaxPolicies = 1024;
constexpr std::size_t kMaxTunnels = 1024;
constexpr std::size_t kMaxFeatures = 128;
constexpr std::int64_t kMaxNodes = 1'000'000;

// How long the UTF-8 character at the start of the text is; 0 if there is none.
std::size_t character(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 0;
  if (lead > 0xf4 || length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xc0U) != 0x80) return 0;
  }
  // Overlong forms, surrogates, beyond U+10FFFF (RFC 3629 section 4).
  const auto second = length > 1 ? static_cast<unsigned char>(text[1]) : 0U;
  const bool forbidden = (lead == 0xe0 && second < 0xa0) || (lead == 0xed && second >= 0xa0) ||
                         (lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second >= 0x90);
  return forbidden ? 0 : length;
}

// Characters of a text that is UTF-8, as the API server counts them.
std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0U) != 0x80;
  }));
}

// A string of any content.
Value<std::string> any_text(std::size_t max_length, std::size_t min_length = 0) {
  Json schema = {{"type", "string"}, {"maxLength", max_length}};
  if (min_length > 0) schema["minLength"] = min_length;
  return {std::move(schema),
          [max_length, min_length](const Cursor& here) -> std::optional<std::string> {
            if (!here.json().is_string()) {
              here.wrong_type("a string");
              return std::nullopt;
            }
            auto given = here.json().get<std::string>();
            const std::size_t length = characters(given);
            if (length < min_length || length > max_length) {
              here.invalid(fmt::format("has {} characters; allowed: {} to {}", length, min_length,
                                       max_length));
              return std::nullopt;
            }
            return given;
          }};
}

Value<std::string> time_text() {
  Value<std::string> value = any_text(64);
  value.schema = {{"type", "string"}, {"format", "date-time"}};
  return value;
}

Value<std::int64_t> generation() {
  Value<std::int64_t> value = whole_number(0, std::numeric_limits<std::int64_t>::max());
  value.schema.erase("maximum");
  return value;
}

Value<Count> count() {
  Shape<Count> shape;
  shape.tolerant();
  shape.optional("wanted", &Count::wanted, whole_number(0, kMaxNodes));
  shape.optional("ready", &Count::ready, whole_number(0, kMaxNodes));
  return shape.value();
}

Value<std::vector<Condition>> conditions() {
  Shape<Condition> shape;
  shape.tolerant();
  shape.required("type", &Condition::type, any_text(316));
  shape.required("status", &Condition::status,
                 choice<ConditionStatus>({{"True", ConditionStatus::kTrue, {}},
                                          {"False", ConditionStatus::kFalse, {}},
                                          {"Unknown", ConditionStatus::kUnknown, {}}}));
  shape.optional("observedGeneration", &Condition::observed_generation, generation());
  shape.required("lastTransitionTime", &Condition::last_transition_time, time_text());
  shape.required("reason", &Condition::reason, any_text(1024, 1));
  shape.required("message", &Condition::message, any_text(32768));
  return keyed_list(shape.value(), 0, kMaxConditions, {"type"},
                    [](const Condition& condition) { return condition.type; });
}

Value<IPsecPolicyStatus> ipsec_policy_status() {
  using Status = IPsecPolicyStatus;
  Shape<Status> shape;
  shape.tolerant();
  shape.optional("nodes", &Status::nodes, count());
  shape.optional("conditions", &Status::conditions, conditions());
  return shape.value();
}

Value<TunnelStatus> tunnel_status() {
  using Status = TunnelStatus;
  Shape<Status> shape;
  shape.tolerant();
  shape.optional("node", &Status::node, any_text(253));
  shape.optional("conditions", &Status::conditions, conditions());
  return shape.value();
}

Value<NodeEndpointStatus> node_endpoint_status() {
  using Status = NodeEndpointStatus;
  Shape<CertificateStatus> certificate;
  certificate.tolerant();
  certificate.optional("serialNumber", &CertificateStatus::serial_number, any_text(64));
  certificate.optional("notAfter", &CertificateStatus::not_after, time_text());
  Shape<Status> shape;
  shape.tolerant();
  shape.optional("agentVersion", &Status::agent_version, any_text(64));
  shape.optional("kernelVersion", &Status::kernel_version, any_text(128));
  shape.optional("features", &Status::features, set(any_text(63, 1), 0, kMaxFeatures));
  shape.optional("certificate", &Status::certificate, certificate.value());
  shape.optional("conditions", &Status::conditions, conditions());
  return shape.value();
}

Value<NodePolicyStatus> node_policy_status() {
  using Status = NodePolicyStatus;
  Shape<StatusNote> note;
  note.tolerant();
  note.required("reason", &StatusNote::reason, any_text(63, 1));
  note.required("message", &StatusNote::message, any_text(1024));

  Shape<PolicyOnNode> policy;
  policy.tolerant();
  policy.required("name", &PolicyOnNode::name, any_text(253, 1));
  policy.required("generation", &PolicyOnNode::generation, generation());
  policy.optional("peers", &PolicyOnNode::peers, whole_number(0, kMaxNodes));
  policy.optional("ready", &PolicyOnNode::ready, whole_number(0, kMaxNodes));
  policy.optional("notes", &PolicyOnNode::notes, list(note.value(), 0, kMaxNotes));

  Shape<TunnelOnNode> tunnel;
  tunnel.tolerant();
  tunnel.required("namespace", &TunnelOnNode::ns, any_text(63, 1));
  tunnel.required("name", &TunnelOnNode::name, any_text(253, 1));
  tunnel.required("generation", &TunnelOnNode::generation, generation());
  tunnel.required("established", &TunnelOnNode::established, boolean());
  tunnel.optional("reason", &TunnelOnNode::reason, any_text(63));
  tunnel.optional("message", &TunnelOnNode::message, any_text(1024));

  Shape<Status> shape;
  shape.tolerant();
  shape.optional("appliedHash", &Status::applied_hash, any_text(32));
  shape.optional("peers", &Status::peers, count());
  shape.optional("tunnelsReady", &Status::tunnels_ready, whole_number(0, kMaxTunnels));
  shape.optional("policies", &Status::policies,
                 keyed_list(policy.value(), 0, kMaxPolicies, {"name"},
                            [](const PolicyOnNode& one) { return one.name; }));
  shape.optional("tunnels", &Status::tunnels,
                 keyed_list(tunnel.value(), 0, kMaxTunnels, {"namespace", "name"},
                            [](const TunnelOnNode& one) { return std::pair(one.ns, one.name); }));
  shape.optional("conditions", &Status::conditions, conditions());
  return shape.value();
}

template <typename T>
T read_status(const Json& object, const Value<T>& table) {
  if (!object.is_object() || !object.contains("status")) return {};
  const Document nowhere;
  Decoding decoding{&nowhere, {}, {}};
  return table.read(Cursor(object, decoding).at("status")).value_or(T());
}

// What JSON and the CRD can hold of a text: UTF-8, and not longer.
std::string fitting(std::string_view text, std::size_t max_length) {
  std::string fits;
  for (std::size_t count = 0; count < max_length && !text.empty(); ++count) {
    const std::size_t length = character(text);
    fits += length == 0 ? "?" : text.substr(0, length);
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return fits;
}

void put_text(Json& to, const char* name, std::string_view text, std::size_t max_length) {
  if (!text.empty()) to[name] = fitting(text, max_length);
}

template <typename T>
void put_list(Json& to, const char* name, const std::vector<T>& items, std::size_t max,
              Json (*encode_item)(const T&)) {
  for (std::size_t i = 0; i < std::min(items.size(), max); ++i) {
    to[name].push_back(encode_item(items[i]));
  }
}

Json encode_count(const Count& count) {
  return {{"wanted", std::clamp<std::int64_t>(count.wanted, 0, kMaxNodes)},
          {"ready", std::clamp<std::int64_t>(count.ready, 0, kMaxNodes)}};
}

Json encode_condition(const Condition& condition) {
  static constexpr std::array<const char*, 3> kWords = {"Unknown", "True", "False"};
  Json json = {{"type", fitting(condition.type, 316)},
               {"status", kWords[static_cast<std::size_t>(condition.status)]},
               {"lastTransitionTime", condition.last_transition_time},
               {"reason", fitting(condition.reason, 1024)},
               {"message", fitting(condition.message, 32768)}};
  if (condition.observed_generation > 0) json["observedGeneration"] = condition.observed_generation;
  return json;
}

Json encode_note(const StatusNote& note) {
  return {{"reason", fitting(note.reason, 63)}, {"message", fitting(note.message, 1024)}};
}

Json encode_policy(const PolicyOnNode& policy) {
  Json json = {{"name", policy.name},
               {"generation", policy.generation},
               {"peers", std::clamp<std::int64_t>(policy.peers, 0, kMaxNodes)},
               {"ready", std::clamp<std::int64_t>(policy.ready, 0, kMaxNodes)}};
  put_list(json, "notes", policy.notes, kMaxNotes, encode_note);
  return json;
}

Json encode_tunnel(const TunnelOnNode& tunnel) {
  Json json = {{"namespace", tunnel.ns},
               {"name", tunnel.name},
               {"generation", tunnel.generation},
               {"established", tunnel.established}};
  put_text(json, "reason", tunnel.reason, 63);
  put_text(json, "message", tunnel.message, 1024);
  return json;
}

Json encode_feature(const std::string& feature) {
  return fitting(feature, 63);
}

}  // namespace

const Condition* find(const std::vector<Condition>& conditions, std::string_view type) {
  const auto found = std::find_if(conditions.begin(), conditions.end(),
                                  [&](const Condition& one) { return one.type == type; });
  return found != conditions.end() ? &*found : nullptr;
}

void put(std::vector<Condition>& conditions, Condition condition) {
  const auto old = std::find_if(conditions.begin(), conditions.end(),
                                [&](const Condition& one) { return one.type == condition.type; });
  if (old != conditions.end()) {
    if (old->status == condition.status) {
      condition.last_transition_time = old->last_transition_time;
    }
    *old = std::move(condition);
  } else if (conditions.size() < kMaxConditions) {
    conditions.push_back(std::move(condition));
  }
}

IPsecPolicyStatus read_ipsec_policy_status(const Json& object) {
  static const Value<IPsecPolicyStatus> table = ipsec_policy_status();
  return read_status(object, table);
}

TunnelStatus read_tunnel_status(const Json& object) {
  static const Value<TunnelStatus> table = tunnel_status();
  return read_status(object, table);
}

NodeEndpointStatus read_node_endpoint_status(const Json& object) {
  static const Value<NodeEndpointStatus> table = node_endpoint_status();
  return read_status(object, table);
}

NodePolicyStatus read_node_policy_status(const Json& object) {
  static const Value<NodePolicyStatus> table = node_policy_status();
  return read_status(object, table);
}

Json encode(const IPsecPolicyStatus& status) {
  Json json = Json::object();
  if (status.nodes) json["nodes"] = encode_count(*status.nodes);
  put_list(json, "conditions", status.conditions, kMaxConditions, encode_condition);
  return json;
}

Json encode(const TunnelStatus& status) {
  Json json = Json::object();
  put_text(json, "node", status.node, 253);
  put_list(json, "conditions", status.conditions, kMaxConditions, encode_condition);
  return json;
}

Json encode(const NodeEndpointStatus& status) {
  Json json = Json::object();
  put_text(json, "agentVersion", status.agent_version, 64);
  put_text(json, "kernelVersion", status.kernel_version, 128);
  put_list(json, "features", status.features, kMaxFeatures, encode_feature);
  if (status.certificate) {
    Json certificate = Json::object();
    put_text(certificate, "serialNumber", status.certificate->serial_number, 64);
    put_text(certificate, "notAfter", status.certificate->not_after, 64);
    json["certificate"] = std::move(certificate);
  }
  put_list(json, "conditions", status.conditions, kMaxConditions, encode_condition);
  return json;
}

Json encode(const NodePolicyStatus& status) {
  Json json = Json::object();
  put_text(json, "appliedHash", status.applied_hash, 32);
  if (status.peers) json["peers"] = encode_count(*status.peers);
  json["tunnelsReady"] = std::clamp<std::int64_t>(status.tunnels_ready, 0, kMaxTunnels);
  put_list(json, "policies", status.policies, kMaxPolicies, encode_policy);
  put_list(json, "tunnels", status.tunnels, kMaxTunnels, encode_tunnel);
  put_list(json, "conditions", status.conditions, kMaxConditions, encode_condition);
  return json;
}

std::optional<Json> status_schema(std::string_view kind) {
  if (kind == "IPsecPolicy") return ipsec_policy_status().schema;
  if (kind == "Tunnel") return tunnel_status().schema;
  if (kind == "NodeEndpoint") return node_endpoint_status().schema;
  if (kind == "NodePolicy") return node_policy_status().schema;
  return std::nullopt;
}

}  // namespace espalier::crds
