// IkeSa: everything the engine keeps about one IKE SA (RFC 7296). State only; the exchanges act on
// it.
//
// What an exchange needs while it runs lives in Handshake, OwnExchange and PeerExchange and is
// freed with them, so that an established IKE SA costs little: its keys, its last response, its
// timers, its Childs.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ike/crypto/key_schedule.h"
#include "ike/engine.h"
#include "ike/sa/child_sa.h"
#include "ike/wire/fragment.h"
#include "ike/wire/message.h"

namespace espalier::ike {

// A request of ours on the wire: sent again until it is answered or given up (section 2.1).
struct Outstanding {
  std::uint32_t message_id = 0;
  wire::ExchangeType exchange{};
  std::vector<Bytes> datagrams;
  TimePoint first_sent{};
  TimePoint resend_at = kNever;
  Duration interval{};
};

// The initial exchanges, IKE_SA_INIT and IKE_AUTH (section 1.2).
struct Handshake {
  enum class Step : std::uint8_t {
    kSpi,           // initiator: asked the kernel for the Child's SPI
    kKeyPair,       // both: asked crypto for our key pair
    kInitSent,      // initiator: waiting for the IKE_SA_INIT response
    kInitAnswered,  // responder: waiting for IKE_AUTH
    kDerive,        // both: asked crypto for the shared secret
    kSign,          // both: asked crypto for AUTH
    kSignUnmixed,   // initiator, PPK Prefer: the second AUTH, for NO_PPK_AUTH (RFC 8784 section 3)
    kAuthSent,      // initiator: waiting for the IKE_AUTH response
    kVerify,        // both: asked crypto to check the peer's AUTH
    kChildSpi,      // responder: asked the kernel for the Child's SPI
    kInbound,       // both: asked the kernel for the inbound SA
    kOutbound,      // initiator: asked the kernel for the outbound SA
  };
  Step step = Step::kSpi;
  Ticket ticket = 0;
  Bytes init_request, init_response;  // as on the wire, for AUTH (section 2.15)
  Bytes ni, nr;
  crypto::DhId group = crypto::DhId::kNone;
  std::shared_ptr<const crypto::KeyPair> key_pair;
  Bytes peer_public;
  std::vector<ConnectionId> candidates;  // responder, until IDi and IDr settle it
  std::vector<Datagram> stash;  // IKE_AUTH datagrams that came while the keys were being made
  Bytes cookie;
  unsigned init_tries = 0;
  std::size_t remote_index = 0;  // in Connection::remotes
  std::vector<crypto::HashId> peer_hashes;
  std::uint32_t auth_message_id = 1;
  bool peer_uses_ppk = false;
  std::optional<std::size_t> ppk_index;  // in Connection::ppks, as used
  bool ppk_confirmed = false;            // the peer said so (RFC 8784)
  SecretBytes unmixed_sk_pi, unmixed_sk_pr, unmixed_sk_d;
  Bytes id_i_body, id_r_body;  // IDType | RESERVED | data, as signed
  Bytes own_auth;              // our AUTH payload's body while the second one is made
  wire::AuthMethod own_auth_method{};
  std::unique_ptr<wire::Message> auth_message;  // the peer's, decrypted
  bool want_child = true;
  ChildNegotiation child;
  wire::NotifyType child_error{};  // responder: why there is no Child
  std::string child_error_text;
  TimePoint expires = kNever;
  std::vector<Initiate> waiting;  // Childs asked for meanwhile
  Initiate packet;                // what asked for this one
  bool keys_ready = false;        // responder: the stash can be opened
  bool initial_contact =
      false;  // the initiator says that it has no other IKE SA with the other end
};

// Something we want to do once the window is free (section 2.3).
struct Task {
  enum class Kind : std::uint8_t {
    kCreateChild,
    kRekeyChild,
    kRekeyIkeSa,
    kDeleteChild,
    kDeleteIkeSa,
    kProbe
  };
  Kind kind = Kind::kProbe;
  std::size_t child_index = 0;
  ChildSaId child = 0;    // kProbe: its held outbound SA is used once this is answered
  std::uint32_t spi = 0;  // kDeleteChild: of one that stands at the peer alone
  std::optional<wire::TrafficSelector> packet_local, packet_remote;
  Reason reason = Reason::kNone;
  TimePoint not_before{};
  unsigned tries = 0;
  // kDeleteIkeSa: only while another IKE SA of the pair stands; kDeleteChild: only while another
  // Child like it does.
  bool only_if_duplicate = false;
};

// A new IKE SA that is to replace this one (sections 1.3.2 and 2.18).
struct IkeRekey {
  std::uint64_t spi_i = 0, spi_r = 0;
  Bytes ni, nr;
  crypto::DhId group = crypto::DhId::kNone;
  std::shared_ptr<const crypto::KeyPair> key_pair;
  crypto::IkeSuite suite;
  std::uint8_t proposal_number = 1;
};

// The exchange that we began and that is under way.
struct OwnExchange {
  enum class Step : std::uint8_t {
    kSpi,
    kKeyPair,
    kSent,
    kDerive,
    kInbound,
    kCrossed,  // the peer's rekey of the same SA, which we are answering, is to be answered first
    kOutbound
  };
  Task task;
  Step step = Step::kSent;
  Ticket ticket = 0;
  ChildNegotiation child;
  IkeRekey ike;
  SecretBytes ike_shared;  // kCrossed: g^ir of `ike`
  std::vector<ChildSaId> deleted;
  std::vector<std::uint32_t> peer_deleted;  // SPIs of Deletes that may have overtaken a response
};

// The exchange that the peer began and whose response is not sent yet.
struct PeerExchange {
  enum class Step : std::uint8_t { kSpi, kKeyExchange, kInbound };
  Step step = Step::kSpi;
  Ticket ticket = 0;
  std::uint32_t message_id = 0;
  Bytes peer_public, own_public;
  bool is_ike_rekey = false;
  ChildNegotiation child;
  IkeRekey ike;
};

// A crossing of two rekeys of one SA (section 2.8.1): what the peer's exchange made while ours was
// under way.
struct Crossing {
  ChildSaId old_child = 0;  // 0: the IKE SA itself
  ChildSaId peer_child = 0;
  IkeSaId peer_ike_sa = 0;
  Bytes lowest_nonce;  // of the peer's exchange
};

struct IkeSa {
  IkeSaId id = 0;
  ConnectionId connection_id = 0;
  std::shared_ptr<const Connection>
      connection;  // null on a responder until the identities settle it
  IkeSaState state = IkeSaState::kConnecting;
  bool initiator = false;  // the original initiator of this IKE SA (section 2.2)
  bool counted_half_open = false;
  std::uint64_t spi_i = 0, spi_r = 0;
  Endpoint local, remote;
  bool encapsulated = false;
  bool nat_local = false, nat_remote = false;
  bool peer_fragments = false;
  bool ppk_used = false;
  bool failed = false;  // refused or deleted: only repeats its last words
  Reason delete_reason = Reason::kNone;
  std::pair<Endpoint, std::uint64_t> half_open_key;

