// One NSS provider for a whole test program, closed after its last test with
// NSS_Shutdown()==SECSuccess asserted: a leak detector for free. Including this in any of the
// program's files is enough. With ESPALIER_TEST_FIPS in the environment the library is in FIPS
// mode.
#pragma once

#include <cstdlib>

#include <gtest/gtest.h>

#include "ike/crypto/nss/nss_provider.h"

namespace espalier::ike::crypto::nss {

class SharedProvider : public ::testing::Environment {
 public:
  void SetUp() override {
    NssOptions options;
    options.fips = std::getenv("ESPALIER_TEST_FIPS") != nullptr;
    auto opened = NssProvider::open(options);
    ASSERT_TRUE(opened) << opened.error().to_string();
    slot() = std::move(*opened);
  }
  void TearDown() override {
    if (!slot()) return;
    const Status closed = slot()->close();
    EXPECT_TRUE(closed) << closed.error().to_string();
    slot().reset();
  }
  static std::unique_ptr<Provider>& slot() {
    static std::unique_ptr<Provider> provider;
    return provider;
  }
};

inline ::testing::Environment* const kSharedProvider =
    ::testing::AddGlobalTestEnvironment(new SharedProvider);

inline Provider& shared_provider() {
  return *SharedProvider::slot();
}

}  // namespace espalier::ike::crypto::nss
