#include "crds/types/cursor.h"

#include <utility>

#include <fmt/format.h>

#include "crds/types/words.h"

namespace espalier::crds {

namespace {

// RFC 6901 section 3.
std::string escaped(std::string_view key) {
  std::string text;
  for (const char c : key) {
    if (c == '~') {
      text += "~0";
    } else if (c == '/') {
      text += "~1";
    } else {
      text += c;
    }
  }
  return text;
}

std::string_view type_of(const Json& json) {
  switch (json.type()) {
    case Json::value_t::null:
      return "nothing (null)";
    case Json::value_t::object:
      return "a map";
    case Json::value_t::array:
      return "a list";
    case Json::value_t::string:
      return "a string";
    case Json::value_t::boolean:
      return "true or false (a boolean)";
    default:
      return "a number";
  }
}

std::string child_field(const std::string& parent, const std::string& key) {
  // Label keys and file names hold dots: in brackets a path stays readable.
  if (key.find_first_of("./ ") != std::string::npos) return fmt::format("{}[{}]", parent, key);
  return parent.empty() ? key : parent + "." + key;
}

}  // namespace

Cursor Cursor::at(const std::string& key) const {
  Cursor child = *this;
  child.json_ = &json_->at(key);
  child.field_ = child_field(field_, key);
  child.pointer_ += "/" + escaped(key);
  return child;
}

Cursor Cursor::at(std::size_t index) const {
  Cursor child = *this;
  child.json_ = &json_->at(index);
  child.field_ += fmt::format("[{}]", index);
  child.pointer_ += fmt::format("/{}", index);
  return child;
}

void Cursor::not_yet(std::string_view feature) const {
  report(ProblemKind::kNotYet, fmt::format("not yet: this release has no {}", feature));
}

void Cursor::unknown_key(const std::string& key, const std::vector<std::string>& known) const {
  Cursor child = *this;
  child.field_ = child_field(field_, key);
  std::string detail = "unknown field";
  if (const auto meant = closest(key, known)) detail += fmt::format(", did you mean `{}`?", *meant);
  const std::size_t before = problems();
  child.report(ProblemKind::kInvalid, fmt::format("{}; allowed: {}", detail, join(known)));
  const auto& keys = document().keys;
  const auto place = keys.find(pointer_ + "/" + escaped(key));
  if (problems() > before && place != keys.end()) {
    decoding_->problems.back().origin.at = place->second;
  }
}

void Cursor::wrong_type(std::string_view needed) const {
  const bool quotes_help =
      needed.substr(0, 8) == "a string" && json_->is_primitive() && !json_->is_null();
  invalid(fmt::format("{} is needed here, this is {}{}", needed, type_of(*json_),
                      quotes_help ? "; put it in quotes" : ""));
}

Origin Cursor::origin() const {
  const Document& document = *decoding_->document;
  std::string pointer = pointer_;
  while (true) {
    const auto place = document.values.find(pointer);
    if (place != document.values.end()) return {document.origin.file, place->second};
    const std::size_t slash = pointer.rfind('/');
    if (slash == std::string::npos) return document.origin;
    pointer.resize(slash);
  }
}

void Cursor::report(ProblemKind kind, std::string detail) const {
  if (decoding_->problems.size() >= kMaxProblems) return;
  decoding_->problems.push_back({kind, origin(), decoding_->object, field_, std::move(detail)});
}

}  // namespace espalier::crds
