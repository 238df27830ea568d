#include "ike/exchange/ppk.h"

namespace espalier::ike::exchange {

std::optional<std::size_t> find_ppk(const Connection& connection, ByteView id) {
  for (std::size_t i = 0; i < connection.ppks.size(); ++i) {
    if (equal(as_bytes(connection.ppks[i].id), id)) return i;
  }
  return std::nullopt;
}

// Mixes a PPK in and remembers what stood before (RFC 8784 section 3).
Status use_ppk(Core& core, IkeSa& sa, std::size_t index) {
  Handshake& handshake = *sa.handshake;
  handshake.ppk_index = index;
  handshake.unmixed_sk_d = sa.keys.sk_d.copy();
  handshake.unmixed_sk_pi = sa.keys.sk_pi.copy();
  handshake.unmixed_sk_pr = sa.keys.sk_pr.copy();
  return crypto::mix_ppk(core.provider, sa.suite.prf, sa.connection->ppks[index].secret->view(),
                         sa.keys);
}

void forget_ppk(IkeSa& sa) {
  Handshake& handshake = *sa.handshake;
  handshake.ppk_index.reset();
  sa.keys.sk_d = std::move(handshake.unmixed_sk_d);
  sa.keys.sk_pi = std::move(handshake.unmixed_sk_pi);
  sa.keys.sk_pr = std::move(handshake.unmixed_sk_pr);
}

}  // namespace espalier::ike::exchange
