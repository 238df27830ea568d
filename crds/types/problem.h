// Problem: one thing wrong with a manifest, in words for the person who wrote it.
//
// Guarantees: names the file and line where they are known, the object, the field's path and what
// is allowed instead. Never holds a Secret's value.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace espalier::crds {

// 1-based; 0: not known (objects from the API server have no lines).
struct Position {
  int line = 0;
  int column = 0;

  friend auto operator<=>(const Position&, const Position&) = default;
};

struct Origin {
  std::string file;
  Position at;

  [[nodiscard]] std::string to_string() const;  // "cluster.yaml:12:3"; empty if not known
  friend auto operator<=>(const Origin&, const Origin&) = default;
};

enum class ProblemKind : std::uint8_t {
  kInvalid,  // breaks a rule
  kNotYet,   // right, but a feature that this release does not have
};

struct Problem {
  ProblemKind kind = ProblemKind::kInvalid;
  Origin origin;
  std::string object;  // "Tunnel edge/branch"; empty if the object has no name yet
  std::string field;   // "spec.ike.proposals[1]"; empty: the object or the file as a whole
  std::string detail;

  // "cluster.yaml:17:20: IPsecPolicy cluster: spec.priority: 1001 is out of range; allowed: 0 to
  // 1000"
  [[nodiscard]] std::string to_string() const;
  friend bool operator==(const Problem&, const Problem&) = default;
};

using Problems = std::vector<Problem>;

// How many are kept of one document.
inline constexpr std::size_t kMaxProblems = 100;

// By file, line and column; those without a place keep their order, before the others.
void sort_by_place(Problems& problems);

}  // namespace espalier::crds
