// SAs and policies that tests of the codec share.
#pragma once

#include "nodeagent/dataplane/kernel_ipsec.h"

namespace espalier::dataplane::xfrm {

inline IpAddress sample_address(const char* text) {
  return IpAddress::parse(text).value_or(IpAddress{});
}
inline Prefix sample_prefix(const char* text) {
  return Prefix::parse(text).value_or(Prefix{});
}

inline EspKeys sample_keys(const EspAlgorithm& algorithm) {
  EspKeys keys{SecretBytes(algorithm.encryption_key_size()),
               SecretBytes(algorithm.integrity_key_size())};
  std::uint8_t next = 1;
  for (auto& octet : keys.encryption.writable()) octet = next++;
  for (auto& octet : keys.integrity.writable()) octet = next++;
  return keys;
}

// An inbound SA with everything set that can stand together.
inline Sa sample_sa() {
  Sa sa;
  sa.source = sample_address("2001:db8::1");
  sa.destination = sample_address("2001:db8::2");
  sa.spi = 0xc0ffee01;
  sa.reqid = 0x45000007;
  sa.mode = Mode::kTunnel;
  sa.direction = Direction::kIn;
  sa.algorithm = {EspCipher::kAesCbc, 256, EspIntegrity::kHmacSha512_256};
  sa.esn = true;
  sa.replay_window = kReplayWindowMax;
  sa.encapsulation = Encapsulation{Encapsulation::Kind::kUdp, 4501, 4500};
  sa.lifetimes.soft = {1000, 77, 3600, 1800};
  sa.lifetimes.hard = {0, 4000000000000, 7200, 0};
  sa.selector = Selector{sample_prefix("10.1.0.0/16"), sample_prefix("10.2.3.4/32"), 6, 0, 443};
  sa.offload = Offload{3, Offload::Kind::kPacket};
  sa.mark_written = Mark{0xe00, 0x1f00};
  sa.flags.copy_dscp_in = true;
  sa.flags.no_ecn = true;
  return sa;
}

inline Policy sample_policy() {
  Policy policy;
  policy.selector = {sample_prefix("10.1.0.0/16"), sample_prefix("10.2.0.0/16"), 17, 500, 4500};
  policy.direction = Direction::kForward;
  policy.priority = 4711;
  policy.index = 0x4500000a;
  policy.transform = Template{sample_address("2001:db8::1"), sample_address("2001:db8::2"),
                              Mode::kTunnel, 0x45000007, Template::Level::kUse};
  policy.mark = Mark{0x10, 0xf0};
  return policy;
}

}  // namespace espalier::dataplane::xfrm
