// Failure: an error as CNI knows it: a code of its own, and words (CNI SPEC 1.1.0, section 5,
// "Error").
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <tl/expected.hpp>

namespace espalier::cni {

enum class FailureCode : int {
  kIncompatibleVersion = 1,
  kUnsupportedField = 2,
  kBadEnvironment = 4,
  kIo = 5,
  kNotDecoded = 6,
  kBadConfig = 7,
  kTryAgainLater = 11,
  kUnavailable = 50,  // STATUS: ADD would fail
  // From 100 on: the plugin's own.
  kNotAsExpected = 100,  // CHECK: the pod's link is not as it was left
};

struct Failure {
  FailureCode code = FailureCode::kBadConfig;
  std::string message;  // short, naming the field or variable
  std::string details;  // what to do about it; may be empty

  friend bool operator==(const Failure&, const Failure&) = default;
};

template <typename T>
using Outcome = tl::expected<T, Failure>;

[[nodiscard]] inline tl::unexpected<Failure> refuse(FailureCode code, std::string message,
                                                    std::string details = {}) {
  return tl::unexpected<Failure>(Failure{code, std::move(message), std::move(details)});
}

// One JSON object. `cni_version`: as asked for, or the newest when that is not known.
[[nodiscard]] std::string encode(const Failure& failure, std::string_view cni_version);

}  // namespace espalier::cni
