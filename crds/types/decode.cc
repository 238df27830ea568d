#include "crds/types/decode.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "crds/types/kinds.h"

namespace espalier::crds {

namespace {

struct Envelope {
  std::string api_version;
  std::string kind;
};

enum class Scope { kCluster, kNamespaced, kNamespacedOrOperators };

Value<Meta> metadata(Scope scope) {
  Shape<Meta> shape;
  shape.required("name", &Meta::name,
                 text(253, is_dns_subdomain, "lower-case letters, digits, '-' and '.', up to 253"));
  shape.optional("namespace", &Meta::ns,
                 text(63, is_dns_label, "lower-case letters, digits and '-', up to 63"));
  shape.optional("labels", &Meta::labels, labels());
  shape.optional("uid", &Meta::uid, text(63));
  shape.optional("generation", &Meta::generation,
                 whole_number(0, std::numeric_limits<std::int64_t>::max()));
  for (const char* name : {"annotations", "creationTimestamp", "deletionGracePeriodSeconds",
                           "deletionTimestamp", "finalizers", "generateName", "managedFields",
                           "ownerReferences", "resourceVersion", "selfLink"}) {
    shape.ignored(name);
  }
  shape.rule([scope](const Meta& meta, const Cursor& here) {
    if (scope == Scope::kCluster && !meta.ns.empty()) {
      here.at("namespace").invalid("this kind is cluster-scoped; leave the namespace out");
    }
    if (scope == Scope::kNamespaced && meta.ns.empty()) {
      here.invalid("`namespace` is missing: the Secrets that a Tunnel names are looked up in it");
    }
  });
  return shape.value();
}

// "Tunnel edge/branch", as far as the document says.
std::string object_name(const Json& json, const std::string& kind) {
  const auto text = [&](const char* key) -> std::string {
    const auto meta = json.find("metadata");
    if (meta == json.end() || !meta->is_object()) return {};
    const auto value = meta->find(key);
    return value != meta->end() && value->is_string() &&
                   value->get_ref<const std::string&>().size() <= 253
               ? value->get<std::string>()
               : std::string();
  };
  const std::string name = text("name");
  const std::string ns = text("namespace");
  if (name.empty()) return kind;
  return kind + " " + (ns.empty() ? name : ns + "/" + name);
}

template <typename Kind>
Shape<Kind> custom(Scope scope, Value<decltype(Kind::spec)> spec) {
  Shape<Kind> shape;
  shape.ignored("apiVersion").ignored("kind").ignored("status");
  shape.required("metadata", &Kind::meta, metadata(scope));
  shape.required("spec", &Kind::spec, std::move(spec));
  return shape;
}

struct WrittenSecret : Secret {
  std::map<std::string, SecretBytes> string_data;
  bool immutable = false;
};

Shape<WrittenSecret> written_secret() {
  using Written = WrittenSecret;
  Shape<Written> shape;
  shape.ignored("apiVersion").ignored("kind");
  shape.required("metadata", &Written::meta, metadata(Scope::kNamespacedOrOperators));
  shape.optional("type", &Written::type, text(253));
  shape.optional("data", &Written::data, secret_data());
  shape.optional("stringData", &Written::string_data, secret_string_data());
  shape.optional("immutable", &Written::immutable, boolean());
  return shape;
}

// The tables are built once: each is thousands of small allocations, and a folder may hold as many
// objects.
const Shape<IPsecPolicy>& policy_table() {
  static const auto table = custom<IPsecPolicy>(Scope::kCluster, ipsec_policy_spec());
  return table;
}
const Shape<Tunnel>& tunnel_table() {
  static const auto table = custom<Tunnel>(Scope::kNamespaced, tunnel_spec());
  return table;
}
const Shape<NodeEndpoint>& endpoint_table() {
  static const auto table = custom<NodeEndpoint>(Scope::kCluster, node_endpoint_spec());
  return table;
}
const Shape<NodePolicy>& node_policy_table() {
  static const auto table = custom<NodePolicy>(Scope::kCluster, node_policy_spec());
  return table;
}
const Shape<PodSlice>& pod_slice_table() {
  static const auto table = custom<PodSlice>(Scope::kCluster, pod_slice_spec());
  return table;
}
const Shape<WrittenSecret>& secret_table() {
  static const auto table = written_secret();
  return table;
}

template <typename Kind>
std::optional<Kind> decode_custom(const Cursor& root, const Shape<Kind>& table) {
  auto object = table.read(root);
  if (object) object->meta.origin = root.document().origin;
  return object;
}

std::optional<Object> decode_secret(const Cursor& root) {
  auto object = decode_custom(root, secret_table());
  if (!object) return std::nullopt;
  for (auto& [key, value] : object->string_data) {
    object->data.insert_or_assign(key, std::move(value));
  }
  check_secret(*object, root);
  return Object(Secret(std::move(*object)));
}

template <typename Kind>
std::optional<Object> as_object(std::optional<Kind> kind) {
  if (!kind) return std::nullopt;
  return Object(std::move(*kind));
}

std::optional<Object> decode_kind(const Cursor& root, const Envelope& envelope) {
  if (envelope.kind == "Secret") return decode_secret(root);
  if (envelope.kind == "IPsecPolicy") {
    return as_object(decode_custom(root, policy_table()));
  }
  if (envelope.kind == "Tunnel") {
    return as_object(decode_custom(root, tunnel_table()));
  }
  if (envelope.kind == "PodSlice") {
    return as_object(decode_custom(root, pod_slice_table()));
  }
  return as_object(decode_custom(root, endpoint_table()));
}

// apiVersion and kind are there, or a problem says so. The object has its name then.
std::optional<Envelope> read_envelope(const Cursor& root) {
  if (!root.json().is_object()) {
    root.wrong_type("a map (an object with apiVersion, kind and metadata)");
    return std::nullopt;
  }
  Envelope envelope;
  for (const auto& [name, to] :
       {std::pair{"apiVersion", &envelope.api_version}, std::pair{"kind", &envelope.kind}}) {
    if (!root.json().contains(name)) {
      root.invalid(fmt::format("`{}` is missing", name));
    } else if (auto got = text(253).read(root.at(name))) {
      *to = std::move(*got);
    }
  }
  if (root.problems() != 0) return std::nullopt;
  root.name_object(object_name(root.json(), envelope.kind));
  return envelope;
}

// The kind is one of these, in its API version, or a problem says what is allowed.
bool is_one_of(const std::vector<std::string>& kinds, const Envelope& envelope,
               const Cursor& root) {
  if (std::find(kinds.begin(), kinds.end(), envelope.kind) == kinds.end()) {
    const auto meant = closest(envelope.kind, kinds);
    root.at("kind").invalid(fmt::format("{} is not known{}; allowed: {}", in_quotes(envelope.kind),
                                        meant ? ", did you mean `" + *meant + "`?" : "",
                                        join(kinds)));
    return false;
  }
  const std::string_view wanted = envelope.kind == "Secret" ? "v1" : kApiVersion;
  if (envelope.api_version != wanted) {
    root.at("apiVersion")
        .invalid(fmt::format("{} is not known for kind {}; allowed: {}",
                             in_quotes(envelope.api_version), envelope.kind, wanted));
    return false;
  }
  return true;
}

// The envelope of something that people write.
std::optional<Envelope> read_written(const Cursor& root) {
  static const std::vector<std::string> kinds = {"IPsecPolicy", "Tunnel", "NodeEndpoint",
                                                 "PodSlice", "Secret"};
  auto envelope = read_envelope(root);
  if (!envelope) return std::nullopt;
  if (envelope->kind == "NodePolicy") {
    root.at("kind").invalid(envelope->kind +
                            " is written by the operator in a cluster and has no place among "
                            "manifests; allowed: " +
                            join(kinds));
    return std::nullopt;
  }
  if (!is_one_of(kinds, *envelope, root)) return std::nullopt;
  return envelope;
}

template <typename Kind>
DecodedKind<Kind> decode_own(Document&& document, const std::string& kind,
                             const Shape<Kind>& table) {
  Decoding decoding{&document, {}, {}};
  const Cursor root(document.json, decoding);
  DecodedKind<Kind> decoded;
  const auto envelope = read_envelope(root);
  if (envelope && is_one_of({kind}, *envelope, root)) {
    decoded.object = decode_custom(root, table);
  }
  decoded.problems = std::move(decoding.problems);
  sort_by_place(decoded.problems);
  if (!decoded.problems.empty()) decoded.object.reset();
  return decoded;
}

tl::unexpected<Error> first_of(const Problems& problems) {
  const Problem& problem = problems.front();
  return fail(Code::kInvalid, problem.field.empty() ? problem.object : problem.field,
              problem.detail);
}

template <typename Kind>
Result<std::shared_ptr<const Kind>> shared(DecodedKind<Kind> decoded) {
  if (!decoded.object) return first_of(decoded.problems);
  return std::shared_ptr<const Kind>(std::make_shared<Kind>(std::move(*decoded.object)));
}

}  // namespace

Decoded decode(Document&& document) {
  Decoding decoding{&document, {}, {}};
  const Cursor root(document.json, decoding);
  Decoded decoded;
  const auto envelope = read_written(root);
  if (envelope) decoded.object = decode_kind(root, *envelope);
  if (!envelope || envelope->kind == "Secret") wipe(document.json);
  decoded.problems = std::move(decoding.problems);
  sort_by_place(decoded.problems);
  if (!decoded.problems.empty()) decoded.object.reset();
  return decoded;
}

DecodedKind<NodePolicy> decode_node_policy(Document&& document) {
  return decode_own<NodePolicy>(std::move(document), "NodePolicy", node_policy_table());
}

DecodedKind<PodSlice> decode_pod_slice(Document&& document) {
  return decode_own<PodSlice>(std::move(document), "PodSlice", pod_slice_table());
}

template <typename Kind>
Result<std::shared_ptr<const Kind>> decode_as(Document&& document) {
  Decoded decoded = decode(std::move(document));
  if (!decoded.problems.empty()) return first_of(decoded.problems);
  if (decoded.object) {
    if (auto* kind = std::get_if<Kind>(&*decoded.object))
      return std::shared_ptr<const Kind>(std::make_shared<Kind>(std::move(*kind)));
  }
  return fail(Code::kInvalid, "kind", "another kind than the one asked for");
}

template <>
Result<std::shared_ptr<const NodePolicy>> decode_as<NodePolicy>(Document&& document) {
  return shared(decode_node_policy(std::move(document)));
}

template <>
Result<std::shared_ptr<const PodSlice>> decode_as<PodSlice>(Document&& document) {
  return shared(decode_pod_slice(std::move(document)));
}

template Result<std::shared_ptr<const IPsecPolicy>> decode_as<IPsecPolicy>(Document&&);
template Result<std::shared_ptr<const Tunnel>> decode_as<Tunnel>(Document&&);
template Result<std::shared_ptr<const NodeEndpoint>> decode_as<NodeEndpoint>(Document&&);
template Result<std::shared_ptr<const Secret>> decode_as<Secret>(Document&&);

std::optional<Json> spec_schema(std::string_view kind) {
  if (kind == "IPsecPolicy") return ipsec_policy_spec().schema;
  if (kind == "Tunnel") return tunnel_spec().schema;
  if (kind == "NodeEndpoint") return node_endpoint_spec().schema;
  if (kind == "NodePolicy") return node_policy_spec().schema;
  if (kind == "PodSlice") return pod_slice_spec().schema;
  return std::nullopt;
}

}  // namespace espalier::crds
