// Reads the YAML (or JSON) documents of one file, with the line and column of every key and value.
//
// Guarantees: never throws, whatever the bytes; time and memory are bounded by the limits below.
// Stricter than YAML: UTF-8 without control characters, no key twice in a map, no merge keys, no
// tags but !!str, !!map and !!seq; aliases count as often as they are used. Plain scalars mean what
// kubectl takes them for, YAML 1.1's yes, no, on and off included, so that a value which the API
// server would refuse is refused here too.
// Caveat: yaml-cpp keeps copies of what it reads in memory of its own, which it frees without
// wiping.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "crds/types/document.h"
#include "crds/types/problem.h"

namespace espalier::crds {

inline constexpr std::size_t kMaxFileSize = std::size_t{1} << 20U;
inline constexpr std::size_t kMaxDocuments = 10'000;  // in one file
inline constexpr std::size_t kMaxNodes = 200'000;     // scalars, lists and maps in one file
inline constexpr std::size_t kMaxDepth = 32;          // lists and maps inside each other

// Hands over each document, but the empty ones, as soon as it was read, so that a large file never
// stands in memory whole; those before a syntax error were handed over. `file` is for messages
// only.
[[nodiscard]] Problems read_documents(std::string_view text, const std::string& file,
                                      const std::function<void(Document)>& take);

}  // namespace espalier::crds
