#include "cni/network_config.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "rpc/pods/bounded_json.h"

namespace espalier::cni {
namespace {

// A unix socket's path has this many octets at most, without the terminating one (unix(7)).
constexpr std::size_t kLongestSocketPath = 107;
constexpr std::size_t kLongestNamespace = 63;  // RFC 1123 label

tl::unexpected<Failure> bad(const std::string& field, std::string detail) {
  return refuse(FailureCode::kBadConfig, field + ": " + std::move(detail));
}

const Json* member(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

Outcome<SpecVersion> read_version(const Json& config) {
  const Json* version = member(config, "cniVersion");
  if (version != nullptr && !version->is_string()) return bad("cniVersion", "must be a string");
  const std::string text = version == nullptr ? "0.1.0" : version->get<std::string>();
  if (const auto known = spec_version(text)) return *known;
  return refuse(FailureCode::kIncompatibleVersion, "cniVersion: '" + text + "' is not supported",
                "supported are " + supported_versions());
}

Outcome<void> read_socket(const Json& value, NetworkConfig& config) {
  if (!value.is_string()) return bad("socket", "must be a string");
  const std::string path = value.get<std::string>();
  if (path.empty() || path.front() != '/' || path.size() > kLongestSocketPath ||
      path.find('\0') != std::string::npos) {
    return bad("socket", "must be an absolute path of at most " +
                             std::to_string(kLongestSocketPath) + " octets");
  }
  config.socket = path;
  return {};
}

Outcome<void> read_timeout(const Json& value, NetworkConfig& config) {
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() < 1 ||
      value.get<std::uint64_t>() > 110) {
    return bad("timeoutSeconds", "must be a whole number from 1 to 110");
  }
  config.timeout = std::chrono::seconds(value.get<std::uint64_t>());
  return {};
}

Outcome<void> read_exempt_namespaces(const Json& value, NetworkConfig& config) {
  if (!value.is_array()) return bad("exemptNamespaces", "must be a list of strings");
  config.exempt_namespaces.clear();
  for (const Json& each : value) {
    if (!each.is_string() || each.get_ref<const std::string&>().empty() ||
        each.get_ref<const std::string&>().size() > kLongestNamespace) {
      return bad("exemptNamespaces[" + std::to_string(config.exempt_namespaces.size()) + "]",
                 "must be the name of a namespace");
    }
    config.exempt_namespaces.push_back(each.get<std::string>());
  }
  return {};
}

Outcome<void> read_name(const Json& value, NetworkConfig&) {
  if (!value.is_string() || value.get_ref<const std::string&>().empty()) {
    return bad("name", "must be a string that is not empty");
  }
  return {};
}

Outcome<void> read_type(const Json& value, NetworkConfig&) {
  if (!value.is_string()) return bad("type", "must be a string");
  return {};
}

// Section 2, "GC": every member names an attachment that still is in use. Nothing of ours outlives
// a pod, so they are only looked at.
Outcome<void> read_attachments(const Json& value, NetworkConfig&) {
  if (!value.is_array()) return bad("cni.dev/valid-attachments", "must be a list");
  for (std::size_t i = 0; i < value.size(); ++i) {
    const std::string at = "cni.dev/valid-attachments[" + std::to_string(i) + "]";
    if (!value[i].is_object()) return bad(at, "must be an object");
    for (const char* key : {"containerID", "ifname"}) {
      const Json* text = member(value[i], key);
      if (text == nullptr || !text->is_string()) return bad(at + "." + key, "must be a string");
    }
  }
  return {};
}

// "10.244.1.7/24"
std::optional<IpAddress> address_of(const Json& value) {
  if (!value.is_string()) return std::nullopt;
  const std::string& text = value.get_ref<const std::string&>();
  const std::size_t slash = text.find('/');
  if (slash == std::string::npos) return std::nullopt;
  const auto address = IpAddress::parse(std::string_view(text).substr(0, slash));
  if (!address) return std::nullopt;
  const std::string network = IpAddress::any(address->family()).to_string() + text.substr(slash);
  return Prefix::parse(network) ? address : std::nullopt;
}

Outcome<void> read_interfaces(const Json& interfaces) {
  if (!interfaces.is_array()) return bad("prevResult.interfaces", "must be a list");
  for (std::size_t i = 0; i < interfaces.size(); ++i) {
    const std::string at = "prevResult.interfaces[" + std::to_string(i) + "]";
    if (!interfaces[i].is_object()) return bad(at, "must be an object");
    const Json* name = member(interfaces[i], "name");
    if (name == nullptr || !name->is_string()) return bad(at + ".name", "must be a string");
    const Json* sandbox = member(interfaces[i], "sandbox");
    if (sandbox != nullptr && !sandbox->is_string())
      return bad(at + ".sandbox", "must be a string");
  }
  return {};
}

Outcome<void> read_prev_result(const Json& value, NetworkConfig& config) {
  if (!value.is_object()) return bad("prevResult", "must be an object");
  if (const Json* interfaces = member(value, "interfaces")) {
    if (auto read = read_interfaces(*interfaces); !read) return read;
  }
  const Json* ips = member(value, "ips");
  if (ips == nullptr || !ips->is_array() || ips->empty()) {
    return bad("prevResult.ips", "must list the pod's addresses");
  }
  for (std::size_t i = 0; i < ips->size(); ++i) {
    const std::string at = "prevResult.ips[" + std::to_string(i) + "]";
    const Json& each = (*ips)[i];
    if (!each.is_object()) return bad(at, "must be an object");
    const Json* text = member(each, "address");
    const auto address = text == nullptr ? std::nullopt : address_of(*text);
    if (!address) return bad(at + ".address", "must be an address with its prefix length");
    config.addresses.push_back(*address);
  }
  config.prev_result = value;
  return {};
}

using Reader = std::function<Outcome<void>(const Json& value, NetworkConfig& config)>;

Reader object_of_others(const char* field) {
  return [field](const Json& value, NetworkConfig&) -> Outcome<void> {
    if (!value.is_object()) return bad(field, "must be an object");
    return {};
  };
}

// Every field that may stand there. "ipam" and "ipMasq" may not: this plugin gives no addresses.
const std::vector<std::pair<std::string_view, Reader>>& readers() {
  static const std::vector<std::pair<std::string_view, Reader>> all{
      {"cniVersion", [](const Json&, NetworkConfig&) { return Outcome<void>(); }},
      {"name", read_name},
      {"type", read_type},
      {"socket", read_socket},
      {"timeoutSeconds", read_timeout},
      {"exemptNamespaces", read_exempt_namespaces},
      {"prevResult", read_prev_result},
      {"args", object_of_others("args")},
      {"capabilities", object_of_others("capabilities")},
      {"runtimeConfig", object_of_others("runtimeConfig")},
      {"dns", object_of_others("dns")},
      {"cni.dev/valid-attachments", read_attachments},
      // The name that it has in the text of the specification; runtimes give both.
      {"cni.dev/attachments", [](const Json&, NetworkConfig&) { return Outcome<void>(); }},
  };
  return all;
}

Outcome<void> read_fields(const Json& json, NetworkConfig& config) {
  for (const auto& [key, value] : json.items()) {
    const std::string& name = key;
    const auto reader = std::find_if(readers().begin(), readers().end(),
                                     [&](const auto& each) { return each.first == name; });
    if (reader == readers().end()) {
      return refuse(FailureCode::kUnsupportedField,
                    "unknown field " + name + ": " +
                        value.dump(-1, ' ', false, Json::error_handler_t::replace).substr(0, 100),
                    "espalier-cni has socket, timeoutSeconds and exemptNamespaces of its own");
    }
    if (auto read = reader->second(value, config); !read) return read;
  }
  for (const char* needed : {"name", "type"}) {
    if (!json.contains(needed)) return bad(needed, "is missing");
  }
  return {};
}

Outcome<Json> read_object(std::string_view text) {
  if (text.size() > kLargestInput) {
    return refuse(FailureCode::kNotDecoded, "standard input: more than 1 MiB");
  }
  auto json = pods::parse_bounded<Json>(text);
  if (!json) return refuse(FailureCode::kNotDecoded, "standard input: " + json.error().to_string());
  if (!json->is_object()) {
    return refuse(FailureCode::kNotDecoded, "standard input: an object is needed");
  }
  return std::move(*json);
}

// Sections 2 and "Version considerations": CHECK came with 0.4.0, GC and STATUS with 1.1.0.
bool has_command(SpecVersion version, Command command) {
  if (command == Command::kCheck) return version >= SpecVersion::k040;
  return version == SpecVersion::k110 || (command != Command::kGc && command != Command::kStatus);
}

}  // namespace

std::string_view name_of(SpecVersion version) {
  switch (version) {
    case SpecVersion::k030:
      return "0.3.0";
    case SpecVersion::k031:
      return "0.3.1";
    case SpecVersion::k040:
      return "0.4.0";
    case SpecVersion::k100:
      return "1.0.0";
    case SpecVersion::k110:
      return "1.1.0";
  }
  return "1.1.0";
}

std::optional<SpecVersion> spec_version(std::string_view text) {
  const auto found = std::find_if(kSpecVersions.begin(), kSpecVersions.end(),
                                  [&](SpecVersion each) { return name_of(each) == text; });
  return found == kSpecVersions.end() ? std::nullopt : std::optional(*found);
}

std::string supported_versions() {
  std::string text;
  for (const SpecVersion each : kSpecVersions)
    text += (text.empty() ? "" : ", ") + std::string(name_of(each));
  return text;
}

Outcome<NetworkConfig> read_network_config(Command command, std::string_view text) {
  auto json = read_object(text);
  if (!json) return tl::unexpected<Failure>(json.error());
  const auto version = read_version(*json);
  if (!version) return tl::unexpected<Failure>(version.error());
  NetworkConfig config;
  config.version = *version;
  if (!has_command(*version, command)) {
    return refuse(FailureCode::kIncompatibleVersion,
                  "cniVersion: '" + std::string(name_of(*version)) + "' has no such command",
                  "CHECK came with 0.4.0, GC and STATUS with 1.1.0");
  }
  if (command == Command::kDel) return config;
  if (auto read = read_fields(*json, config); !read) {
    return tl::unexpected<Failure>(read.error());
  }
  const bool needs_result = command == Command::kAdd || command == Command::kCheck;
  if (needs_result && !config.prev_result) {
    return refuse(FailureCode::kBadConfig, "prevResult: is missing",
                  "espalier-cni is chained: it stands after the plugin that makes the interface");
  }
  return config;
}

SpecVersion version_of(std::string_view text) {
  const auto json = read_object(text);
  const auto version = json ? read_version(*json) : Outcome<SpecVersion>(SpecVersion::k110);
  return version.value_or(SpecVersion::k110);
}

}  // namespace espalier::cni
