// The kernel's XFRM interface by number: <linux/xfrm.h>, and what newer kernels add to it.
//
// Assumption: the numbers are the kernel's promise (include/uapi/linux/xfrm.h of Linux 6.12); a
// kernel that does not know an attribute skips it, so its answer must be looked at.
#pragma once

#include <cstdint>

#include <linux/netlink.h>
#include <linux/xfrm.h>

namespace espalier::dataplane::xfrm {

// Attributes that <linux/xfrm.h> of Debian 12 (6.1) does not have yet.
inline constexpr int kAttributeSaDirection = 33;  // XFRMA_SA_DIR, u8, Linux 6.10
inline constexpr int kAttributeMax = 63;          // more than any kernel has

inline constexpr std::uint8_t kSaDirectionIn = 1;   // XFRM_SA_DIR_IN
inline constexpr std::uint8_t kSaDirectionOut = 2;  // XFRM_SA_DIR_OUT

inline constexpr std::uint16_t kEncapUdp = 2;  // UDP_ENCAP_ESPINUDP
inline constexpr std::uint16_t kEncapTcp = 7;  // TCP_ENCAP_ESPINTCP

inline constexpr std::uint8_t kOffloadInbound = 2;  // XFRM_OFFLOAD_INBOUND
inline constexpr std::uint8_t kOffloadPacket = 4;   // XFRM_OFFLOAD_PACKET, Linux 6.2

// The fixed parts of structures that end in an array of unknown length, which C++ cannot hold by
// value: xfrm_algo, xfrm_algo_auth, xfrm_algo_aead (the key follows), xfrm_replay_state_esn (the
// bitmap follows).
struct AlgorithmHead {
  char alg_name[64];
  std::uint32_t alg_key_len;  // bits
};
struct IntegrityHead {
  char alg_name[64];
  std::uint32_t alg_key_len;    // bits
  std::uint32_t alg_trunc_len;  // bits
};
struct AeadHead {
  char alg_name[64];
  std::uint32_t alg_key_len;  // bits
  std::uint32_t alg_icv_len;  // bits
};
struct ReplayHead {
  std::uint32_t bmp_len;  // words of 32 bits
  std::uint32_t oseq;
  std::uint32_t seq;
  std::uint32_t oseq_hi;
  std::uint32_t seq_hi;
  std::uint32_t replay_window;
};
static_assert(sizeof(AlgorithmHead) == sizeof(xfrm_algo));
static_assert(sizeof(IntegrityHead) == sizeof(xfrm_algo_auth));
static_assert(sizeof(AeadHead) == sizeof(xfrm_algo_aead));
static_assert(sizeof(ReplayHead) == sizeof(xfrm_replay_state_esn));

inline constexpr std::uint64_t kNoLimit = ~std::uint64_t{0};  // XFRM_INF

}  // namespace espalier::dataplane::xfrm
