#include "cni/plugin.h"

#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cni/network_config.h"

namespace espalier::cni {
namespace {

using pods::PodAnswer;
using pods::PodRequest;
using testing::ElementsAre;
using testing::HasSubstr;

class FakeAgent final : public AgentPort {
 public:
  Result<PodAnswer> ask(const std::string& socket, const PodRequest& request) override {
    sockets.push_back(socket);
    requests.push_back(request);
    return answer;
  }
  Result<PodAnswer> answer = PodAnswer{true, "", pods::LinkMtu{1443, 0}};
  std::vector<std::string> sockets;
  std::vector<PodRequest> requests;
};

class FakeLinks final : public LinkPort {
 public:
  Result<std::vector<LinkEnd>> ends(const std::string& netns, const std::string& ifname,
                                    const std::vector<std::string>& host_ifnames) override {
    if (broken) return fail(Code::kKernel, netns + " " + ifname, "ENODEV");
    host_names = host_ifnames;
    return ends_;
  }
  Status set_mtu(const std::string&, const LinkEnd& end, std::uint32_t mtu) override {
    set.emplace_back(end.ifname, mtu);
    return {};
  }
  bool broken = false;
  std::vector<LinkEnd> ends_{{"eth0", true, 1500}, {"veth1", false, 1500}};
  std::vector<std::string> host_names;
  std::vector<std::pair<std::string, std::uint32_t>> set;
};

Json config(const char* version = "1.1.0") {
  Json json = Json::parse(R"({
    "name": "podnet", "type": "espalier-cni", "socket": "/run/there.sock", "timeoutSeconds": 7,
    "prevResult": {
      "ips": [{"address": "10.244.1.7/24", "interface": 2}, {"address": "fd00:1::7/64"}],
      "interfaces": [{"name": "cni0", "mac": "a"}, {"name": "veth1", "mac": "b"},
                     {"name": "eth0", "mac": "c", "sandbox": "/run/netns/x"}],
      "theirs": {"kept": [1, 2.5, null]}, "dns": {}, "cniVersion": "x"}})");
  json["cniVersion"] = version;
  json["prevResult"]["cniVersion"] = version;
  return json;
}

class PluginTest : public testing::Test {
 protected:
  Printed run(const std::string& command, const std::string& input) {
    environment["CNI_COMMAND"] = command;
    return run_plugin(
        [this](const char* name) -> std::optional<std::string> {
          const auto found = environment.find(name);
          return found == environment.end() ? std::nullopt : std::optional(found->second);
        },
        input, agent, links);
  }
  Printed run(const std::string& command, const Json& input) { return run(command, input.dump()); }

  // "code: message"
  std::string failure(const std::string& command, const std::string& input) {
    const Printed printed = run(command, input);
    EXPECT_EQ(printed.status, 1);
    const Json json = Json::parse(printed.text, nullptr, false);
    if (!json.is_object() || !json["cniVersion"].is_string()) return "no error: " + printed.text;
    return std::to_string(json["code"].get<int>()) + ": " + json["msg"].get<std::string>();
  }
  std::string failure(const std::string& command, const Json& input) {
    return failure(command, input.dump());
  }

