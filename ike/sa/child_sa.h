// ChildSa: one pair of ESP SAs as the engine knows it, and ChildNegotiation: one that is being
// made.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "ike/config.h"
#include "ike/output.h"

namespace espalier::ike {

struct ChildSa {
  enum class State : std::uint8_t {
    kInstalling,  // the kernel has been asked
    kInstalled,
    kReplaced,  // a successor exists; its creator deletes this one (RFC 7296 section 2.8)
    kDeleting,  // our Delete is queued or on the wire
    kDraining,  // the Delete was exchanged; the inbound SA lives a moment longer
  };

  ChildSaInfo info;
  State state = State::kInstalling;
  bool inbound_installed = false;
  bool outbound_asked = false;  // the kernel was asked for it and may have it
  bool outbound_installed = false;
  bool began = false;  // we began the exchange that made it
  // The beginning of that exchange's lower nonce: of two alike the lower goes.
  std::uint64_t rank = 0;
  ChildSaId replaces = 0;
  ChildSaId replaced_by = 0;
  std::unique_ptr<crypto::EspKeys>
      outbound_keys;  // a responder's, held until the first inbound packet or the Delete
  TimePoint established{};
  TimePoint rekey_at = kNever;
  // When the peer is asked for the sign that the held outbound SA waits for; asked, when it is used
  // without one.
  TimePoint release_at = kNever;
  bool release_asked = false;
  TimePoint remove_at =
      kNever;  // while draining, or while waiting for the peer to delete what it replaced

  // Whether the peer has its end of it is not known.
  [[nodiscard]] bool waits_for_a_sign() const { return release_at != kNever; }
  // Its successor exists: it is not rekeyed any more, and goes by a Delete or at remove_at.
  void give_way_to(ChildSaId successor) {
    replaced_by = successor;
    state = State::kReplaced;
    rekey_at = kNever;
  }
};

// What both ends agree on in IKE_AUTH or CREATE_CHILD_SA for one Child.
struct ChildNegotiation {
  ChildSaId id = 0;
  std::size_t child_index = 0;
  ChildSaId replaces = 0;
  std::uint32_t spi_in = 0, spi_out = 0;
  bool carried = false;  // KernelSpi::carried
  Bytes ni, nr;
  crypto::DhId group = crypto::DhId::kNone;  // kNone: no key exchange of its own
  std::shared_ptr<const crypto::KeyPair> key_pair;
  SecretBytes shared_secret;
  Mode mode = Mode::kTunnel;
  crypto::EspSuite suite;
  std::uint8_t proposal_number = 1;
  bool esn = false;
  std::vector<wire::TrafficSelector> local, remote;
};

}  // namespace espalier::ike
