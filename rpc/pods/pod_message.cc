#include "rpc/pods/pod_message.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "rpc/pods/bounded_json.h"

namespace espalier::pods {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kCoverWord = "cover";
constexpr std::string_view kStatusWord = "status";

std::string line_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<Json> object_of(std::string_view line) {
  if (line.size() > kLongestLine) return fail(Code::kInvalid, "", "a line that is too long");
  auto json = parse_bounded<Json>(line);
  if (json && !json->is_object()) return fail(Code::kInvalid, "", "an object is needed");
  return json;
}

// The member, or null where it is missing.
const Json& member(const Json& object, const char* key) {
  static const Json kNull;
  const auto found = object.find(key);
  return found == object.end() ? kNull : *found;
}

Status read_text(const Json& object, const char* key, std::string& to) {
  const Json& value = member(object, key);
  if (value.is_null()) return {};
  if (!value.is_string()) return fail(Code::kInvalid, key, "a string is needed");
  to = value.get<std::string>();
  return {};
}

// `to` keeps its value when the member is missing.
template <typename Number>
Status read_number(const Json& object, const char* key, std::uint64_t least, std::uint64_t most,
                   Number& to) {
  const Json& value = member(object, key);
  if (value.is_null()) return {};
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() < least ||
      value.get<std::uint64_t>() > most) {
    return fail(
        Code::kInvalid, key,
        "a number from " + std::to_string(least) + " to " + std::to_string(most) + " is needed");
  }
  to = static_cast<Number>(value.get<std::uint64_t>());
  return {};
}

Status read_pod(const Json& json, Pod& pod) {
  if (!json.is_object()) return fail(Code::kInvalid, "", "an object is needed");
  if (auto read = read_text(json, "namespace", pod.ns); !read) return read;
  if (auto read = read_text(json, "name", pod.name); !read) return read;
  if (auto read = read_text(json, "containerID", pod.container_id); !read) return read;
  const Json& addresses = member(json, "addresses");
  if (!addresses.is_array() || addresses.empty()) {
    return fail(Code::kInvalid, "addresses", "a list of at least one address is needed");
  }
  for (const Json& each : addresses) {
    const auto address = each.is_string() ? IpAddress::parse(each.get_ref<const std::string&>())
                                          : std::optional<IpAddress>();
    if (!address) return fail(Code::kInvalid, "addresses", "an IP address is needed");
    pod.addresses.push_back(*address);
  }
  return {};
}

}  // namespace

std::string Pod::to_string() const {
  std::string text = name.empty() ? "container " + container_id.substr(0, 12) : ns + "/" + name;
  const char* between = " (";
  for (const IpAddress& address : addresses) {
    text += between + address.to_string();
    between = ", ";
  }
  return addresses.empty() ? text : text + ")";
}

std::string leaving_mark(const std::string& socket) {
  return socket.substr(0, socket.rfind('/') + 1) + "uninstalling";
}

std::string encode(const PodRequest& request) {
  if (request.ask == Ask::kStatus) {
    return line_of(Json{{"ask", kStatusWord}, {"patienceMilliseconds", request.patience.count()}});
  }
  Json addresses = Json::array();
  for (const IpAddress& address : request.pod.addresses) addresses.push_back(address.to_string());
  Json pod{{"namespace", request.pod.ns},
           {"name", request.pod.name},
           {"containerID", request.pod.container_id},
           {"addresses", std::move(addresses)}};
  return line_of(Json{{"ask", kCoverWord},
                      {"pod", std::move(pod)},
                      {"patienceMilliseconds", request.patience.count()}});
}

std::string encode(const PodAnswer& answer) {
  Json json{{"covered", answer.covered}};
  if (!answer.reason.empty()) json["reason"] = answer.reason;
  if (answer.mtu) {
    json["mtu"] = answer.mtu->most;
    json["mtuReserve"] = answer.mtu->reserve;
  }
  return line_of(json);
}

Result<PodRequest> decode_request(std::string_view line) {
  auto json = object_of(line);
  if (!json) return forward(json);
  PodRequest request;
  std::string ask;
  if (auto read = read_text(*json, "ask", ask); !read) return forward(read);
  if (ask == kStatusWord) {
    request.ask = Ask::kStatus;
  } else if (ask != kCoverWord) {
    return fail(Code::kUnsupported, "ask", "cover or status is needed");
  } else if (auto read = read_pod(member(*json, "pod"), request.pod); !read) {
    return within("pod", read);
  }
  std::uint32_t patience = 0;
  const auto longest = std::chrono::milliseconds(kLongestPatience).count();
  if (auto read = read_number(*json, "patienceMilliseconds", 0, static_cast<std::uint64_t>(longest),
                              patience);
      !read) {
    return forward(read);
  }
  request.patience = std::chrono::milliseconds(patience);
  return request;
}

Result<PodAnswer> decode_answer(std::string_view line) {
  auto json = object_of(line);
  if (!json) return forward(json);
  PodAnswer answer;
  const Json& covered = member(*json, "covered");
  if (!covered.is_boolean()) return fail(Code::kInvalid, "covered", "true or false is needed");
  answer.covered = covered.get<bool>();
  if (auto read = read_text(*json, "reason", answer.reason); !read) return forward(read);
  LinkMtu mtu;
  if (auto read = read_number(*json, "mtu", kLeastMtu, kLargestMtu, mtu.most); !read)
    return forward(read);
  if (auto read = read_number(*json, "mtuReserve", 0, kLargestMtu, mtu.reserve); !read)
    return forward(read);
  if (mtu.most != 0) answer.mtu = mtu;
  return answer;
}

}  // namespace espalier::pods
