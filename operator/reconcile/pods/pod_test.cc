#include "operator/reconcile/pods/pod.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace espalier::reconcile {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

IpAddress ip(const char* text) {
  const auto address = IpAddress::parse(text);
  EXPECT_TRUE(address.has_value()) << text;
  return address.value_or(IpAddress());
}

json running() {
  return json::parse(R"({
    "metadata": {"namespace": "shop", "name": "web-0", "labels": {"app": "web"}},
    "spec": {"nodeName": "n1"},
    "status": {"phase": "Running", "podIP": "10.244.0.7",
               "podIPs": [{"ip": "10.244.0.7"}, {"ip": "fd00::7"}]}})");
}

TEST(ReadPod, TakesLabelsAndAllAddresses) {
  const Pod pod = read_pod(running());
  EXPECT_EQ(pod.ns, "shop");
  EXPECT_EQ(pod.name, "web-0");
  EXPECT_THAT(pod.labels, ElementsAre(Pair("app", "web")));
  EXPECT_THAT(pod.addresses, ElementsAre(ip("10.244.0.7"), ip("fd00::7")));
}

TEST(ReadPod, LeavesOutAddressesThatAreNotItsOwn) {
  json object = running();
  object["spec"]["hostNetwork"] = true;
  EXPECT_THAT(read_pod(object).addresses, IsEmpty());
  object["spec"]["hostNetwork"] = false;
  EXPECT_THAT(read_pod(object).addresses, testing::SizeIs(2));
  for (const char* phase : {"Succeeded", "Failed"}) {
    object["status"]["phase"] = phase;
    EXPECT_THAT(read_pod(object).addresses, IsEmpty()) << phase;
  }
  object["status"] = {{"phase", "Pending"}};
  EXPECT_THAT(read_pod(object).addresses, IsEmpty());
  EXPECT_EQ(read_pod(object).name, "web-0");
}

TEST(ReadPod, TakesThePodIpAloneAndSkipsWhatIsNoAddress) {
  json object = running();
  object["status"].erase("podIPs");
  EXPECT_THAT(read_pod(object).addresses, ElementsAre(ip("10.244.0.7")));
  object["status"]["podIPs"] = json::parse(R"([{"ip": "10.244.0.300"}, 7, {"ip": "fd00::7"}])");
  object["status"]["podIP"] = nullptr;
  EXPECT_THAT(read_pod(object).addresses, ElementsAre(ip("fd00::7")));
}

TEST(TrimPod, LeavesWhatIsRead) {
  json object = running();
  object["metadata"]["uid"] = "u-1";
  object["metadata"]["resourceVersion"] = "7";
  object["metadata"]["annotations"] = {{"long", std::string(1000, 'x')}};
  object["metadata"]["labels"]["example.com/empty"] = "";
  const Pod before = read_pod(object);
  trim_pod(object);
  EXPECT_EQ(object.at("metadata").size(), 4U);
  EXPECT_EQ(object.at("metadata").at("resourceVersion"), "7");
  EXPECT_LT(object.dump().size(), 200U);
  const Pod after = read_trimmed_pod(object);
  EXPECT_EQ(after.ns, before.ns);
  EXPECT_EQ(after.name, before.name);
  EXPECT_EQ(after.labels, before.labels);
  EXPECT_EQ(after.addresses, before.addresses);

  json finished = running();
  finished["status"]["phase"] = "Succeeded";
  trim_pod(finished);
  EXPECT_THAT(read_trimmed_pod(finished).addresses, IsEmpty());
  EXPECT_EQ(read_trimmed_pod(finished).name, "web-0");
  json odd = "no map";
  trim_pod(odd);
  EXPECT_THAT(read_trimmed_pod(odd).labels, IsEmpty());
}

TEST(ReadPod, TakesAnything) {
  for (const char* text :
       {"null", "[]", "7", "{}", R"({"metadata": 1, "spec": "", "status": []})",
        R"({"metadata": {"labels": ["a"]}, "spec": {"hostNetwork": "yes"}})",
        R"({"metadata": {"labels": {"a": 1}}, "status": {"podIPs": {"ip": "10.0.0.1"}}})"}) {
    const Pod pod = read_pod(json::parse(text));
    EXPECT_THAT(pod.labels, IsEmpty()) << text;
    EXPECT_THAT(pod.addresses, IsEmpty()) << text;
  }
}

}  // namespace
}  // namespace espalier::reconcile
