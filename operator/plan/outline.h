// The plan as text: for people, for the hash, and for programs.
//
// Guarantees: every field of the plan is in it, in a fixed order; Secrets by name only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "operator/plan/node_plan.h"

namespace espalier::plan {

// An ordered tree of text: a scalar, a list (children without names) or a map.
struct Outline {
  struct Child;
  enum class Kind { kText, kPlain, kList, kMap };  // kPlain: a number or true or false
  Kind kind = Kind::kMap;
  std::string text;
  std::vector<Child> children;

  static Outline of(std::string text);
  static Outline plain(std::string text);
  static Outline list();

  Outline& put(std::string name, Outline value);
  Outline& add(Outline value);
};

struct Outline::Child {
  std::string name;  // empty in a list
  Outline value;
};

inline Outline Outline::of(std::string text) {
  return {Kind::kText, std::move(text), {}};
}
inline Outline Outline::plain(std::string text) {
  return {Kind::kPlain, std::move(text), {}};
}
inline Outline Outline::list() {
  return {Kind::kList, {}, {}};
}
inline Outline& Outline::add(Outline value) {
  return put({}, std::move(value));
}

[[nodiscard]] Outline outline_of(const NodePlan& plan);
[[nodiscard]] Outline outline_of(const ConnectionPlan& connection);
// Everything but the connections.
[[nodiscard]] Outline rest_outline(const NodePlan& plan);

// One YAML document, without "---". Lists of scalars stand in one line.
[[nodiscard]] std::string to_yaml(const Outline& outline);
// In one line.
[[nodiscard]] std::string to_json(const Outline& outline);

// 32 hexadecimal digits. Tells texts apart; proves nothing about who made one.
[[nodiscard]] std::string hash_of(std::string_view text);
// The same over everything in the plan but its hash.
[[nodiscard]] std::string hash_of(const NodePlan& plan);

// A connection's part in that hash, so that one who changes few of many need not read all again.
struct Fingerprint {
  std::uint64_t first = 0;
  std::uint64_t second = 0;
  friend bool operator==(const Fingerprint&, const Fingerprint&) = default;
};
[[nodiscard]] Fingerprint fingerprint_of(const ConnectionPlan& connection);
// The same hash. `connections` are the fingerprints of plan.connections, in their order.
[[nodiscard]] std::string hash_of(const NodePlan& plan,
                                  const std::vector<Fingerprint>& connections);

}  // namespace espalier::plan
