#include "crds/types/node_endpoint.h"

#include "crds/types/kinds.h"

namespace espalier::crds {

Value<NodeEndpointSpec> node_endpoint_spec() {
  using Spec = NodeEndpointSpec;
  Shape<Spec> shape;
  shape.required("addresses", &Spec::addresses, set(address(), 1, 2));
  shape.optional("podCIDRs", &Spec::pod_cidrs, prefixes(0, 16));
  shape.required("identity", &Spec::identity, identity());
  shape.optional("podNetwork", &Spec::pod_network,
                 choice<PodNetwork>(
                     {{"Routed", PodNetwork::kRouted, {}}, {"Overlay", PodNetwork::kOverlay, {}}}));
  shape.rule([](const Spec& spec, const Cursor& here) {
    const auto& addresses = spec.addresses;
    if (addresses.size() == 2 && addresses[0].family() == addresses[1].family()) {
      here.at("addresses")
          .at(1)
          .invalid(fmt::format(
              "{} is a second address of its family; allowed: one IPv4 and one IPv6 address",
              addresses[1].to_string()));
    }
    for (std::size_t i = 0; i < spec.pod_cidrs.size(); ++i) {
      for (const IpAddress& address : addresses) {
        if (!spec.pod_cidrs[i].contains(address)) continue;
        here.at("podCIDRs")
            .at(i)
            .invalid(fmt::format(
                "{} holds the node's own address {}; pods and nodes need blocks of their own",
                spec.pod_cidrs[i].to_string(), address.to_string()));
      }
    }
  });
  return shape.value();
}

}  // namespace espalier::crds
