#include "nodeagent/dataplane/xfrm/xfrm_stat.h"

#include <gtest/gtest.h>

namespace espalier::dataplane::xfrm {
namespace {

TEST(XfrmStat, EveryRowByNameAndInOrder) {
  const auto counters = parse_xfrm_stat(
      "XfrmInError             \t0\n"
      "XfrmInNoStates          \t17\n"
      "XfrmOutStateDirError    \t18446744073709551615\n");
  ASSERT_TRUE(counters);
  const std::vector<XfrmCounter> expected{
      {"XfrmInError", 0}, {"XfrmInNoStates", 17}, {"XfrmOutStateDirError", ~0ULL}};
  EXPECT_EQ(*counters, expected);
}

TEST(XfrmStat, EmptyIsEmpty) {
  EXPECT_TRUE(parse_xfrm_stat("")->empty());
  EXPECT_TRUE(parse_xfrm_stat("\n  \n")->empty());
}

TEST(XfrmStat, TheBadLineIsNamed) {
  for (const char* line : {"XfrmInError", "XfrmInError x", "XfrmInError 1 2", "XfrmInError -1",
                           "XfrmInError 18446744073709551616", " 7", "XfrmInError 0x1"}) {
    const auto counters = parse_xfrm_stat(std::string("XfrmInNoStates 1\n") + line + "\n");
    ASSERT_FALSE(counters) << line;
    EXPECT_EQ(counters.error().where, "xfrm_stat line 2");
  }
}

}  // namespace
}  // namespace espalier::dataplane::xfrm
