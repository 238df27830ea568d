#include "nodeagent/tunnel/journal.h"

#include <gtest/gtest.h>

namespace espalier::tunnel {
namespace {

Journal sample() {
  Journal journal;
  journal.next_reqid = dataplane::kReqidFirst + 7;
  journal.reqids[{"node2/v4", "nodes"}] = dataplane::kReqidFirst;
  journal.reqids[{"edge/branch", "branch"}] = dataplane::kReqidFirst + 6;
  dataplane::PolicyId id;
  id.direction = dataplane::Direction::kForward;
  id.selector = {*Prefix::parse("fd00::/64"), *Prefix::parse("::/0"), 17, 53, 0};
  journal.clear_policies.insert(id);
  id.mark = dataplane::Mark{0x1000, 0x1100};
  journal.clear_policies.insert(id);
  journal.groups = {{"payments", 0}, {"web", 3}};
  return journal;
}

TEST(Journal, ComesBackAsItWasWritten) {
  const auto decoded = decode_journal(encode(sample()));
  ASSERT_TRUE(decoded) << decoded.error().to_string();
  EXPECT_EQ(*decoded, sample());
}

TEST(Journal, NothingIsAnEmptyJournal) {
  const auto decoded = decode_journal("");
  ASSERT_TRUE(decoded);
  EXPECT_EQ(*decoded, Journal{});
}

TEST(Journal, ALineThatIsBrokenIsNamed) {
  const auto broken = [](const std::string& line) {
    const auto decoded = decode_journal("espalier-journal\t1\n" + line + "\n");
    return decoded ? std::string("taken") : decoded.error().where;
  };
  EXPECT_EQ(broken("reqid\t16389\tnode2/v4\tnodes"), "journal:2");  // libreswan's, not ours
  EXPECT_EQ(broken("reqid\t1157627904\tnode2/v4"), "journal:2");
  EXPECT_EQ(broken("clear\tsideways\t10.0.0.0/8\t10.0.0.0/8\t0\t0\t0"), "journal:2");
  EXPECT_EQ(broken("clear\tin\t10.0.0.0/8\tfd00::/8\t0\t0\t0"), "journal:2");
  EXPECT_EQ(broken("clear\tin\t10.0.0.0/8\t10.0.0.0/8\t0\t0\t0\t1\tx"), "journal:2");
  EXPECT_EQ(broken("pods\tmany\tweb"), "journal:2");
  EXPECT_EQ(broken("clear\tin\t10.0.0.0/8\t10.0.0.0/8\t256\t0\t0"), "journal:2");
  EXPECT_EQ(broken("next\t1157627904 "), "journal:2");
  EXPECT_EQ(broken("something else"), "journal:2");
  EXPECT_FALSE(decode_journal("GIF89a"));
}

TEST(Journal, ALaterVersionIsNotGuessedAt) {
  const auto decoded = decode_journal("espalier-journal\t2\nwhatever\n");
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().code, Code::kUnsupported);
}

TEST(Reqids, AChildKeepsItsReqidAndNoneIsReusedSoon) {
  Reqids reqids;
  const ChildKey nodes{"node2/v4", "nodes"}, pods{"node2/v4", "pods"};
  const auto first = reqids.give(nodes);
  const auto second = reqids.give(pods);
  ASSERT_TRUE(first && second);
  EXPECT_NE(*first, *second);
  EXPECT_EQ(*reqids.give(nodes), *first);
  EXPECT_EQ(reqids.key_of(*second), pods);

  EXPECT_FALSE(reqids.retain({nodes}, {*second}));  // its SAs still live
  EXPECT_TRUE(reqids.retain({nodes}, {}));
  EXPECT_EQ(reqids.key_of(*second), std::nullopt);
  EXPECT_GT(*reqids.give(pods), *second);
}

TEST(Reqids, StartsAgainAtTheEndOfTheRangeAndSkipsWhatIsTaken) {
  Reqids reqids;
  ASSERT_TRUE(reqids.restore({"a", "x"}, dataplane::kReqidFirst));
  reqids.avoid({dataplane::kReqidFirst + 1});
  reqids.restore_next(dataplane::kReqidLast);
  EXPECT_EQ(*reqids.give({"b", "x"}), dataplane::kReqidLast);
  EXPECT_EQ(*reqids.give({"c", "x"}), dataplane::kReqidFirst + 2);
}

TEST(Reqids, RefusesToRestoreWhatIsNotOursOrTwice) {
  Reqids reqids;
  EXPECT_FALSE(reqids.restore({"a", "x"}, 1));
  EXPECT_TRUE(reqids.restore({"a", "x"}, dataplane::kReqidFirst));
  EXPECT_FALSE(reqids.restore({"a", "x"}, dataplane::kReqidFirst + 1));
  EXPECT_FALSE(reqids.restore({"b", "x"}, dataplane::kReqidFirst));
}

}  // namespace
}  // namespace espalier::tunnel
