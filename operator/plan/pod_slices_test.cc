#include "operator/plan/pod_slices.h"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/plan/pods_of_policies.h"

namespace espalier::plan {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

IpAddress pod(std::uint32_t number) {
  return IpAddress::v4(0x0a000000U + number);
}

// What the API server has after the changes so far.
class Written {
 public:
  // How many objects were written or deleted.
  std::size_t follow(PodSlices& slices) {
    PodSlices::Changes changes = slices.take_changes();
    const std::size_t count = changes.written.size() + changes.deleted.size();
    for (const std::string& name : changes.deleted) {
      EXPECT_EQ(objects.erase(name), 1U) << name << " is deleted and was never written";
    }
    for (crds::PodSlice& slice : changes.written) objects[slice.meta.name] = std::move(slice);
    return count;
  }

  // Every address of a policy's slices; fails when one is in two of them.
  std::set<IpAddress> addresses(const std::string& policy) const {
    std::set<IpAddress> all;
    for (const auto& [name, slice] : objects) {
      EXPECT_GE(slice.spec.addresses.size(), 1U);
      EXPECT_LE(slice.spec.addresses.size(), crds::kMaxAddressesOfSlice);
      if (slice.spec.policy != policy) continue;
      for (const IpAddress& address : slice.spec.addresses) {
        EXPECT_TRUE(all.insert(address).second) << address.to_string() << " is in two slices";
      }
    }
    return all;
  }

  std::map<std::string, crds::PodSlice> objects;
};

TEST(PodSlices, HoldWhatIsSelectedThroughAnyChanges) {
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    PodSlices slices;
    Written written;
    std::map<std::string, std::multiset<IpAddress>> expected;
    for (int step = 0; step < 1500; ++step) {
      const std::string policy = random() % 3 == 0 ? "a" : "b";
      const IpAddress address = pod(static_cast<std::uint32_t>(random() % 600));
      std::multiset<IpAddress>& own = expected[policy];
      // It grows, shrinks and grows again.
      if (random() % 10 < (step / 500 == 1 ? 2U : 8U)) {
        slices.claim(policy, address);
        own.insert(address);
      } else {
        slices.release(policy, address);
        if (const auto at = own.find(address); at != own.end()) own.erase(at);
      }
      if (random() % 400 == 0) {
        slices.release_all(policy);
        own.clear();
      }
      if (random() % 3 != 0) continue;  // several changes may be one write
      (void)written.follow(slices);
      for (const auto& [name, addresses] : expected) {
        ASSERT_EQ(written.addresses(name), std::set<IpAddress>(addresses.begin(), addresses.end()));
        std::size_t small = 0;
        for (const auto& [key, slice] : written.objects) {
          if (slice.spec.policy == name && slice.spec.addresses.size() < 25) ++small;
        }
        ASSERT_LE(small, 1U);
      }
    }
  }
}

TEST(PodSlices, OnePodIsOneWrite) {
  PodSlices slices;
  Written written;
  for (std::uint32_t i = 0; i < 1000; ++i) slices.claim("p", pod(i));
  EXPECT_EQ(written.follow(slices), 10U);
  slices.claim("p", pod(1000));
  EXPECT_EQ(written.follow(slices), 1U);
  slices.release("p", pod(500));
  EXPECT_EQ(written.follow(slices), 1U);
  slices.claim("p", pod(5000));  // into the place that became free
  EXPECT_EQ(written.follow(slices), 1U);
  EXPECT_THAT(written.objects, SizeIs(11));
  slices.claim("p", pod(5000));
  EXPECT_EQ(written.follow(slices), 0U);
  slices.release("p", pod(5000));  // its successor still has it
  EXPECT_EQ(written.follow(slices), 0U);
  slices.release("q", pod(1));
  slices.release("p", pod(7777));
  EXPECT_EQ(written.follow(slices), 0U);
}

TEST(PodSlices, ARestartWritesNothingThatStands) {
  PodSlices before;
  Written written;
  for (std::uint32_t i = 0; i < 250; ++i) before.claim("p", pod(i));
  (void)written.follow(before);
  PodSlices after;
  for (const auto& [name, slice] : written.objects) after.adopt(slice);
  EXPECT_EQ(written.follow(after), 0U);
  // Meanwhile the last pod went and another came.
  for (std::uint32_t i = 0; i < 249; ++i) after.claim("p", pod(i));
  after.claim("p", pod(900));
  after.settle();
  EXPECT_LE(written.follow(after), 2U);
  const std::set<IpAddress> now = written.addresses("p");
  EXPECT_THAT(now, SizeIs(250));
  EXPECT_EQ(now.count(pod(900)), 1U);
  EXPECT_EQ(now.count(pod(249)), 0U);
}

TEST(PodSlices, AnAddressFoundInTwoSlicesIsLeftInOne) {
  PodSlices slices;
  Written written;
  for (const char* name : {"p-1", "p-2", "p-3"}) {
    crds::PodSlice slice;
    slice.meta.name = name;
    slice.spec = {"p", {pod(1), pod(name[2] == '1' ? 2 : 3)}};
    if (name[2] == '3') slice.spec.addresses = {pod(1)};
    written.objects[name] = slice;
    slices.adopt(slice);
  }
  for (const std::uint32_t i : {1U, 2U, 3U}) slices.claim("p", pod(i));
  slices.settle();
  EXPECT_EQ(written.follow(slices), 2U);
  EXPECT_THAT(written.addresses("p"), SizeIs(3));
  EXPECT_THAT(written.objects, SizeIs(2));
}

TEST(PodSlices, NamesStayWithinTheirBoundsAndAreNeverShared) {
  const std::string longest(253, 'p');
  const std::string other = std::string(252, 'p') + "q";
  PodSlices slices;
  slices.claim(longest, pod(1));
  slices.claim(other, pod(1));
  const PodSlices::Changes changes = slices.take_changes();
  ASSERT_THAT(changes.written, SizeIs(2));
  EXPECT_NE(changes.written[0].meta.name, changes.written[1].meta.name);
  EXPECT_LE(changes.written[0].meta.name.size(), 253U);
  EXPECT_THAT(changes.deleted, IsEmpty());
}

TEST(PodsOf, IsWhatAllSlicesOfAPolicySayTogether) {
  const auto slice = [](const char* policy, std::vector<const char*> addresses) {
    auto made = std::make_shared<crds::PodSlice>();
    made->spec.policy = policy;
    for (const char* text : addresses) made->spec.addresses.push_back(*IpAddress::parse(text));
    return made;
  };
  const IpAddress first = *IpAddress::parse("10.244.1.7");
  const IpAddress second = *IpAddress::parse("10.244.1.8");
  EXPECT_EQ(pods_of({slice("web", {"10.244.1.8"}), slice("db", {"10.244.1.7"}),
                     slice("web", {"10.244.1.7", "10.244.1.8"})}),
            (PodsOfPolicies{{"db", {first}}, {"web", {first, second}}}));
}

}  // namespace
}  // namespace espalier::plan