  crypto::IkeSuite suite;
  crypto::IkeKeys keys;
  std::uint64_t seal_counter = 0;  // the explicit IV of what we send
  // Of the handshake that it goes back to over all rekeys, and whether we began that: of two IKE
  // SAs the one with the lower goes.
  Bytes first_nonce;
  bool began = false;

  std::uint32_t next_request_id = 0;  // of ours
  std::uint32_t peer_request_id = 0;  // that we expect next
  std::unique_ptr<Outstanding> outstanding;
  std::uint64_t last_request_hash = 0, pending_request_hash = 0;
  std::vector<Bytes> last_response;
  // Where the last request came from, if not from `remote`: its response goes there
  // (section 2.11). Without data.
  std::unique_ptr<Datagram> reply_path;
  std::unique_ptr<wire::Reassembly> reassembly_request, reassembly_response;

  std::unique_ptr<Handshake> handshake;
  std::unique_ptr<OwnExchange> own;
  std::unique_ptr<PeerExchange> peer;
  std::unique_ptr<Crossing> crossing;
  std::vector<Task>
      tasks;  // in the order they are begun; mostly none, and a deque keeps half a kB for none
  std::vector<std::unique_ptr<ChildSa>> children;

  wire::Identification peer_id;
  TimePoint created{};
  TimePoint established{};
  TimePoint rekey_at = kNever;
  TimePoint remove_at = kNever;  // when a replaced or deleted one goes, whatever the peer does
  TimePoint last_heard{};
  TimePoint liveness_at = kNever;
  TimePoint keepalive_at = kNever;  // only behind a NAT
  Ticket usage_ticket = 0;
  std::size_t usage_answers = 0;
  std::uint64_t usage_sum = 0, usage_seen = 0;
  IkeSaId replaced_by = 0;
  std::uint32_t retransmits = 0;

  [[nodiscard]] std::uint64_t own_spi() const { return initiator ? spi_i : spi_r; }
  [[nodiscard]] bool alive() const { return state == IkeSaState::kEstablished; }
  [[nodiscard]] ChildSa* find_child(ChildSaId child) {
    for (const auto& candidate : children) {
      if (candidate->info.id == child) return candidate.get();
    }
    return nullptr;
  }
};

}  // namespace espalier::ike
