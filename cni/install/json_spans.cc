#include "cni/install/json_spans.h"

#include <algorithm>

namespace espalier::cni {
namespace {

constexpr std::string_view kWhiteSpace = " \t\r\n";  // RFC 8259 section 2

std::size_t skip_space(std::string_view text, std::size_t at) {
  return std::min(text.find_first_not_of(kWhiteSpace, at), text.size());
}

// `at` is its opening quote; behind its closing one.
std::size_t end_of_string(std::string_view text, std::size_t at) {
  for (++at; at < text.size() && text[at] != '"'; ++at) {
    if (text[at] == '\\') ++at;
  }
  return std::min(at + 1, text.size());
}

std::size_t end_of_value(std::string_view text, std::size_t at) {
  std::size_t depth = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '"') {
      at = end_of_string(text, at);
      if (depth == 0) return at;
      continue;
    }
    const bool closes = c == '}' || c == ']';
    if (depth == 0 && (closes || c == ',' || kWhiteSpace.find(c) != std::string_view::npos))
      return at;
    if (c == '{' || c == '[') ++depth;
    ++at;
    if (closes && --depth == 0) return at;
  }
  return text.size();
}

// Behind the comma that comes next; the text's end when the list ends instead.
std::size_t behind_comma(std::string_view text, std::size_t at) {
  at = skip_space(text, at);
  return at < text.size() && text[at] == ',' ? skip_space(text, at + 1) : text.size();
}

bool is_at(std::string_view text, std::size_t at, char c) {
  return at < text.size() && text[at] == c;
}

}  // namespace

std::vector<MemberSpan> members_of(std::string_view text, std::size_t at) {
  std::vector<MemberSpan> members;
  at = skip_space(text, at);
  if (!is_at(text, at, '{')) return members;
  at = skip_space(text, at + 1);
  while (is_at(text, at, '"')) {
    MemberSpan member;
    const std::size_t behind_key = end_of_string(text, at);
    member.key = {at + 1, std::max(at + 1, behind_key - 1)};
    at = skip_space(text, behind_key);
    if (!is_at(text, at, ':')) return members;
    member.value.begin = skip_space(text, at + 1);
    member.value.end = end_of_value(text, member.value.begin);
    members.push_back(member);
    at = behind_comma(text, member.value.end);
  }
  return members;
}

std::vector<Span> elements_of(std::string_view text, std::size_t at) {
  std::vector<Span> elements;
  at = skip_space(text, at);
  if (!is_at(text, at, '[')) return elements;
  at = skip_space(text, at + 1);
  while (at < text.size() && text[at] != ']') {
    const Span element{at, end_of_value(text, at)};
    if (element.end == element.begin) return elements;
    elements.push_back(element);
    at = behind_comma(text, element.end);
  }
  return elements;
}

}  // namespace espalier::cni