  std::map<std::string, std::string> environment{
      {"CNI_CONTAINERID", "c0ffee-1"},
      {"CNI_NETNS", "/run/netns/x"},
      {"CNI_IFNAME", "eth0"},
      {"CNI_ARGS", "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0"}};
  FakeAgent agent;
  FakeLinks links;
};

TEST_F(PluginTest, AddAsksTheAgentAndPassesTheResultOn) {
  const Printed printed = run("ADD", config());
  EXPECT_EQ(printed.status, 0);
  Json expected = config()["prevResult"];
  expected["interfaces"][1]["mtu"] = 1443;
  expected["interfaces"][2]["mtu"] = 1443;
  EXPECT_EQ(printed.text, expected.dump() + "\n");
  EXPECT_THAT(links.set, ElementsAre(std::pair("eth0", 1443), std::pair("veth1", 1443)));
  EXPECT_THAT(links.host_names, ElementsAre("cni0", "veth1"));
  EXPECT_THAT(agent.sockets, ElementsAre("/run/there.sock"));
  const PodRequest asked{pods::Ask::kCover,
                         {"shop",
                          "web-0",
                          "c0ffee-1",
                          {*IpAddress::parse("10.244.1.7"), *IpAddress::parse("fd00:1::7")}},
                         std::chrono::seconds(7)};
  EXPECT_THAT(agent.requests, ElementsAre(asked));
}

TEST_F(PluginTest, EarlierVersionsHaveNoMtuInTheirResult) {
  for (const char* version : {"0.3.0", "0.3.1", "0.4.0", "1.0.0"}) {
    links.set.clear();
    EXPECT_EQ(run("ADD", config(version)).text, config(version)["prevResult"].dump() + "\n");
    EXPECT_EQ(links.set.size(), 2U);
  }
}

TEST_F(PluginTest, AnMtuIsMadeSmallerNeverLarger) {
  links.ends_ = {{"eth0", true, 1400}};
  EXPECT_EQ(run("ADD", config()).status, 0);
  agent.answer = PodAnswer{true, "", std::nullopt};
  EXPECT_EQ(run("ADD", config()).status, 0);
  EXPECT_TRUE(links.set.empty());
  // The link's own MTU holds what wraps pod packets; ESP's share comes off that.
  links.ends_ = {{"eth0", true, 1450}};
  agent.answer = PodAnswer{true, "", pods::LinkMtu{1463, 37}};
  EXPECT_EQ(run("ADD", config()).status, 0);
  EXPECT_THAT(links.set, ElementsAre(std::pair("eth0", 1413)));
  // IPv6 needs 1280, and a link that had less keeps what it had.
  links.set.clear();
  agent.answer = PodAnswer{true, "", pods::LinkMtu{1280, 300}};
  EXPECT_EQ(run("ADD", config()).status, 0);
  links.ends_ = {{"eth0", true, 1000}};
  EXPECT_EQ(run("ADD", config()).status, 0);
  EXPECT_THAT(links.set, ElementsAre(std::pair("eth0", 1280)));
}

TEST_F(PluginTest, APodThatIsNotCoveredIsToBeTriedAgain) {
  agent.answer = PodAnswer{false, "no plan is in force", std::nullopt};
  EXPECT_EQ(failure("ADD", config()),
            "11: Espalier does not cover shop/web-0 (10.244.1.7, fd00:1::7) yet: no plan is in "
            "force");
  agent.answer = fail(Code::kUnavailable, "/run/there.sock", "nobody answers");
  EXPECT_THAT(failure("ADD", config()), HasSubstr("11: "));
  EXPECT_THAT(failure("ADD", config()), HasSubstr("/run/there.sock: nobody answers"));
  EXPECT_TRUE(links.set.empty());
}

TEST_F(PluginTest, ExemptNamespacesAreNeverHeld) {
  environment["CNI_ARGS"] = "K8S_POD_NAMESPACE=espalier-system;K8S_POD_NAME=helm-test";
  EXPECT_EQ(run("ADD", config()).status, 0);
  EXPECT_EQ(agent.requests.back().patience.count(), 0);
  EXPECT_EQ(links.set.size(), 2U);
  agent.answer = fail(Code::kUnavailable, "x", "nobody answers");
  EXPECT_EQ(run("ADD", config()).text, config()["prevResult"].dump() + "\n");
  agent.answer = PodAnswer{true, "", pods::LinkMtu{1443, 0}};
  links.broken = true;
  EXPECT_EQ(run("ADD", config()).status, 0);
  // The list is the configuration's.
  Json other = config();
  other["exemptNamespaces"] = {"kube-system"};
  agent.answer = fail(Code::kUnavailable, "x", "nobody answers");
  EXPECT_THAT(failure("ADD", other), HasSubstr("11: "));
}

TEST_F(PluginTest, ALinkThatCannotBeReadFails) {
  links.broken = true;
  EXPECT_EQ(failure("ADD", config()), "5: /run/netns/x eth0: ENODEV");
  EXPECT_EQ(failure("CHECK", config()), "5: /run/netns/x eth0: ENODEV");
}

TEST_F(PluginTest, DelSucceedsWithoutAnAgentAndTwice) {
  agent.answer = fail(Code::kUnavailable, "x", "nobody answers");
  environment.erase("CNI_NETNS");
  for (const char* version : {"0.4.0", "1.1.0", "1.1.0"}) {
    const Printed printed = run("DEL", config(version));
    EXPECT_EQ(printed.status, 0) << printed.text;
    EXPECT_EQ(printed.text, "");
  }
  // Whatever became of the configuration since.
  Json other = config();
  other.erase("prevResult");
  other["socket"] = 7;
  other["colour"] = "green";
  EXPECT_EQ(run("DEL", other).status, 0);
}

TEST_F(PluginTest, CheckComparesWithWhatAddLeft) {
  links.ends_ = {{"eth0", true, 1443}, {"veth1", false, 1443}};
  const Printed printed = run("CHECK", config());
  EXPECT_EQ(printed.text, "");
  EXPECT_EQ(printed.status, 0);
  EXPECT_EQ(agent.requests.back().patience.count(), 0);
  links.ends_[0].mtu = 1500;
  EXPECT_EQ(failure("CHECK", config()), "100: eth0: its MTU is 1500, and 1443 is what ESP leaves");
  agent.answer = PodAnswer{false, "the kernel refuses", std::nullopt};
  EXPECT_THAT(failure("CHECK", config()), HasSubstr("the kernel refuses"));
}

TEST_F(PluginTest, StatusIsWhetherAddCanSucceed) {
  Json json = config();
  json.erase("prevResult");
  EXPECT_EQ(run("STATUS", json).text, "");
  EXPECT_EQ(agent.requests.back().ask, pods::Ask::kStatus);
  agent.answer = PodAnswer{false, "no plan is in force", std::nullopt};
  EXPECT_EQ(failure("STATUS", json), "50: no pod can be covered: no plan is in force");
  agent.answer = fail(Code::kUnavailable, "/run/there.sock", "nobody answers");
  EXPECT_EQ(failure("STATUS", json), "50: no pod can be covered: /run/there.sock: nobody answers");
}

TEST_F(PluginTest, GcLooksAtItsListAndHasNothingToDo) {
  Json json = config();
  json.erase("prevResult");
  json["cni.dev/valid-attachments"] = Json::parse(R"([{"containerID":"a","ifname":"eth0"}])");
  json["cni.dev/attachments"] = json["cni.dev/valid-attachments"];
  const Printed printed = run("GC", json);
  EXPECT_EQ(printed.status, 0) << printed.text;
  EXPECT_EQ(printed.text, "");
  EXPECT_TRUE(agent.requests.empty());
  json["cni.dev/valid-attachments"] = Json::parse(R"([{"containerID":"a"}])");
  EXPECT_EQ(failure("GC", json), "7: cni.dev/valid-attachments[0].ifname: must be a string");
}

TEST_F(PluginTest, VersionNeedsNothing) {
  environment.clear();
  for (const char* input : {"", "{\"cniVersion\":\"1.1.0\"}", "{"}) {
    EXPECT_EQ(
        run("VERSION", std::string(input)).text,
        R"({"cniVersion":"1.1.0","supportedVersions":["0.3.0","0.3.1","0.4.0","1.0.0","1.1.0"]})"
        "\n");
  }
  EXPECT_THAT(run("VERSION", std::string(R"({"cniVersion":"0.4.0"})")).text,
              HasSubstr(R"("cniVersion":"0.4.0")"));
}

TEST_F(PluginTest, CommandsThatAVersionDoesNotHaveAreRefused) {
  EXPECT_EQ(failure("STATUS", config("1.0.0")), "1: cniVersion: '1.0.0' has no such command");
  EXPECT_EQ(failure("GC", config("0.4.0")), "1: cniVersion: '0.4.0' has no such command");
  EXPECT_EQ(failure("CHECK", config("0.3.1")), "1: cniVersion: '0.3.1' has no such command");
  EXPECT_EQ(failure("ADD", config("0.2.0")), "1: cniVersion: '0.2.0' is not supported");
  EXPECT_EQ(failure("ADD", config("2.0.0")), "1: cniVersion: '2.0.0' is not supported");
}

TEST_F(PluginTest, WhatIsWrongWithTheEnvironmentIsNamed) {
  const auto without = [this](const char* name, const char* value) {
    const auto kept = environment;
    environment[name] = value;
    const std::string said = failure("ADD", config());
    environment = kept;
    return said;
  };
  EXPECT_EQ(failure("SING", config()), "4: CNI_COMMAND: 'SING' is not known");
  EXPECT_THAT(failure("", config()), HasSubstr("4: CNI_COMMAND: is not set"));
  EXPECT_THAT(without("CNI_CONTAINERID", ""), HasSubstr("4: CNI_CONTAINERID: "));
  EXPECT_THAT(without("CNI_CONTAINERID", "../x"), HasSubstr("4: CNI_CONTAINERID: "));
  EXPECT_THAT(without("CNI_IFNAME", ""), HasSubstr("4: CNI_IFNAME: "));
  EXPECT_THAT(without("CNI_IFNAME", "a/b"), HasSubstr("4: CNI_IFNAME: "));
  EXPECT_THAT(without("CNI_IFNAME", "sixteenletters16"), HasSubstr("4: CNI_IFNAME: "));
  EXPECT_EQ(without("CNI_NETNS", ""), "4: CNI_NETNS: is not set");
  EXPECT_EQ(without("CNI_ARGS", "A=1;B"), "4: CNI_ARGS: 'B' is no KEY=VALUE");
  // Octets that are no UTF-8 do not end in no JSON.
  EXPECT_THAT(without("CNI_ARGS", "\xff\xfe"), HasSubstr("4: CNI_ARGS: "));
}

TEST_F(PluginTest, WhatIsWrongWithTheConfigurationIsNamed) {
  const auto with = [this](const char* pointer, const char* value) {
    Json json = config();
    json[Json::json_pointer(pointer)] = Json::parse(value);
    return failure("ADD", json);
  };
  const auto lacking = [this](const char* key) {
    Json json = config();
    json.erase(key);
    return failure("ADD", json);
  };
  EXPECT_THAT(failure("ADD", std::string("{")), HasSubstr("6: standard input: is no JSON"));
  EXPECT_THAT(failure("ADD", std::string("7")), HasSubstr("6: standard input: an object"));
  EXPECT_THAT(failure("ADD", std::string(5000, '[')), HasSubstr("nested too deeply"));
  EXPECT_THAT(failure("ADD", std::string(kLargestInput + 1, ' ')), HasSubstr("more than 1 MiB"));
  EXPECT_EQ(failure("ADD", std::string("{}")), "1: cniVersion: '0.1.0' is not supported");
  EXPECT_EQ(with("/cniVersion", "7"), "7: cniVersion: must be a string");
  EXPECT_EQ(with("/colour", R"("green")"), "2: unknown field colour: \"green\"");
  EXPECT_EQ(with("/ipam", "{}"), "2: unknown field ipam: {}");
  EXPECT_EQ(with("/name", R"("")"), "7: name: must be a string that is not empty");
  EXPECT_EQ(with("/type", "[]"), "7: type: must be a string");
  EXPECT_EQ(lacking("name"), "7: name: is missing");
  EXPECT_EQ(lacking("type"), "7: type: is missing");
  EXPECT_EQ(with("/socket", "true"), "7: socket: must be a string");
  EXPECT_EQ(with("/socket", R"("run/x")"),
            "7: socket: must be an absolute path of at most 107 octets");
  EXPECT_EQ(with("/timeoutSeconds", "0"),
            "7: timeoutSeconds: must be a whole number from 1 to 110");
  EXPECT_EQ(with("/timeoutSeconds", "-3"),
            "7: timeoutSeconds: must be a whole number from 1 to 110");
  EXPECT_EQ(with("/timeoutSeconds", "1.5"),
            "7: timeoutSeconds: must be a whole number from 1 to 110");
  EXPECT_EQ(with("/exemptNamespaces", "{}"), "7: exemptNamespaces: must be a list of strings");
  EXPECT_EQ(with("/exemptNamespaces", R"(["a", 7])"),
            "7: exemptNamespaces[1]: must be the name of a namespace");
  EXPECT_EQ(with("/args", "7"), "7: args: must be an object");
  EXPECT_EQ(lacking("prevResult"), "7: prevResult: is missing");
  EXPECT_EQ(with("/prevResult", "[]"), "7: prevResult: must be an object");
  EXPECT_EQ(with("/prevResult/ips", "[]"), "7: prevResult.ips: must list the pod's addresses");
  EXPECT_EQ(with("/prevResult/ips/1", "7"), "7: prevResult.ips[1]: must be an object");
  for (const char* address :
       {R"("10.0.0.1")", R"("10.0.0/8")", R"("10.0.0.1/33")", R"("::1/")", "9"}) {
    EXPECT_EQ(with("/prevResult/ips/0/address", address),
              "7: prevResult.ips[0].address: must be an address with its prefix length");
  }
  EXPECT_EQ(with("/prevResult/interfaces", "{}"), "7: prevResult.interfaces: must be a list");
  EXPECT_EQ(with("/prevResult/interfaces/0/name", "{}"),
            "7: prevResult.interfaces[0].name: must be a string");
  EXPECT_EQ(with("/prevResult/interfaces/2/sandbox", "{}"),
            "7: prevResult.interfaces[2].sandbox: must be a string");
  EXPECT_TRUE(agent.requests.empty());
}

TEST_F(PluginTest, WhatRuntimesAddIsTaken) {
  Json json = config();
  json["runtimeConfig"] = Json::parse(R"({"portMappings": [{"hostPort": 80}]})");
  json["args"] = Json::parse(R"({"cni": {}})");
  json["capabilities"] = Json::parse(R"({"portMappings": true})");
  json["dns"] = Json::object();
  json["prevResult"].erase("interfaces");
  EXPECT_EQ(run("ADD", json).status, 0);
}

TEST_F(PluginTest, WithoutKubernetesTheContainerIsNamed) {
  environment.erase("CNI_ARGS");
  agent.answer = PodAnswer{false, "why", std::nullopt};
  EXPECT_THAT(failure("ADD", config()), HasSubstr("does not cover container c0ffee-1 ("));
}

}  // namespace
}  // namespace espalier::cni
