// The initial exchanges, in the notation of RFC 7296 section 1.2.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ike/testing/simulation.h"

namespace espalier::ike::testing {
namespace {

using namespace std::chrono_literals;

TEST(Handshake, TwoExchangesMakeAnIkeSaAndAChild) {
  Pair pair;
  pair.establish();
  EXPECT_EQ(pair.transcript(),
            "a -> b  IKE_SA_INIT request 0: HDR, SA, KE, Nonce\n"
            "b -> a  IKE_SA_INIT response 0: HDR, SA, KE, Nonce, CERTREQ\n"
            "a -> b  IKE_AUTH request 1: HDR, SK {IDi, CERT, CERTREQ, IDr, AUTH, "
            "N(INITIAL_CONTACT), SA, TSi, TSr}\n"
            "b -> a  IKE_AUTH response 1: HDR, SK {IDr, CERT, AUTH, SA, TSi, TSr}\n");
  EXPECT_TRUE(pair.usable());
  EXPECT_TRUE(pair.a.failures().empty());
  EXPECT_TRUE(pair.b.failures().empty());
  EXPECT_EQ(pair.a.kernel_inbound(), 1U);
  EXPECT_EQ(pair.b.kernel_outbound(), 1U);
}

}  // namespace
}  // namespace espalier::ike::testing
