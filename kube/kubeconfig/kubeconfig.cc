#include "kube/kubeconfig/kubeconfig.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include <yaml-cpp/yaml.h>

#include "base/base64.h"

namespace espalier::kube {
namespace {

constexpr std::uintmax_t kMaxFile = std::uintmax_t{4} << 20U;

Result<std::string> read_text(const std::string& file) {
  std::error_code error;
  const auto size = std::filesystem::file_size(file, error);
  if (error) return fail(Code::kIo, file, error.message());
  if (size > kMaxFile) return fail(Code::kInvalid, file, "more than 4 MB");
  std::ifstream stream(file, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
  if (!stream.good() && !stream.eof()) return fail(Code::kIo, file, "cannot be read");
  return text;
}

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ' || text.back() == '\r')) {
    text.pop_back();
  }
  return text;
}

// One kubeconfig while it is read; yaml-cpp throws, so the door to it is parse_kubeconfig().
class Reader {
 public:
  Reader(YAML::Node root, std::string folder, std::string file)
      : root_(std::move(root)), folder_(std::move(folder)), file_(std::move(file)) {}

  Result<Access> read(std::string context_name) {
    if (!root_.IsMap()) return wrong("", "a map is needed");
    if (context_name.empty()) context_name = text(root_, "current-context");
    if (context_name.empty()) return wrong("current-context", "names no context");
    const auto context = entry("contexts", context_name, "context");
    if (!context) return wrong("contexts", "has no \"" + context_name + "\"");
    const std::string cluster_name = text(context, "cluster");
    const std::string user_name = text(context, "user");
    const auto cluster = entry("clusters", cluster_name, "cluster");
    if (!cluster) return wrong("clusters", "has no \"" + cluster_name + "\"");
    Access access;
    access.ns = text(context, "namespace");
    if (auto done = read_cluster(cluster, "clusters[" + cluster_name + "]", access); !done) {
      return forward(done);
    }
    if (user_name.empty()) return access;
    const auto user = entry("users", user_name, "user");
    if (!user) return wrong("users", "has no \"" + user_name + "\"");
    if (auto done = read_user(user, "users[" + user_name + "]", access); !done) {
      return forward(done);
    }
    return access;
  }

 private:
  Status read_cluster(const YAML::Node& cluster, const std::string& where, Access& access) {
    access.server = text(cluster, "server");
    if (access.server.empty()) return wrong(where + ".server", "the API server's URL is needed");
    if (text(cluster, "insecure-skip-tls-verify") == "true") {
      return wrong(where + ".insecure-skip-tls-verify",
                   "is not taken: whoever answers would be given the credentials; give "
                   "certificate-authority instead");
    }
    access.tls_server_name = text(cluster, "tls-server-name");
    access.proxy = text(cluster, "proxy-url");
    if (!access.proxy.empty() && access.proxy.rfind("http://", 0) != 0) {
      return wrong(where + ".proxy-url", "only http:// proxies are supported");
    }
    auto ca = material(cluster, "certificate-authority", "certificate-authority-data", where);
    if (!ca) return forward(ca);
    access.ca = std::move(*ca);
    return {};
  }

  Status read_user(const YAML::Node& user, const std::string& where, Access& access) {
    for (const char* field : {"exec", "auth-provider", "username", "password", "as"}) {
      if (user[field]) return wrong(where + "." + field, "is not supported");
    }
    auto certificate = material(user, "client-certificate", "client-certificate-data", where);
    if (!certificate) return forward(certificate);
    auto key = material(user, "client-key", "client-key-data", where);
    if (!key) return forward(key);
    if (certificate->empty() != key->empty()) {
      return wrong(where, "client-certificate and client-key go together");
    }
    access.client_certificate = std::move(*certificate);
    access.client_key = std::move(*key);
    access.token.file = path(text(user, "tokenFile"));
    if (const std::string token = text(user, "token");
        access.token.file.empty() && !token.empty()) {
      access.token.data = SecretBytes(as_bytes(token));
    }
    return {};
  }

  // The -data field wins, as in kubectl.
  Result<Material> material(const YAML::Node& from, const char* file, const char* data,
                            const std::string& where) {
    Material material;
    if (const std::string encoded = text(from, data); !encoded.empty()) {
      auto decoded = decode_base64(encoded);
      if (!decoded) return wrong(where + "." + data, "no base64");
      material.data = std::move(*decoded);
    } else {
      material.file = path(text(from, file));
    }
    return material;
  }

  [[nodiscard]] std::string path(const std::string& file) const {
    if (file.empty() || file.front() == '/' || folder_.empty()) return file;
    return folder_ + "/" + file;
  }

  YAML::Node entry(const char* list, const std::string& name, const char* what) {
    const YAML::Node entries = root_[list];
    if (!entries || !entries.IsSequence()) return YAML::Node(YAML::NodeType::Undefined);
    for (const auto& one : entries) {
      if (one.IsMap() && text(one, "name") == name && one[what] && one[what].IsMap()) {
        return one[what];
      }
    }
    return YAML::Node(YAML::NodeType::Undefined);
  }

  static std::string text(const YAML::Node& from, const char* field) {
    const YAML::Node value = from[field];
    return value && value.IsScalar() ? value.Scalar() : std::string();
  }

  tl::unexpected<Error> wrong(const std::string& field, const std::string& detail) const {
    return fail(Code::kInvalid, file_ + (field.empty() ? "" : " " + field), detail);
  }

  YAML::Node root_;
  std::string folder_;
  std::string file_;
};

}  // namespace

Result<Access> parse_kubeconfig(const std::string& text, const std::string& folder,
                                const std::string& file, std::string_view context) {
  try {
    return Reader(YAML::Load(text), folder, file).read(std::string(context));
  } catch (const std::exception& thrown) {
    return fail(Code::kInvalid, file, thrown.what());
  }
}

Result<Access> read_kubeconfig(const std::string& file, std::string_view context) {
  auto text = read_text(file);
  if (!text) return forward(text);
  return parse_kubeconfig(*text, std::filesystem::path(file).parent_path().string(), file, context);
}

Result<Access> in_cluster_from(const Environment& environment, const std::string& server,
                               const std::string& folder) {
  Access access;
  access.server = server;
  if (access.server.empty()) {
    std::string host = environment("KUBERNETES_SERVICE_HOST");
    const std::string port = environment("KUBERNETES_SERVICE_PORT");
    if (host.empty() || port.empty()) {
      return fail(Code::kNotFound, "KUBERNETES_SERVICE_HOST",
                  "this is no pod (or its Service environment is off): give a kubeconfig or the "
                  "API server's address");
    }
    if (host.find(':') != std::string::npos) host = "[" + host + "]";
    access.server = "https://" + host + ":" + port;
  }
  access.ca.file = folder + "/ca.crt";
  access.token.file = folder + "/token";
  for (const auto& file : {access.ca.file, access.token.file}) {
    std::error_code error;
    if (!std::filesystem::is_regular_file(file, error)) {
      return fail(Code::kNotFound, file, "a ServiceAccount's files are needed here");
    }
  }
  if (auto ns = read_text(folder + "/namespace")) access.ns = trimmed(std::move(*ns));
  return access;
}

Result<Access> in_cluster(const std::string& server, const std::string& folder) {
  return in_cluster_from(
      [](const char* name) {
        const char* value = std::getenv(name);
        return std::string(value != nullptr ? value : "");
      },
      server, folder);
}

Result<Access> find_access(const std::string& kubeconfig) {
  return kubeconfig.empty() ? in_cluster() : read_kubeconfig(kubeconfig);
}

}  // namespace espalier::kube
