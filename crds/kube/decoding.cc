#include "crds/kube/decoding.h"

namespace espalier::crds {
namespace {

tl::unexpected<Error> first_of(const Problems& problems) {
  const Problem& problem = problems.front();
  return fail(Code::kInvalid, problem.field.empty() ? problem.object : problem.field,
              problem.detail);
}

}  // namespace

Document document_of(const kube::Object& object) {
  Document document;
  document.json = object.json;
  return document;
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
  auto decoded = decode_node_policy(std::move(document));
  if (!decoded.object) return first_of(decoded.problems);
  return std::shared_ptr<const NodePolicy>(
      std::make_shared<NodePolicy>(std::move(*decoded.object)));
}

template Result<std::shared_ptr<const IPsecPolicy>> decode_as<IPsecPolicy>(Document&&);
template Result<std::shared_ptr<const Tunnel>> decode_as<Tunnel>(Document&&);
template Result<std::shared_ptr<const NodeEndpoint>> decode_as<NodeEndpoint>(Document&&);
template Result<std::shared_ptr<const Secret>> decode_as<Secret>(Document&&);

}  // namespace espalier::crds
