// Where the parts of a JSON text stand, so that a text that others wrote is edited in one place and
// keeps every other octet.
//
// Assumptions: the text is valid JSON: who calls has had it parsed. On anything else what is
// returned is of no use, but within the text.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace espalier::cni {

// Octets [begin, end) of a text.
struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;

  [[nodiscard]] std::string_view of(std::string_view text) const {
    return text.substr(begin, end - begin);
  }
  friend bool operator==(const Span&, const Span&) = default;
};

struct MemberSpan {
  Span key;  // without its quotes, escapes as they are written
  Span value;

  friend bool operator==(const MemberSpan&, const MemberSpan&) = default;
};

// Of the object, and the array, that begins at `at` (after white space).
[[nodiscard]] std::vector<MemberSpan> members_of(std::string_view text, std::size_t at);
[[nodiscard]] std::vector<Span> elements_of(std::string_view text, std::size_t at);

}  // namespace espalier::cni
