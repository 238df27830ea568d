// Error: the one failure value of the project.
//
// Guarantees: cheap to move; carries what failed, where (a field, object or step, in the reader's
// terms: "IKE_AUTH.TSi.selector[1].end_port", "cluster.yaml:12 spec.ike.lifetime") and a sentence.
// Caveat: `detail` is shown to people and logged; never put a secret in it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace espalier {

enum class Code : std::uint8_t {
  kInvalid,      // the input breaks its format or a rule
  kTruncated,    // the input ended too early
  kUnsupported,  // well-formed, but not something we do (yet)
  kNotFound,
  kExists,
  kDenied,       // authentication, permission or policy says no
  kUnavailable,  // try again later
  kCrypto,       // a cryptographic operation failed
  kKernel,       // the kernel refused; detail holds errno's name and the extended ack
  kIo,
  kInternal,
};

[[nodiscard]] constexpr std::string_view name_of(Code code) {
  switch (code) {
    case Code::kInvalid:
      return "invalid";
    case Code::kTruncated:
      return "truncated";
    case Code::kUnsupported:
      return "unsupported";
    case Code::kNotFound:
      return "not found";
    case Code::kExists:
      return "already exists";
    case Code::kDenied:
      return "denied";
    case Code::kUnavailable:
      return "unavailable";
    case Code::kCrypto:
      return "crypto failure";
    case Code::kKernel:
      return "kernel refused";
    case Code::kIo:
      return "I/O failure";
    case Code::kInternal:
      return "internal";
  }
  return "unknown";
}

struct Error {
  Code code = Code::kInternal;
  std::string where;
  std::string detail;

  [[nodiscard]] std::string to_string() const {
    std::string text;
    if (!where.empty()) text = where + ": ";
    return text + (detail.empty() ? std::string(name_of(code)) : detail);
  }
  friend bool operator==(const Error&, const Error&) = default;
};

}  // namespace espalier
