#include "rpc/pods/pod_message.h"

#include <gtest/gtest.h>

namespace espalier::pods {
namespace {

PodRequest cover_request() {
  return {Ask::kCover,
          {"shop",
           "web-0",
           "0123456789abcdef",
           {*IpAddress::parse("10.244.1.7"), *IpAddress::parse("fd00:1::7")}},
          std::chrono::milliseconds(9500)};
}

TEST(PodMessage, RequestsComeBackAsTheyWere) {
  EXPECT_EQ(*decode_request(encode(cover_request())), cover_request());
  const PodRequest status{Ask::kStatus, {}, std::chrono::milliseconds(700)};
  EXPECT_EQ(*decode_request(encode(status)), status);
}

TEST(PodMessage, AnswersComeBackAsTheyWere) {
  for (const PodAnswer& answer :
       {PodAnswer{true, "", LinkMtu{1443, 0}}, PodAnswer{true, "", LinkMtu{1400, 57}},
        PodAnswer{true, "", {}}, PodAnswer{false, "no plan \"yet\"\nand more", {}}}) {
    const std::string line = encode(answer);
    EXPECT_EQ(line.find('\n'), line.size() - 1);
    EXPECT_EQ(*decode_answer(line), answer);
  }
}

TEST(PodMessage, NamesWhatIsWrong) {
  const auto error = [](std::string_view line) { return decode_request(line).error().to_string(); };
  EXPECT_EQ(error("{"), "is no JSON");
  EXPECT_EQ(error("[]"), "an object is needed");
  EXPECT_EQ(error(R"({"ask":"sing"})"), "ask: cover or status is needed");
  EXPECT_EQ(error(R"({"ask":7})"), "ask: a string is needed");
  EXPECT_EQ(error(R"({"ask":"cover"})"), "pod: an object is needed");
  EXPECT_EQ(error(R"({"ask":"cover","pod":{"addresses":[]}})"),
            "pod.addresses: a list of at least one address is needed");
  EXPECT_EQ(error(R"({"ask":"cover","pod":{"addresses":["10.0.0"]}})"),
            "pod.addresses: an IP address is needed");
  EXPECT_EQ(error(R"({"ask":"cover","pod":{"addresses":["::1"]},"patienceMilliseconds":-1})"),
            "patienceMilliseconds: a number from 0 to 600000 is needed");
  EXPECT_EQ(error(std::string(100, '[')), "JSON that is nested too deeply");
  EXPECT_EQ(error(std::string(kLongestLine + 1, ' ')), "a line that is too long");
  EXPECT_EQ(decode_answer(R"({"covered":true,"mtu":900})").error().where, "mtu");
  EXPECT_EQ(decode_answer("{}").error().where, "covered");
}

TEST(PodMessage, LeavesAsideWhatALaterReleaseAdds) {
  EXPECT_EQ(decode_request(R"({"ask":"status","colour":"green"})")->ask, Ask::kStatus);
  EXPECT_TRUE(decode_answer(R"({"covered":true,"colour":[1]})")->covered);
}

TEST(PodMessage, PodsAreNamedForPeople) {
  EXPECT_EQ(cover_request().pod.to_string(), "shop/web-0 (10.244.1.7, fd00:1::7)");
  EXPECT_EQ((Pod{"", "", "0123456789abcdef", {}}.to_string()), "container 0123456789ab");
}

}  // namespace
}  // namespace espalier::pods
