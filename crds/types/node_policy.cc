#include "crds/types/node_policy.h"

#include <algorithm>
#include <limits>

#include "crds/types/kinds.h"

namespace espalier::crds {

namespace {

constexpr std::string_view kObjectName = "the name of an object";

bool is_hash(std::string_view text) {
  return text.size() == 32 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool is_camel_case(std::string_view text) {
  const auto letter_or_digit = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  };
  return !text.empty() && text[0] >= 'A' && text[0] <= 'Z' &&
         std::all_of(text.begin(), text.end(), letter_or_digit);
}

Value<std::int64_t> generation() {
  Value<std::int64_t> value = whole_number(0, std::numeric_limits<std::int64_t>::max());
  value.schema.erase("maximum");
  return value;
}

Value<PolicyReference> policy_reference() {
  using Ref = PolicyReference;
  Shape<Ref> shape;
  shape.required("name", &Ref::name, text(253, is_dns_subdomain, std::string(kObjectName)));
  shape.required("uid", &Ref::uid, text(63));
  shape.required("generation", &Ref::generation, generation());
  return shape.value();
}

Value<TunnelReference> tunnel_reference() {
  using Ref = TunnelReference;
  Shape<Ref> shape;
  shape.required("namespace", &Ref::ns, text(63, is_dns_label, "the name of a namespace"));
  shape.required("name", &Ref::name, text(253, is_dns_subdomain, std::string(kObjectName)));
  shape.required("uid", &Ref::uid, text(63));
  shape.required("generation", &Ref::generation, generation());
  return shape.value();
}

Value<Endpoint> api_server() {
  struct Written {
    IpAddress address;
    std::int64_t port = 0;
  };
  Shape<Written> shape;
  Value<IpAddress> its_address = address();
  its_address.schema["minLength"] = 2;
  shape.required("address", &Written::address, std::move(its_address));
  shape.required("port", &Written::port, whole_number(1, 65535));
  const Value<Written> written = shape.value();
  return {written.schema, [read = written.read](const Cursor& here) -> std::optional<Endpoint> {
            const auto got = read(here);
            if (!got) return std::nullopt;
            return Endpoint{got->address, static_cast<std::uint16_t>(got->port)};
          }};
}

}  // namespace

Value<NodePolicySpec> node_policy_spec() {
  using Spec = NodePolicySpec;
  Value<std::string> hash = text(32, is_hash, "32 hexadecimal digits in lower case");
  hash.schema["minLength"] = 32;
  Shape<Spec> shape;
  shape.required("hash", &Spec::hash, std::move(hash));
  shape.optional("requiredFeatures", &Spec::required_features,
                 set(text(63, is_camel_case, "a feature's name in CamelCase"), 0, 64));
  shape.optional("policies", &Spec::policies,
                 keyed_list(policy_reference(), 0, 1024, {"name"},
                            [](const PolicyReference& ref) { return ref.name; }));
  shape.optional(
      "tunnels", &Spec::tunnels,
      keyed_list(tunnel_reference(), 0, 1024, {"namespace", "name"},
                 [](const TunnelReference& ref) { return std::pair(ref.ns, ref.name); }));
  shape.optional("apiServers", &Spec::api_servers,
                 keyed_list(api_server(), 0, 32, {"address", "port"},
                            [](const Endpoint& endpoint) { return endpoint; }));
  return shape.value();
}

}  // namespace espalier::crds
