// What a peer may make us hold, and why each number is what it is. Beyond one of them a message is
// malformed; nothing here depends on configuration.
#pragma once

#include <cstddef>

namespace espalier::ike::wire {

// RFC 7296 section 3.1 has 32 bits for the length, UDP has 16; TCP encapsulation (RFC 9329) has 16
// bits including its own two and the four of the non-ESP marker.
inline constexpr std::size_t kMaxMessage = 65535;

inline constexpr std::size_t kHeaderSize = 28;        // RFC 7296 section 3.1
inline constexpr std::size_t kGenericHeaderSize = 4;  // RFC 7296 section 3.2
inline constexpr std::size_t kSkfHeaderSize = 8;      // generic header and the two fragment numbers

// Payloads of one chain, clear or decrypted. IKE_SA_INIT and IKE_AUTH of the known implementations
// stay under 25, with a long certificate chain and vendor IDs; 4-byte payloads could make 16 000.
inline constexpr std::size_t kMaxPayloads = 64;
// Of these, notifies: RFC 7296 section 2.23 lets NAT_DETECTION_SOURCE_IP repeat per local address.
inline constexpr std::size_t kMaxNotifies = 40;

// Proposals are compared with our own one by one: the product is the work a stranger can ask for in
// IKE_SA_INIT. Configurations of other implementations that offer every combination stay under 40.
inline constexpr std::size_t kMaxProposals = 64;
// Transforms of one proposal: strongSwan's widest default offers about 50.
inline constexpr std::size_t kMaxTransforms = 128;
// Attributes of one transform: the registry knows one.
inline constexpr std::size_t kMaxAttributes = 8;

// Selectors of one TS payload (one octet on the wire): each pair of TSi and TSr is kernel policies.
inline constexpr std::size_t kMaxSelectors = 128;

// SPIs of one Delete: the Child SAs that one IKE SA may hold, with room.
inline constexpr std::size_t kMaxDeleteSpis = 1024;

inline constexpr std::size_t kMaxCpAttributes = 64;

// RFC 7296 section 3.9: a nonce is 16 to 256 octets.
inline constexpr std::size_t kMinNonce = 16;
inline constexpr std::size_t kMaxNonce = 256;

// RFC 7296 section 2.6: a cookie is 1 to 64 octets.
inline constexpr std::size_t kMaxCookie = 64;

// Fragments of one message (RFC 7383): 65535 octets in fragments that fit 1280-octet packets are
// 54 of them.
inline constexpr std::size_t kMaxFragments = 64;

}  // namespace espalier::ike::wire
