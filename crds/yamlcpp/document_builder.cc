#include "crds/yamlcpp/document_builder.h"

#include <utility>

#include <fmt/format.h>

#include "crds/types/words.h"
#include "crds/yamlcpp/plain_scalar.h"
#include "crds/yamlcpp/yaml_documents.h"

namespace espalier::crds {

namespace {

Position position(const YAML::Mark& mark) {
  return {mark.line + 1, mark.column + 1};
}

std::string escaped(const std::string& key) {
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

std::size_t size_of(const Json& json) {
  std::size_t size = 1;
  if (json.is_structured()) {
    for (const Json& child : json) size += size_of(child);
  }
  return size;
}

// "!" and "?" are yaml-cpp's own: a scalar in quotes, and anything without a tag.
bool is_plain_tag(const std::string& tag) {
  return tag.empty() || tag == "?" || tag == "!";
}

}  // namespace

void DocumentBuilder::OnDocumentStart(const YAML::Mark& mark) {
  document_ = Document{};
  document_.origin = {file_, position(mark)};
  open_.clear();
  anchors_.clear();
}

void DocumentBuilder::OnDocumentEnd() {
  for (auto& [anchor, value] : anchors_) wipe(value);
  if (!document_.json.is_null()) take_(std::move(document_));
  document_ = Document{};
}

void DocumentBuilder::OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) {
  refuse_as_key(position(mark), "nothing (null)");
  take_value(position(mark), nullptr, anchor);
}

void DocumentBuilder::OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) {
  refuse_as_key(position(mark), "an alias");
  const auto named = anchors_.find(anchor);
  if (named == anchors_.end()) throw Stop{position(mark), "an alias inside of what it stands for"};
  count(position(mark), size_of(named->second));
  take_value(position(mark), named->second, 0);
}

void DocumentBuilder::OnScalar(const YAML::Mark& mark, const std::string& tag,
                               YAML::anchor_t anchor, const std::string& value) {
  const bool text = tag == "!" || tag == "tag:yaml.org,2002:str";
  if (!text && !is_plain_tag(tag)) {
    throw Stop{position(mark),
               fmt::format("tag {} is not supported; allowed: !!str", in_quotes(tag))};
  }
  if (is_key()) {
    if (anchor != 0) throw Stop{position(mark), "an anchor at a key is not supported"};
    return take_key(position(mark), value);
  }
  take_value(position(mark), text ? Json(value) : plain_scalar(value), anchor);
}

void DocumentBuilder::OnSequenceStart(const YAML::Mark& mark, const std::string& tag,
                                      YAML::anchor_t anchor, YAML::EmitterStyle::value) {
  refuse_as_key(position(mark), "a list");
  open(mark, tag == "tag:yaml.org,2002:seq" ? "" : tag, anchor, Json::array());
}

void DocumentBuilder::OnSequenceEnd() {
  close();
}

void DocumentBuilder::OnMapStart(const YAML::Mark& mark, const std::string& tag,
                                 YAML::anchor_t anchor, YAML::EmitterStyle::value) {
  refuse_as_key(position(mark), "a map");
  open(mark, tag == "tag:yaml.org,2002:map" ? "" : tag, anchor, Json::object());
}

void DocumentBuilder::OnMapEnd() {
  close();
}

void DocumentBuilder::refuse_as_key(Position at, const char* what) const {
  if (is_key()) throw Stop{at, fmt::format("{} cannot be the key of a map; allowed: text", what)};
}

bool DocumentBuilder::is_key() const {
  return !open_.empty() && open_.back().value.is_object() && !open_.back().key;
}

std::string DocumentBuilder::next_pointer() const {
  if (open_.empty()) return {};
  const Open& parent = open_.back();
  if (parent.key) return parent.pointer + "/" + escaped(*parent.key);
  return fmt::format("{}/{}", parent.pointer, parent.value.size());
}

void DocumentBuilder::count(Position at, std::size_t more) {
  nodes_ += more;
  if (nodes_ > kMaxNodes) {
    throw Stop{at, fmt::format("the file has more than {} values, aliases counted", kMaxNodes)};
  }
}

void DocumentBuilder::open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                           Json empty) {
  const Position at = position(mark);
  if (!is_plain_tag(tag)) throw Stop{at, fmt::format("tag {} is not supported", in_quotes(tag))};
  if (open_.size() >= kMaxDepth) {
    throw Stop{at, fmt::format("more than {} lists and maps inside each other", kMaxDepth)};
  }
  if (open_.empty()) document_.origin.at = at;
  count(at, 1);
  std::string pointer = next_pointer();
  document_.values.emplace(pointer, at);
  open_.push_back({std::move(empty), at, std::move(pointer), anchor, std::nullopt});
}

void DocumentBuilder::close() {
  Open done = std::move(open_.back());
  open_.pop_back();
  if (done.anchor != 0) anchors_[done.anchor] = done.value;
  if (open_.empty()) {
    document_.json = std::move(done.value);
    return;
  }
  Open& parent = open_.back();
  if (parent.value.is_array()) {
    parent.value.push_back(std::move(done.value));
  } else {
    parent.value.emplace(std::move(*parent.key), std::move(done.value));
    parent.key.reset();
  }
}

void DocumentBuilder::take_key(Position at, const std::string& key) {
  Open& map = open_.back();
  count(at, 1);
  if (key == "<<") throw Stop{at, "merge keys (<<) are not supported"};
  if (map.value.contains(key)) {
    const auto before = document_.keys.find(map.pointer + "/" + escaped(key));
    if (problems_.size() < kMaxProblems) {
      problems_.push_back(
          {ProblemKind::kInvalid,
           {file_, at},
           {},
           {},
           fmt::format("key {} is given twice in one map (first in line {})", in_quotes(key),
                       before != document_.keys.end() ? before->second.line : 0)});
    }
  } else {
    document_.keys.emplace(map.pointer + "/" + escaped(key), at);
  }
  map.key = key;
}

void DocumentBuilder::take_value(Position at, Json value, YAML::anchor_t anchor) {
  count(at, 1);
  document_.values.emplace(next_pointer(), at);
  if (anchor != 0) anchors_[anchor] = value;
  if (open_.empty()) {
    document_.origin.at = at;
    document_.json = std::move(value);
    return;
  }
  Open& parent = open_.back();
  if (parent.value.is_array()) {
    parent.value.push_back(std::move(value));
  } else {
    parent.value.emplace(std::move(*parent.key), std::move(value));
    parent.key.reset();
  }
}

}  // namespace espalier::crds
