#include "operator/plan/outline.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include <fmt/format.h>

namespace espalier::plan {

namespace {

void append_quoted(std::string& to, std::string_view text) {
  to += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      to += '\\';
      to += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      to += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      to += c;
    }
  }
  to += '"';
}

// Text that YAML reads back as the same text without quotes: a word that is no number and no flag.
bool is_bare(std::string_view text) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  constexpr std::string_view kInside =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./@";
  // YAML 1.1 reads these as flags or as nothing, in any case.
  constexpr std::array<std::string_view, 9> kReserved = {"y",   "n",    "yes",   "no",  "on",
                                                         "off", "true", "false", "null"};
  if (text.empty() || kLetters.find(text.front()) == std::string_view::npos ||
      text.find_first_not_of(kInside) != std::string_view::npos) {
    return false;
  }
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return std::find(kReserved.begin(), kReserved.end(), lower) == kReserved.end();
}

std::string scalar(const Outline& outline) {
  if (outline.kind == Outline::Kind::kPlain || is_bare(outline.text)) return outline.text;
  std::string text;
  append_quoted(text, outline.text);
  return text;
}

bool is_scalar(const Outline& outline) {
  return outline.kind == Outline::Kind::kText || outline.kind == Outline::Kind::kPlain;
}

bool is_flat_list(const Outline& outline) {
  if (outline.kind != Outline::Kind::kList) return false;
  for (const auto& [name, child] : outline.children) {
    if (!is_scalar(child)) return false;
  }
  return true;
}

std::string flat_list(const Outline& outline) {
  std::string text = "[";
  for (std::size_t i = 0; i < outline.children.size(); ++i) {
    if (i > 0) text += ", ";
    text += scalar(outline.children[i].value);
  }
  return text + "]";
}

void write_yaml(const Outline& outline, std::size_t depth, bool in_list, std::string& to) {
  bool first = in_list;
  for (const auto& [name, child] : outline.children) {
    // The first entry of a map in a list stands behind the list's "- ".
    if (!first) to.append(depth * 2, ' ');
    first = false;
    const bool is_list = outline.kind == Outline::Kind::kList;
    to += is_list ? "- " : name + ":";
    if (is_scalar(child) || is_flat_list(child)) {
      to += is_list ? "" : " ";
      to += is_scalar(child) ? scalar(child) : flat_list(child);
      to += '\n';
    } else if (child.children.empty()) {
      to += is_list ? "{}\n" : " {}\n";
    } else {
      if (!is_list) to += '\n';
      write_yaml(child, depth + 1, is_list, to);
    }
  }
}

void write_json(const Outline& outline, std::string& to) {
  switch (outline.kind) {
    case Outline::Kind::kText:
      return append_quoted(to, outline.text);
    case Outline::Kind::kPlain:
      to += outline.text;
      return;
    case Outline::Kind::kList:
    case Outline::Kind::kMap:
      break;
  }
  const bool is_map = outline.kind == Outline::Kind::kMap;
  to += is_map ? '{' : '[';
  bool first = true;
  for (const auto& [name, child] : outline.children) {
    if (!first) to += ',';
    first = false;
    if (is_map) {
      append_quoted(to, name);
      to += ':';
    }
    write_json(child, to);
  }
  to += is_map ? '}' : ']';
}

// FNV-1a, 64 bits.
std::uint64_t fnv1a(std::string_view text, std::uint64_t hash) {
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3ULL;
  }
  return hash;
}

// Spreads the high bits over all (the finalizer of SplitMix64).
std::uint64_t spread(std::uint64_t x) {
  x ^= x >> 30U;
  x *= 0xbf58476d1ce4e5b9ULL;
  x ^= x >> 27U;
  x *= 0x94d049bb133111ebULL;
  return x ^ (x >> 31U);
}

Fingerprint fingerprint(std::string_view text) {
  const std::uint64_t first = fnv1a(text, 0xcbf29ce484222325ULL);
  const std::uint64_t second = fnv1a(text, spread(first));  // from another starting point
  return {spread(first), spread(second)};
}

}  // namespace

Outline& Outline::put(std::string name, Outline value) {
  children.push_back({std::move(name), std::move(value)});
  return *this;
}

std::string to_yaml(const Outline& outline) {
  std::string text;
  write_yaml(outline, 0, false, text);
  return text;
}

std::string to_json(const Outline& outline) {
  std::string text;
  write_json(outline, text);
  return text;
}

std::string hash_of(std::string_view text) {
  const Fingerprint whole = fingerprint(text);
  return fmt::format("{:016x}{:016x}", whole.first, whole.second);
}

Fingerprint fingerprint_of(const ConnectionPlan& connection) {
  return fingerprint(to_json(outline_of(connection)));
}

std::string hash_of(const NodePlan& plan) {
  std::vector<Fingerprint> connections;
  connections.reserve(plan.connections.size());
  for (const ConnectionPlan& connection : plan.connections) {
    connections.push_back(fingerprint_of(connection));
  }
  return hash_of(plan, connections);
}

std::string hash_of(const NodePlan& plan, const std::vector<Fingerprint>& connections) {
  Outline outline = rest_outline(plan);
  std::erase_if(outline.children, [](const auto& child) { return child.name == "hash"; });
  std::string text = to_json(outline);
  for (const Fingerprint& connection : connections) {
    for (const std::uint64_t half : {connection.first, connection.second}) {
      for (int shift = 0; shift < 64; shift += 8) {
        text += static_cast<char>(half >> static_cast<unsigned>(shift) & 0xffU);
      }
    }
  }
  return hash_of(text);
}

}  // namespace espalier::plan
