// Shared by the tests of whole nodes: a cluster, and what is expected of its traffic.
#pragma once

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nodeagent/tunnel/testing/cluster.h"

namespace espalier::tunnel::testing {

inline std::string text_of(const Tally& tally) {
  std::string text = "sent " + std::to_string(tally.sent) + " delivered " +
                     std::to_string(tally.delivered) + " clear " + std::to_string(tally.clear);
  for (const auto& [why, count] : tally.lost) text += " " + why + " " + std::to_string(count);
  return text;
}

// ESPALIER_TRACE=1 prints what happens.
[[nodiscard]] bool tracing();
void print(const std::string& line);

class ClusterTest : public ::testing::Test {
 protected:
  void nodes(int count) {
    if (tracing()) cluster.trace = print;
    for (int i = 1; i <= count; ++i) cluster.add("node" + std::to_string(i));
  }
  void establish(bool pods = false) {
    cluster.boot_all(pods);
    ASSERT_TRUE(
        cluster.run_until([&] { return cluster.all_established(); }, std::chrono::seconds(20)));
    cluster.run_for(std::chrono::seconds(5));  // SAs of a crossing are gone
    cluster.clear_tallies();
  }
  // Packets close enough that no gap escapes them, and packets that just keep things going.
  void busy() {
    cluster.traffic_interval = std::chrono::milliseconds(1);
    cluster.pod_traffic = true;
  }
  void calm() {
    cluster.run_for(std::chrono::seconds(1));
    cluster.traffic_interval = std::chrono::milliseconds(200);
  }
  void expect_nothing_lost() {
    cluster.traffic_interval = Duration::zero();
    cluster.run_for(std::chrono::seconds(1));
    const Tally total = cluster.total();
    EXPECT_GT(total.sent, 0U);
    EXPECT_EQ(total.delivered, total.sent) << text_of(total);
    EXPECT_EQ(total.clear, 0U);
  }

  Cluster cluster;
};

}  // namespace espalier::tunnel::testing
