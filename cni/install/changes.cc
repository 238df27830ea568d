#include "cni/install/changes.h"

#include <algorithm>

namespace espalier::cni {
namespace {

constexpr std::string_view kConflist = ".conflist";
constexpr std::string_view kSaved = ".espalier-saved";

bool is_network(std::string_view name) {
  return name.ends_with(kConflist) || name.ends_with(".conf") || name.ends_with(".json");
}

// "10-net.conf" -> "10-net.conflist"
std::string conflist_name(std::string_view conf) {
  return std::string(conf.substr(0, conf.rfind('.'))) + std::string(kConflist);
}

const ConfFile* find(const std::vector<ConfFile>& files, std::string_view name) {
  const auto found = std::find_if(files.begin(), files.end(),
                                  [&](const ConfFile& each) { return each.name == name; });
  return found == files.end() ? nullptr : &*found;
}

tl::unexpected<Error> in_file(const std::string& name, Error error) {
  error.where = error.where.empty() ? name : name + ": " + error.where;
  return tl::unexpected<Error>(std::move(error));
}

Result<std::vector<Change>> replace_conf(const std::vector<ConfFile>& files, const ConfFile& conf,
                                         const Json& entry) {
  const std::string name = conflist_name(conf.name);
  const ConfFile* const standing = find(files, name);
  if (standing != nullptr && !has_entry(standing->text)) {
    return fail(Code::kExists, conf.name,
                "is to become " + name + ", which is there, too; one of them must go");
  }
  const auto conflist = conflist_of(conf.text);
  const auto patched =
      conflist ? with_entry(*conflist, entry) : tl::unexpected<Error>(conflist.error());
  if (!patched) return in_file(conf.name, patched.error());
  return std::vector<Change>{
      {conf.name + std::string(kSaved), conf.text}, {name, *patched}, {conf.name, std::nullopt}};
}

}  // namespace

bool is_conf_file(std::string_view name) {
  return !name.starts_with('.') && (is_network(name) || name.ends_with(kSaved));
}

Result<std::vector<Change>> changes_to_install(std::vector<ConfFile> files, const Json& entry) {
  std::sort(files.begin(), files.end(),
            [](const ConfFile& a, const ConfFile& b) { return a.name < b.name; });
  const auto first = std::find_if(files.begin(), files.end(),
                                  [](const ConfFile& each) { return is_network(each.name); });
  if (first == files.end()) return fail(Code::kNotFound, "", "no network is configured yet");
  if (!first->name.ends_with(kConflist)) return replace_conf(files, *first, entry);
  auto patched = with_entry(first->text, entry);
  if (!patched) return in_file(first->name, patched.error());
  if (*patched == first->text) return std::vector<Change>();
  return std::vector<Change>{{first->name, std::move(*patched)}};
}

std::vector<Change> changes_to_uninstall(const std::vector<ConfFile>& files) {
  std::vector<Change> changes;
  std::vector<std::string> gone;
  for (const ConfFile& saved : files) {
    if (!saved.name.ends_with(kSaved)) continue;
    const std::string conf = saved.name.substr(0, saved.name.size() - kSaved.size());
    const std::string conflist = conflist_name(conf);
    const ConfFile* const ours = find(files, conflist);
    // Without our entry the conflist is somebody else's by now, and who made it removed the .conf.
    if (ours != nullptr && has_entry(ours->text)) {
      if (find(files, conf) == nullptr) changes.push_back({conf, saved.text});
      changes.push_back({conflist, std::nullopt});
      gone.push_back(conflist);
    }
    changes.push_back({saved.name, std::nullopt});
  }
  for (const ConfFile& file : files) {
    if (std::find(gone.begin(), gone.end(), file.name) != gone.end()) continue;
    if (!file.name.ends_with(kConflist) || !has_entry(file.text)) continue;
    changes.push_back({file.name, without_entry(file.text)});
  }
  return changes;
}

}  // namespace espalier::cni
