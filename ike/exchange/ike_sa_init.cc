#include "ike/exchange/ike_sa_init.h"

#include "ike/exchange/handshake.h"
#include "ike/exchange/nat_detection.h"
#include "ike/exchange/tasks.h"
#include "ike/exchange/window.h"
#include "ike/wire/notify_data.h"

namespace espalier::ike::exchange {
namespace {

std::vector<wire::HashAlgorithm> own_hashes() {
  return {wire::HashAlgorithm::kSha256, wire::HashAlgorithm::kSha384, wire::HashAlgorithm::kSha512};
}

}  // namespace

void add_common_notifies(Core& core, const IkeSa& sa, bool fragmentation, UdpEncapsulation udp,
                         std::vector<wire::Payload>& payloads) {
  if (udp != UdpEncapsulation::kNever) {
    add_nat_detection(core, sa.spi_i, sa.spi_r, sa.local, sa.remote,
                      udp == UdpEncapsulation::kAlways, payloads);
  }
  if (fragmentation) payloads.emplace_back(notify(wire::NotifyType::kIkev2FragmentationSupported));
  payloads.emplace_back(wire::make_signature_hash_algorithms(own_hashes()));
}

std::vector<crypto::HashId> peer_hashes(const wire::Message& message) {
  std::vector<crypto::HashId> hashes;
  const auto* payload = message.find_notify(wire::NotifyType::kSignatureHashAlgorithms);
  if (payload == nullptr) return hashes;
  const auto list = wire::signature_hash_algorithms(*payload);
  if (!list) return hashes;
  for (const wire::HashAlgorithm hash : *list) {
    if (const auto known = crypto::find_hash(static_cast<std::uint16_t>(hash)))
      hashes.push_back(*known);
  }
  return hashes;
}

void on_key_pair(Core& core, IkeSa& sa, std::shared_ptr<const crypto::KeyPair> pair) {
  sa.handshake->key_pair = std::move(pair);
  if (sa.initiator) {
    send_init_request(core, sa);
  } else {
    send_init_response(core, sa);
  }
}

}  // namespace espalier::ike::exchange
