// Result<T>: a value or an Error. The only failure road of the project; the idiom is early return:
//
//   auto message = decode(bytes);
//   if (!message) return forward(message);
#pragma once

#include <string>
#include <utility>

#include <tl/expected.hpp>

#include "base/error.h"

namespace espalier {

template <typename T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

[[nodiscard]] inline tl::unexpected<Error> fail(Code code, std::string where,
                                                std::string detail = {}) {
  return tl::unexpected<Error>(Error{code, std::move(where), std::move(detail)});
}

// Passes a failed result's error on as another result type.
template <typename T>
[[nodiscard]] tl::unexpected<Error> forward(Result<T>& failed) {
  return tl::unexpected<Error>(std::move(failed.error()));
}
template <typename T>
[[nodiscard]] tl::unexpected<Error> forward(Result<T>&& failed) {
  return tl::unexpected<Error>(std::move(failed.error()));
}

// Passes the error on with an outer place put before its own: "TSi" + "selector[1]" ->
// "TSi.selector[1]".
template <typename T>
[[nodiscard]] tl::unexpected<Error> within(const std::string& outer, Result<T>& failed) {
  Error error = std::move(failed.error());
  error.where = error.where.empty() ? outer : outer + "." + error.where;
  return tl::unexpected<Error>(std::move(error));
}

}  // namespace espalier
