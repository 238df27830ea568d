#include "nodeagent/tunnel/sa_steps.h"

#include <algorithm>

namespace espalier::tunnel {

namespace {

namespace crypto = ike::crypto;

// Bytes under one key: with blocks of 16 octets 2^42 bytes are 2^38 blocks, at which an attacker's
// advantage against AES in GCM or CBC (about blocks^2 / 2^128) is 2^-52; at the hard limit 2^-44.
constexpr std::uint64_t kSoftBytes = std::uint64_t{1} << 42U;
constexpr std::uint64_t kHardBytes = std::uint64_t{1} << 46U;
// RFC 4303 section 3.3.3: sequence numbers must not cycle. 32 bits without ESN.
constexpr std::uint64_t kSoftPackets32 = std::uint64_t{1} << 30U;
constexpr std::uint64_t kHardPackets32 = (std::uint64_t{1} << 32U) - (std::uint64_t{1} << 20U);
// With ESN the limit is the nonce of AES-GCM under one key (RFC 4106 section 3.1), far off.
constexpr std::uint64_t kHardPackets64 = std::uint64_t{1} << 48U;
// A dead agent's SAs go on at least this long.
constexpr Duration kHardTimeAbove = std::chrono::hours(24);

std::optional<dataplane::Encapsulation> encapsulation(const ike::ChildSaInfo& child, bool in) {
  if (!child.encapsulation) return std::nullopt;
  const auto [local, remote] = *child.encapsulation;
  dataplane::Encapsulation result;
  result.source_port = in ? remote : local;
  result.destination_port = in ? local : remote;
  return result;
}

bool other_family(const std::vector<ike::wire::TrafficSelector>& selectors, IpFamily outer) {
  return std::any_of(selectors.begin(), selectors.end(),
                     [&](const auto& selector) { return selector.family() != outer; });
}

Result<dataplane::Sa> either(const ike::ChildSaInfo& child, const SaSettings& settings, bool in) {
  auto algorithm = kernel_algorithm(child.suite);
  if (!algorithm) return forward(algorithm);
  dataplane::Sa sa;
  sa.source = in ? child.remote : child.local;
  sa.destination = in ? child.local : child.remote;
  sa.spi = in ? child.spi_in : child.spi_out;
  sa.reqid = settings.reqid;
  sa.mode =
      child.mode == ike::Mode::kTunnel ? dataplane::Mode::kTunnel : dataplane::Mode::kTransport;
  sa.direction = in ? dataplane::Direction::kIn : dataplane::Direction::kOut;
  sa.algorithm = *algorithm;
  sa.esn = child.esn;
  if (in) {
    sa.replay_window = std::min(settings.replay_window, dataplane::kReplayWindowMax);
    sa.mark_written = settings.mark_written;
  }
  sa.encapsulation = encapsulation(child, in);
  sa.lifetimes = lifetimes_of(settings.lifetime, child.esn, sa.spi);
  // A tunnel whose inner family is not the outer one's must be told (XFRM_STATE_AF_UNSPEC).
  sa.flags.any_inner_family = child.mode == ike::Mode::kTunnel &&
                              (other_family(child.local_selectors, child.local.family()) ||
                               other_family(child.remote_selectors, child.local.family()));
  return sa;
}

}  // namespace

Result<dataplane::EspAlgorithm> kernel_algorithm(const crypto::EspSuite& suite) {
  dataplane::EspAlgorithm result;
  switch (suite.encr.id) {
    case crypto::EncrId::kAesGcm16:
      result.cipher = dataplane::EspCipher::kAesGcm16;
      break;
    case crypto::EncrId::kAesCbc:
      result.cipher = dataplane::EspCipher::kAesCbc;
      break;
    case crypto::EncrId::kChaCha20Poly1305:
      result.cipher = dataplane::EspCipher::kChaCha20Poly1305;
      break;
  }
  result.key_bits = suite.encr.key_bits;
  switch (suite.integ) {
    case crypto::IntegId::kNone:
      result.integrity = dataplane::EspIntegrity::kNone;
      break;
    case crypto::IntegId::kHmacSha2_256_128:
      result.integrity = dataplane::EspIntegrity::kHmacSha256_128;
      break;
    case crypto::IntegId::kHmacSha2_384_192:
      result.integrity = dataplane::EspIntegrity::kHmacSha384_192;
      break;
    case crypto::IntegId::kHmacSha2_512_256:
      result.integrity = dataplane::EspIntegrity::kHmacSha512_256;
      break;
  }
  if (!result.valid()) {
    return fail(Code::kUnsupported, "ESP", crypto::to_string(suite) + " is not for the kernel");
  }
  return result;
}

crypto::EspSuite engine_suite(const dataplane::EspAlgorithm& algorithm) {
  crypto::EspSuite suite;
  suite.encr.key_bits = algorithm.key_bits;
  switch (algorithm.cipher) {
    case dataplane::EspCipher::kAesGcm16:
      suite.encr.id = crypto::EncrId::kAesGcm16;
      break;
    case dataplane::EspCipher::kAesCbc:
      suite.encr.id = crypto::EncrId::kAesCbc;
      break;
    case dataplane::EspCipher::kChaCha20Poly1305:
      suite.encr.id = crypto::EncrId::kChaCha20Poly1305;
      break;
  }
  switch (algorithm.integrity) {
    case dataplane::EspIntegrity::kNone:
      suite.integ = crypto::IntegId::kNone;
      break;
    case dataplane::EspIntegrity::kHmacSha256_128:
      suite.integ = crypto::IntegId::kHmacSha2_256_128;
      break;
    case dataplane::EspIntegrity::kHmacSha384_192:
      suite.integ = crypto::IntegId::kHmacSha2_384_192;
      break;
    case dataplane::EspIntegrity::kHmacSha512_256:
      suite.integ = crypto::IntegId::kHmacSha2_512_256;
      break;
  }
  return suite;
}

dataplane::EspKeys kernel_keys(crypto::EspKeys keys) {
  return {std::move(keys.encr), std::move(keys.integ)};
}

Result<dataplane::Sa> inbound_sa(const ike::ChildSaInfo& child, const SaSettings& settings,
                                 bool first_use) {
  auto sa = either(child, settings, true);
  if (sa && first_use) sa->lifetimes.soft.packets = 1;
  return sa;
}

Result<dataplane::Sa> outbound_sa(const ike::ChildSaInfo& child, const SaSettings& settings) {
  return either(child, settings, false);
}

dataplane::Lifetimes lifetimes_of(Duration soft_lifetime, bool esn, std::uint32_t spi) {
  dataplane::Lifetimes result;
  // Up to an eighth earlier or later, so that ends and directions do not ask at once.
  const std::uint64_t spread = spi % 1024;
  result.soft.bytes = kSoftBytes + kSoftBytes / 8192 * spread;
  result.hard.bytes = kHardBytes;
  if (esn) {
    result.hard.packets = kHardPackets64;
  } else {
    result.soft.packets = kSoftPackets32 + kSoftPackets32 / 8192 * spread;
    result.hard.packets = kHardPackets32;
  }
  if (soft_lifetime > Duration::zero()) {
    const Duration hard = std::max(soft_lifetime * 4, soft_lifetime + kHardTimeAbove);
    result.hard.seconds_since_add =
        static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(hard).count());
  }
  return result;
}

dataplane::SaId inbound_id(const ike::ChildSaInfo& child) {
  return {child.local, child.spi_in};
}
dataplane::SaId outbound_id(const ike::ChildSaInfo& child) {
  return {child.remote, child.spi_out};
}

}  // namespace espalier::tunnel
