// One payload's parser: the input is the body of a payload of type ESPALIER_FUZZ_PAYLOAD. What is
// accepted comes back the same when written and read again.
#include <variant>

#include "cmake/fuzz/fuzz_one.h"
#include "ike/wire/auth_data.h"
#include "ike/wire/decode.h"
#include "ike/wire/encode.h"
#include "ike/wire/fuzz_check.h"
#include "ike/wire/notify_data.h"

namespace espalier::ike::wire {
namespace {

constexpr auto kType = static_cast<PayloadType>(ESPALIER_FUZZ_PAYLOAD);

struct LookInside {
  void operator()(const Notify& notify) const {
    (void)invalid_ke_group(notify);
    (void)cookie_of(notify);
    (void)nat_detection_hash(notify);
    (void)rekey_sa_spi(notify);
    (void)window_size(notify);
    const auto hashes = signature_hash_algorithms(notify);
    if (hashes) must(make_signature_hash_algorithms(*hashes).data == notify.data);
    const auto ppk = ppk_identity(notify);
    if (ppk) must(make_ppk_identity(*ppk).data == notify.data);
  }
  void operator()(const Auth& auth) const {
    const auto signature = decode_signature_auth(auth.data);
    if (!signature) return;
    must(encode_signature_auth(signature->algorithm, signature->signature).value() == auth.data);
  }
  void operator()(const Idi& id) const { (void)to_string(id.id); }
  void operator()(const Idr& id) const { (void)to_string(id.id); }
  void operator()(const CertReq& request) const {
    for (std::size_t i = 0; i < request.hash_count(); ++i) {
      must(request.hash(i).size() == CertReq::kHashSize);
    }
  }
  void operator()(const Tsi& ts) const { check_selectors(ts.selectors, ts.unknown_selectors); }
  void operator()(const Tsr& ts) const { check_selectors(ts.selectors, ts.unknown_selectors); }
  template <typename P>
  void operator()(const P&) const {}

  static void check_selectors(const std::vector<TrafficSelector>& selectors, std::size_t unknown) {
    must(selectors.size() + unknown <= kMaxSelectors);
    for (const TrafficSelector& selector : selectors) {
      must(selector.start.family() == selector.end.family() && selector.start <= selector.end);
      must(selector.start_port <= selector.end_port || selector.opaque_ports());
      (void)selector.to_string();
    }
  }
};

bool dropped_selectors(const Payload& payload) {
  if (const auto* tsi = std::get_if<Tsi>(&payload)) return tsi->unknown_selectors > 0;
  if (const auto* tsr = std::get_if<Tsr>(&payload)) return tsr->unknown_selectors > 0;
  return false;
}

}  // namespace
}  // namespace espalier::ike::wire

void fuzz_one(std::span<const std::uint8_t> input) {
  using namespace espalier;
  using namespace espalier::ike::wire;
  if (input.size() > 65000) return;
  const std::size_t length = input.size() + kGenericHeaderSize;
  Bytes chain = {0, 0, static_cast<std::uint8_t>(length >> 8), static_cast<std::uint8_t>(length)};
  append(chain, input);
  const auto decoded = decode_payloads(kType, chain, "IKE_AUTH");
  if (!decoded) {
    must(decoded.error().error.where.size() > std::string_view("IKE_AUTH.").size());
    return;
  }
  must(decoded->size() == 1 && type_of(decoded->front()) == kType);
  std::visit(LookInside{}, decoded->front());
  if (dropped_selectors(decoded->front())) return;
  const auto encoded = encode_payloads(*decoded);
  must(encoded.has_value());
  const auto again = decode_payloads(encoded->first, encoded->bytes, "IKE_AUTH");
  must(again.has_value() && *again == *decoded);
}
