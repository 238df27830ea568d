#include "nodeagent/dataplane/xfrm/probe.h"

#include <array>
#include <string>
#include <vector>

#include "nodeagent/dataplane/ownership.h"
#include "nodeagent/dataplane/xfrm/errno_text.h"

namespace espalier::dataplane::xfrm {

namespace {

// Addresses nobody has (RFC 5737, RFC 3849).
IpAddress nobody(IpFamily family, std::uint8_t host) {
  if (family == IpFamily::kV4) return IpAddress::v4(0xc0000200U | host);
  std::array<std::uint8_t, 16> bytes{0x20, 0x01, 0x0d, 0xb8};
  bytes.back() = host;
  return IpAddress::from_bytes(bytes).value_or(IpAddress::any(family));
}

constexpr std::uint32_t kProbeSpi = 0x45535001;

Sa probe_sa(IpFamily family, const EspAlgorithm& algorithm) {
  Sa sa;
  sa.source = nobody(family, 1);
  sa.destination = nobody(family, 2);
  sa.spi = kProbeSpi;
  sa.reqid = kReqidFirst;
  sa.direction = Direction::kIn;
  sa.algorithm = algorithm;
  sa.esn = false;
  sa.replay_window = 32;
  return sa;
}

std::vector<EspAlgorithm> all_algorithms() {
  std::vector<EspAlgorithm> all;
  for (const auto bits : std::array<std::uint16_t, 3>{256, 192, 128}) {
    all.push_back({EspCipher::kAesGcm16, bits, EspIntegrity::kNone});
    for (const auto integrity : {EspIntegrity::kHmacSha256_128, EspIntegrity::kHmacSha384_192,
                                 EspIntegrity::kHmacSha512_256}) {
      all.push_back({EspCipher::kAesCbc, bits, integrity});
    }
  }
  all.push_back({EspCipher::kChaCha20Poly1305, 256, EspIntegrity::kNone});
  return all;
}

// For each SA whether the kernel takes it, and in its own words why not.
std::vector<Result<Answer>> try_each(Exchange& exchange, KernelFeatures features,
                                     std::span<const Sa> sas) {
  std::vector<Message> messages;
  for (const auto& sa : sas) {
    // Keys that nobody needs to guess: the SA is gone before this call returns.
    const EspKeys keys{SecretBytes(sa.algorithm.encryption_key_size()),
                       SecretBytes(sa.algorithm.integrity_key_size())};
    auto add = encode(AddSa{sa, keys.copy()}, features);
    auto remove = encode(DeleteSa{id_of(sa)});
    if (!add || !remove) continue;  // ours are all well-formed
    messages.push_back(std::move(*add));
    messages.push_back(std::move(*remove));
  }
  auto answers = exchange.run(messages, [](std::size_t, const RawMessage&) {});
  std::vector<Result<Answer>> adds;
  for (std::size_t i = 0; i < answers.size(); i += 2) adds.push_back(std::move(answers[i]));
  return adds;
}

bool taken(const Result<Answer>& answer) {
  return answer && answer->error == 0;
}

std::string words_of(const Result<Answer>& answer) {
  if (!answer) return answer.error().detail;
  return errno_text(answer->error) + (answer->text.empty() ? "" : ": " + answer->text);
}

}  // namespace

Result<KernelFeatures> probe_features(Exchange& exchange) {
  SpiRequest request;
  request.source = nobody(IpFamily::kV4, 1);
  request.destination = nobody(IpFamily::kV4, 2);
  request.reqid = kReqidFirst;
  auto reserve = encode(request, KernelFeatures{true});
  if (!reserve) return forward(reserve);
  std::vector<Message> messages;
  messages.push_back(std::move(*reserve));
  KernelFeatures features;
  SaId reserved;
  auto answers = exchange.run(messages, [&](std::size_t, const RawMessage& message) {
    features.sa_direction = shows_sa_direction(message);
    if (const auto state = decode_sa(message)) reserved = id_of(state->sa);
  });
  if (!answers.front()) return forward(answers.front());
  if (!taken(answers.front())) {
    return fail(code_of(answers.front()->error), "XFRM", words_of(answers.front()));
  }
  auto release = encode(DeleteSa{reserved});
  if (!release) return forward(release);
  messages.clear();
  messages.push_back(std::move(*release));
  const auto released = exchange.run(messages, [](std::size_t, const RawMessage&) {});
  if (!taken(released.front())) {
    return fail(Code::kKernel, "XFRM: " + reserved.to_string(), words_of(released.front()));
  }
  return features;
}

Capabilities probe_capabilities(Exchange& exchange, KernelFeatures features) {
  const auto algorithms = all_algorithms();
  std::vector<Sa> sas;
  for (const auto& algorithm : algorithms) sas.push_back(probe_sa(IpFamily::kV4, algorithm));
  const EspAlgorithm usual;
  const std::size_t v6 = sas.size();
  sas.push_back(probe_sa(IpFamily::kV6, usual));
  const std::size_t esn = sas.size();
  sas.push_back(probe_sa(IpFamily::kV4, usual));
  sas.back().esn = true;
  sas.back().replay_window = kReplayWindowMax;
  const std::size_t udp = sas.size();
  sas.push_back(probe_sa(IpFamily::kV4, usual));
  sas.back().encapsulation = Encapsulation{};
  const std::size_t tcp = sas.size();
  sas.push_back(probe_sa(IpFamily::kV4, usual));
  sas.back().encapsulation = Encapsulation{Encapsulation::Kind::kTcp};

  const auto answers = try_each(exchange, features, sas);
  Capabilities capabilities;
  capabilities.sa_direction = features.sa_direction;
  if (answers.size() != sas.size()) return capabilities;
  for (std::size_t i = 0; i < algorithms.size(); ++i) {
    if (taken(answers[i])) capabilities.algorithms.push_back(algorithms[i]);
  }
  capabilities.esp = !capabilities.algorithms.empty();
  capabilities.esp_ipv6 = taken(answers[v6]);
  if (!capabilities.esp) {
    capabilities.reason = "ESP over IPv4: " + words_of(answers.front());
  } else if (!capabilities.esp_ipv6) {
    capabilities.reason = "ESP over IPv6: " + words_of(answers[v6]);
  }
  capabilities.esn = taken(answers[esn]);
  capabilities.esp_in_udp = taken(answers[udp]);
  capabilities.esp_in_tcp = taken(answers[tcp]);
  return capabilities;
}

}  // namespace espalier::dataplane::xfrm
