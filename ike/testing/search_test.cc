// Random search: everything at once, and in the end all is well. Each run is told by its seed.
// ESPALIER_SEEDS says how many runs, ESPALIER_FIRST_SEED where to begin.
#include <cstdlib>
#include <random>

#include "ike/testing/expectations.h"
#include "ike/testing/script.h"

namespace espalier::ike::testing {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

// Runs `one` for each seed, until the first that fails: it tells enough.
template <typename One>
void search(std::uint64_t seeds, One one) {
  seeds = number_from("ESPALIER_SEEDS", seeds);
  const std::uint64_t first = number_from("ESPALIER_FIRST_SEED", 1);
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    Pair pair(seed);
    one(pair, random);
    if (::testing::Test::HasFailure()) {
      ADD_FAILURE() << describe(pair);
      return;
    }
  }
}

void take_crypto_time(Pair& pair, std::mt19937_64& random) {
  if (random() % 2 == 0) return;
  const auto most = 1 + random() % 100;
  pair.crypto_time = [most, &random](const Node&, const crypto::Job&) {
    return milliseconds(random() % most);
  };
}

void take_faults(Pair& pair, std::mt19937_64& random) {
  pair.faults.drop_percent = static_cast<unsigned>(random() % 25);
  pair.faults.duplicate_percent = static_cast<unsigned>(random() % 25);
  pair.faults.jitter = milliseconds(random() % 400);
  take_crypto_time(pair, random);
}

// With the network whole again, one usable pair is left. Loss alone may have ended an IKE SA (ten
// seconds without an answer): then begin again, as the tunnel would.
void expect_a_good_end(Pair& pair, Duration settling = 60s) {
  pair.faults = {};
  pair.run_for(settling);
  for (Node* node : {&pair.a, &pair.b}) {
    if (current_child(*node) != 0) continue;
    node->initiate(1);
    pair.run_for(60s);
  }
  EXPECT_TRUE(pair.usable());
  EXPECT_EQ(pair.a.kernel_inbound(), pair.b.kernel_outbound());
  EXPECT_EQ(pair.b.kernel_inbound(), pair.a.kernel_outbound());
  for (const Node* node : {&pair.a, &pair.b}) {
    EXPECT_EQ(node->ike_sas().size(), 1U) << node->name();
    EXPECT_EQ(node->child_sas().size(), 1U) << node->name();
    EXPECT_EQ(node->kernel_inbound(), 1U) << node->name();
  }
}

TEST(RandomSearch, EveryOrderOfRekeysEndsInOneUsablePair) {
  search(300, [](Pair& pair, std::mt19937_64& random) {
    take_faults(pair, random);
    pair.a.initiate(1);
    if (random() % 2 == 0) pair.b.initiate(1);
    pair.run_for(5s);
    for (int i = 0; i < 8; ++i) {
      Node& node = random() % 2 == 0 ? pair.a : pair.b;
      switch (random() % 3) {
        case 0:
          node.command(RekeyChild{current_child(node)});
          break;
        case 1:
          node.command(RekeyIkeSa{ike_sa(node)});
          break;
        default:
          node.command(ProbePeer{1});
          break;
      }
      pair.run_for(milliseconds(random() % 1500));
    }
    expect_a_good_end(pair);
  });
}

// Deletes and the death of either end between the rekeys; the tunnel above begins anew.
TEST(RandomSearch, DeletesAndRestartsAmongThemEndInOneUsablePair) {
  search(300, [](Pair& pair, std::mt19937_64& random) {
    take_faults(pair, random);
    pair.a.initiate(1);
    pair.run_for(3s);
    for (int i = 0; i < 10; ++i) {
      Node& node = random() % 2 == 0 ? pair.a : pair.b;
      Node& other = &node == &pair.a ? pair.b : pair.a;
      switch (random() % 12) {
        case 0:
          node.command(TerminateChild{current_child(node)});
          break;
        case 1:
          node.command(TerminateConnection{1});
          break;
        case 2:
          node.reboot();
          node.set(1, node.connection_to(other));
          break;
        case 3:
        case 4:
          if (current_child(node) == 0) node.initiate(1);
          break;
        case 5:
          node.command(ProbePeer{1});
          break;
        case 6:
        case 7:
        case 8:
          node.command(RekeyIkeSa{ike_sa(node)});
          break;
        default:
          node.command(RekeyChild{current_child(node)});
          break;
      }
      pair.run_for(milliseconds(random() % 1500));
    }
    expect_a_good_end(pair);
  });
}

// On a network that delays, repeats and reorders, but loses nothing, no rekey costs a packet.
TEST(RandomSearch, RekeysOfAnyOrderLoseNoPacket) {
  search(100, [](Pair& pair, std::mt19937_64& random) {
    pair.establish();
    pair.faults.duplicate_percent = static_cast<unsigned>(random() % 25);
    pair.faults.jitter = milliseconds(random() % 200);
    take_crypto_time(pair, random);
    for (int i = 0; i < 6; ++i) {
      Node& node = random() % 2 == 0 ? pair.a : pair.b;
      if (random() % 3 == 0) {
        node.command(RekeyIkeSa{ike_sa(node)});
      } else {
        node.command(RekeyChild{current_child(node)});
      }
      pair.run_with_traffic(pair.a, pair.b, milliseconds(random() % 1000), 7ms);
    }
    pair.run_with_traffic(pair.a, pair.b, 10s, 50ms);
    expect_a_good_end(pair);
    expect_nothing_lost(pair);
  });
}

// Octets at random, read as deeds.
TEST(RandomSearch, WhateverIsSentEndsWell) {
  const std::uint64_t seeds = number_from("ESPALIER_SEEDS", 300);
  const std::uint64_t first = number_from("ESPALIER_FIRST_SEED", 1);
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    std::mt19937_64 random(seed);
    Bytes script(100 + random() % 900);
    for (auto& octet : script) {
      // Small numbers say more than large ones: deeds, payload types, lengths.
      octet = static_cast<std::uint8_t>(random() % 2 == 0 ? random() % 48 : random());
    }
    ASSERT_EQ(play(script), "") << "seed " << seed;
  }
}

}  // namespace
}  // namespace espalier::ike::testing
