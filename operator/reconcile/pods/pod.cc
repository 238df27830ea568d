#include "operator/reconcile/pods/pod.h"

#include <algorithm>

namespace espalier::reconcile {

namespace {

using Json = nlohmann::json;

// Null where there is no such field.
const Json& field(const Json& json, const char* name) {
  static const Json nothing;
  if (!json.is_object()) return nothing;
  const auto found = json.find(name);
  return found != json.end() ? *found : nothing;
}

std::string text(const Json& json) {
  return json.is_string() ? json.get<std::string>() : std::string();
}

}  // namespace

Pod read_pod(const Json& object) {
  Pod pod;
  const Json& metadata = field(object, "metadata");
  pod.ns = text(field(metadata, "namespace"));
  pod.name = text(field(metadata, "name"));
  const Json& labels = field(metadata, "labels");
  if (labels.is_object()) {
    for (const auto& [key, value] : labels.items()) {
      if (value.is_string()) pod.labels.emplace(key, value.get<std::string>());
    }
  }

  const Json& host_network = field(field(object, "spec"), "hostNetwork");
  if (host_network.is_boolean() && host_network.get<bool>()) return pod;
  const Json& status = field(object, "status");
  const std::string phase = text(field(status, "phase"));
  if (phase == "Succeeded" || phase == "Failed") return pod;

  const auto add = [&pod](const Json& ip) {
    const auto address = IpAddress::parse(text(ip));
    if (!address) return;
    if (std::find(pod.addresses.begin(), pod.addresses.end(), *address) == pod.addresses.end()) {
      pod.addresses.push_back(*address);
    }
  };
  const Json& all = field(status, "podIPs");
  if (all.is_array()) {
    for (const Json& one : all) add(field(one, "ip"));
  }
  add(field(status, "podIP"));  // the first of podIPs, where both are there
  return pod;
}

// One line per address, then one per label: "10.244.1.7", "app=web". No label has a line break, and
// no address an "=".
void trim_pod(Json& object) {
  const Pod pod = read_pod(object);
  Json metadata = Json::object();
  for (const char* name : {"name", "namespace", "uid", "resourceVersion"}) {
    if (const Json& value = field(field(object, "metadata"), name); !value.is_null())
      metadata[name] = value;
  }
  std::string text;
  for (const IpAddress& address : pod.addresses) text += address.to_string() + "\n";
  if (!pod.addresses.empty()) {
    for (const auto& [key, value] : pod.labels) text += key + "=" + value + "\n";
  }
  object = {{"metadata", std::move(metadata)}, {"pod", std::move(text)}};
}

Pod read_trimmed_pod(const Json& object) {
  Pod pod;
  pod.ns = text(field(field(object, "metadata"), "namespace"));
  pod.name = text(field(field(object, "metadata"), "name"));
  const std::string all = text(field(object, "pod"));
  for (std::size_t begin = 0; begin < all.size();) {
    const std::size_t end = std::min(all.find('\n', begin), all.size());
    const std::string line = all.substr(begin, end - begin);
    begin = end + 1;
    const std::size_t equals = line.find('=');
    if (equals != std::string::npos) {
      pod.labels.emplace(line.substr(0, equals), line.substr(equals + 1));
    } else if (const auto address = IpAddress::parse(line)) {
      pod.addresses.push_back(*address);
    }
  }
  return pod;
}

}  // namespace espalier::reconcile
