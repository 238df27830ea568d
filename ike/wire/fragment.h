// IKE fragmentation (RFC 7383): plaintexts of one message cut apart and put together. Encryption is
// the engine's: a fragment is encrypted and authenticated on its own.
//
// Guarantees: a Reassembly holds at most kMaxFragments fragments and kMaxMessage octets, whatever
// comes; what breaks section 2.6 is ignored and changes nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "ike/wire/constants.h"
#include "ike/wire/limits.h"

namespace espalier::ike::wire {

// One message's fragments. Make one per message id, drop it when it is complete.
class Reassembly {
 public:
  enum class Outcome : std::uint8_t {
    kStored,     // new; more are missing
    kComplete,   // the last one that was missing: take first() and plaintext()
    kDuplicate,  // seen already
    kStale,      // of an earlier split into fewer fragments (the sender has cut smaller since)
    kInvalid,    // numbers out of range, a first payload type where none belongs, or too much
  };

  // What add() would say of a fragment with these numbers before it is decrypted: kStored,
  // kDuplicate, kStale or kInvalid. A fragment that is not kStored is not worth decrypting (RFC
  // 7383 section 2.6).
  [[nodiscard]] Outcome check(std::uint16_t number, std::uint16_t total) const;

  // Adds an authenticated, decrypted and unpadded fragment. A higher `total` than before starts
  // over: the sender has cut smaller (RFC 7383 section 2.6).
  Outcome add(std::uint16_t number, std::uint16_t total, PayloadType first, ByteView plaintext);

  [[nodiscard]] bool complete() const { return total_ != 0 && received_ == total_; }
  [[nodiscard]] std::uint16_t total() const { return total_; }        // 0 before the first
  [[nodiscard]] std::uint16_t received() const { return received_; }  // so far
  // Of the whole message. Meaningful when complete.
  [[nodiscard]] PayloadType first() const { return first_; }
  [[nodiscard]] Bytes plaintext() const;

 private:
  struct Slot {
    bool filled = false;
    Bytes bytes;
  };
  std::vector<Slot> slots_;
  std::uint16_t total_ = 0;
  std::uint16_t received_ = 0;
  std::size_t octets_ = 0;
  PayloadType first_ = PayloadType::kNone;
};

struct Fragment {
  std::uint16_t number = 1;  // 1-based
  std::uint16_t total = 1;
  PayloadType first = PayloadType::kNone;  // kNone in all but number 1
  ByteView plaintext;                      // lies in what split() was given; not padded yet
};

// Cuts a plaintext (without padding) into fragments of at most `max_fragment_plaintext` octets.
// Fails when that is 0 or when it would take more than kMaxFragments.
[[nodiscard]] Result<std::vector<Fragment>> split(ByteView plaintext, PayloadType first,
                                                  std::size_t max_fragment_plaintext);

}  // namespace espalier::ike::wire
