#include "cni/install/conflist.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "cni/install/json_spans.h"
#include "rpc/pods/bounded_json.h"

namespace espalier::cni {
namespace {

Result<Json> read_object(std::string_view text) {
  if (text.size() > kLargestInput) return fail(Code::kInvalid, "", "more than 1 MiB");
  auto json = pods::parse_bounded<Json>(text);
  if (!json) return json;
  if (!json->is_object()) return fail(Code::kInvalid, "", "an object is needed");
  // The parser passes over a byte order mark; runtimes do not.
  if (text.find_first_not_of(" \t\r\n{") == 0) return fail(Code::kInvalid, "", "must begin with {");
  return json;
}

Status check_text(const Json& object, const char* field, const std::string& at) {
  const auto found = object.find(field);
  if (found == object.end()) return fail(Code::kInvalid, at + field, "is missing");
  if (!found->is_string() || found->get_ref<const std::string&>().empty())
    return fail(Code::kInvalid, at + field, "must be a string that is not empty");
  return {};
}

// What conflists and configurations of one plugin have in common.
Status check_network(const Json& json) {
  if (auto named = check_text(json, "name", ""); !named) return named;
  if (auto versioned = check_text(json, "cniVersion", ""); !versioned) return versioned;
  const std::string& version = json.find("cniVersion")->get_ref<const std::string&>();
  if (!spec_version(version)) {
    return fail(Code::kUnsupported, "cniVersion",
                "'" + version + "' is none of " + supported_versions());
  }
  return {};
}

bool is_ours(const Json& plugin) {
  const auto type = plugin.is_object() ? plugin.find("type") : plugin.end();
  return type != plugin.end() && *type == kPluginType;
}

// A conflist, and where each of its plugins stands.
struct Conflist {
  Json json;
  std::vector<Span> spans;        // as many as plugins
  std::vector<std::size_t> ours;  // indices

  [[nodiscard]] const Json& plugin(std::size_t i) const { return (*json.find("plugins"))[i]; }
};

// Enough of a conflist that our entry can be found.
Result<Conflist> read_conflist(std::string_view text) {
  auto json = read_object(text);
  if (!json) return forward(json);
  const auto plugins = json->find("plugins");
  if (plugins == json->end() || !plugins->is_array())
    return fail(Code::kInvalid, "plugins", "a list is needed");
  std::optional<Span> list;
  for (const MemberSpan& member : members_of(text, 0)) {
    if (member.key.of(text) != "plugins") continue;
    if (list) return fail(Code::kInvalid, "plugins", "stands there twice");
    list = member.value;
  }
  Conflist read;
  if (list) read.spans = elements_of(text, list->begin);
  // A key that is written with escapes, say.
  if (read.spans.size() != plugins->size())
    return fail(Code::kInvalid, "plugins", "cannot be found in the text");
  for (std::size_t i = 0; i < plugins->size(); ++i) {
    if (is_ours((*plugins)[i])) read.ours.push_back(i);
  }
  read.json = std::move(*json);
  return read;
}

Status check_conflist(const Conflist& conflist) {
  if (auto checked = check_network(conflist.json); !checked) return checked;
  for (std::size_t i = 0; i < conflist.spans.size(); ++i) {
    const std::string at = "plugins[" + std::to_string(i) + "]";
    if (!conflist.plugin(i).is_object()) return fail(Code::kInvalid, at, "an object is needed");
    if (auto typed = check_text(conflist.plugin(i), "type", at + "."); !typed) return typed;
  }
  return {};
}

std::string text_of(const Json& entry) {
  return entry.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// With `entry` in the place of that plugin.
std::string replaced(std::string_view text, const Span& place, const Json& entry) {
  std::string result(text.substr(0, place.begin));
  result += text_of(entry);
  result += text.substr(place.end);
  return result;
}

// Behind the last plugin, with what stood before that one: as it was laid out.
std::string appended(std::string_view text, const std::vector<Span>& spans, const Json& entry) {
  const Span& last = spans.back();
  std::size_t layout = last.begin;
  while (layout > 0 && std::string_view(" \t\r\n").find(text[layout - 1]) != std::string_view::npos)
    --layout;
  std::string result(text.substr(0, last.end));
  result += ',';
  result += text.substr(layout, last.begin - layout);
  result += text_of(entry);
  result += text.substr(last.end);
  return result;
}

// With the comma before it, or behind it where it comes first.
std::string removed(std::string_view text, const std::vector<Span>& spans, std::size_t which) {
  Span gone = spans[which];
  if (which > 0) {
    gone.begin = spans[which - 1].end;
  } else if (spans.size() > 1) {
    gone.end = spans[1].begin;
  }
  return std::string(text.substr(0, gone.begin)) + std::string(text.substr(gone.end));
}

bool says_the_same(const Json& one, const Json& other) {
  return nlohmann::json::parse(text_of(one), nullptr, false) ==
         nlohmann::json::parse(text_of(other), nullptr, false);
}

}  // namespace

Json entry_of(const std::string& socket, std::chrono::seconds timeout,
              const std::vector<std::string>& exempt_namespaces) {
  Json names = Json::array();
  for (const std::string& name : exempt_namespaces) names.push_back(name);
  return Json{{"type", kPluginType},
              {"socket", socket},
              {"timeoutSeconds", static_cast<std::uint64_t>(timeout.count())},
              {"exemptNamespaces", std::move(names)}};
}

Result<std::string> with_entry(std::string_view conflist, const Json& entry) {
  std::string text(conflist);
  while (true) {
    const auto read = read_conflist(text);
    if (!read) return tl::unexpected<Error>(read.error());
    if (auto checked = check_conflist(*read); !checked) return forward(checked);
    const std::vector<std::size_t>& ours = read->ours;
    if (ours.size() == read->spans.size())
      return fail(Code::kInvalid, "plugins", "no plugin of a network is in it");
    if (ours.empty()) return appended(text, read->spans, entry);
    if (ours.size() == 1 && says_the_same(read->plugin(ours.front()), entry)) return text;
    text = ours.size() == 1 ? replaced(text, read->spans[ours.front()], entry)
                            : removed(text, read->spans, ours.back());
  }
}

std::string without_entry(std::string_view conflist) {
  std::string text(conflist);
  while (true) {
    const auto read = read_conflist(text);
    if (!read || read->ours.empty()) return text;
    text = removed(text, read->spans, read->ours.back());
  }
}

bool has_entry(std::string_view conflist) {
  const auto read = read_conflist(conflist);
  return read && !read->ours.empty();
}

Result<std::string> conflist_of(std::string_view conf) {
  const auto json = read_object(conf);
  if (!json) return tl::unexpected<Error>(json.error());
  if (auto checked = check_network(*json); !checked) return forward(checked);
  if (auto typed = check_text(*json, "type", ""); !typed) return forward(typed);
  const Json head{{"cniVersion", (*json)["cniVersion"]}, {"name", (*json)["name"]}};
  std::string text = head.dump();
  text.pop_back();
  text += ",\"plugins\":[";
  const std::size_t end = conf.find_last_not_of(" \t\r\n");
  text += conf.substr(0, end == std::string_view::npos ? 0 : end + 1);
  text += "]}\n";
  return text;
}

}  // namespace espalier::cni
