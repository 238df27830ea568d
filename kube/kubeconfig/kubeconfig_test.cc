#include "kube/kubeconfig/kubeconfig.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace espalier::kube {
namespace {

using ::testing::HasSubstr;

constexpr const char* kFile = R"(
apiVersion: v1
kind: Config
current-context: lab
contexts:
  - name: lab
    context: {cluster: here, user: admin, namespace: edge}
  - name: other
    context: {cluster: there, user: robot}
  - name: nobody
    context: {cluster: here, user: ""}
clusters:
  - name: here
    cluster:
      server: https://[fd00::1]:6443
      certificate-authority: ca.crt
      tls-server-name: api.lab
      proxy-url: http://proxy:3128
  - name: there
    cluster:
      server: https://10.0.0.1:6443
      certificate-authority: ignored.crt
      certificate-authority-data: Q0EK
users:
  - name: admin
    user: {client-certificate: /pki/admin.crt, client-key-data: S0VZ}
  - name: robot
    user: {token: secret}
)";

std::string text(const SecretBytes& secret) {
  return to_text(secret.view());
}

TEST(Kubeconfig, TheCurrentContextWithItsPaths) {
  const auto access = parse_kubeconfig(kFile, "/home/me/.kube", "config");
  ASSERT_TRUE(access) << access.error().to_string();
  EXPECT_EQ(access->server, "https://[fd00::1]:6443");
  EXPECT_EQ(access->ca.file, "/home/me/.kube/ca.crt");
  EXPECT_EQ(access->tls_server_name, "api.lab");
  EXPECT_EQ(access->proxy, "http://proxy:3128");
  EXPECT_EQ(access->client_certificate.file, "/pki/admin.crt");
  EXPECT_EQ(text(access->client_key.data), "KEY");
  EXPECT_EQ(access->ns, "edge");
  EXPECT_TRUE(access->token.empty());
}

TEST(Kubeconfig, AnotherContextAndInlineDataFirst) {
  const auto access = parse_kubeconfig(kFile, "/k", "config", "other");
  ASSERT_TRUE(access) << access.error().to_string();
  EXPECT_EQ(access->ca.file, "");
  EXPECT_EQ(text(access->ca.data), "CA\n");
  EXPECT_EQ(text(access->token.data), "secret");
  EXPECT_TRUE(parse_kubeconfig(kFile, "/k", "config", "nobody"));
}

TEST(Kubeconfig, ErrorsNameFileAndField) {
  const auto error = [](std::string from, const std::string& to, std::string_view context = {}) {
    std::string file = kFile;
    if (!from.empty()) file.replace(file.find(from), from.size(), to);
    const auto access = parse_kubeconfig(file, "/k", "config", context);
    return access ? "none" : access.error().to_string();
  };
  EXPECT_EQ(error("", "", "gone"), "config contexts: has no \"gone\"");
  EXPECT_EQ(error("current-context: lab", ""), "config current-context: names no context");
  EXPECT_EQ(error("cluster: here, user: admin", "cluster: x, user: admin"),
            "config clusters: has no \"x\"");
  EXPECT_EQ(error("cluster: here, user: admin", "cluster: here, user: x"),
            "config users: has no \"x\"");
  EXPECT_EQ(error("client-key-data: S0VZ", "client-key-data: '%'"),
            "config users[admin].client-key-data: no base64");
  EXPECT_EQ(error("client-key-data: S0VZ", "x: y"),
            "config users[admin]: client-certificate and client-key go together");
  EXPECT_EQ(error("client-certificate: /pki/admin.crt", "exec: {command: aws}"),
            "config users[admin].exec: is not supported");
  EXPECT_THAT(error("tls-server-name: api.lab", "insecure-skip-tls-verify: true"),
              HasSubstr("clusters[here].insecure-skip-tls-verify: is not taken"));
  EXPECT_THAT(error("http://proxy:3128", "socks5://proxy"), HasSubstr("clusters[here].proxy-url"));
  EXPECT_THAT(error("server: https://[fd00::1]:6443", "x: y"), HasSubstr("clusters[here].server"));
  EXPECT_THAT(error("kind: Config", "kind: [Config"), HasSubstr("config: "));
  EXPECT_EQ(parse_kubeconfig("- 1", "", "config").error().to_string(), "config: a map is needed");
  EXPECT_THAT(read_kubeconfig("/nowhere/config").error().to_string(),
              HasSubstr("/nowhere/config: No such file"));
}

class InCluster : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/espalier-sa.XXXXXX";
    folder_ = mkdtemp(name);
    for (const char* file : {"ca.crt", "token", "namespace"}) {
      std::ofstream(folder_ + "/" + file) << file << "\n";
    }
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string folder_;
};

TEST_F(InCluster, BracketsAnIPv6Address) {
  const std::map<std::string, std::string> environment = {{"KUBERNETES_SERVICE_HOST", "fd00::1"},
                                                          {"KUBERNETES_SERVICE_PORT", "443"}};
  const auto access =
      in_cluster_from([&](const char* name) { return environment.at(name); }, "", folder_);
  ASSERT_TRUE(access) << access.error().to_string();
  EXPECT_EQ(access->server, "https://[fd00::1]:443");
  EXPECT_EQ(access->token.file, folder_ + "/token");
  EXPECT_EQ(access->ns, "namespace");
}

TEST_F(InCluster, TheServerMayBeGivenAndFilesMustBeThere) {
  const auto nothing = [](const char*) { return std::string(); };
  EXPECT_EQ(in_cluster_from(nothing, "https://10.0.0.1:6443", folder_)->server,
            "https://10.0.0.1:6443");
  EXPECT_THAT(in_cluster_from(nothing, "", folder_).error().to_string(),
              HasSubstr("KUBERNETES_SERVICE_HOST"));
  std::filesystem::remove(folder_ + "/token");
  EXPECT_THAT(in_cluster_from(nothing, "https://x", folder_).error().to_string(),
              HasSubstr("/token"));
}

}  // namespace
}  // namespace espalier::kube
