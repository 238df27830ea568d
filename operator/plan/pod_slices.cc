#include "operator/plan/pod_slices.h"

#include <fmt/format.h>

namespace espalier::plan {

namespace {

constexpr std::size_t kFull = crds::kMaxAddressesOfSlice;
constexpr std::size_t kSmall = kFull / 4;
constexpr std::size_t kMaxNameOfPolicy = 240;  // with a number behind it a name has 253 at most

}  // namespace

void PodSlices::adopt(const crds::PodSlice& slice) {
  Policy& policy = policies_[slice.spec.policy];
  if (!slices_.emplace(slice.meta.name, Slice{slice.spec.policy, {}}).second) return;
  policy.by_size.emplace(0, slice.meta.name);
  written_.insert(slice.meta.name);
  for (const IpAddress& address : slice.spec.addresses) {
    // Written as it is read, unless an address is in two slices.
    if (policy.places.count(address) != 0) {
      touched_.insert(slice.meta.name);
      continue;
    }
    policy.places.emplace(address, Place{slice.meta.name, 0});
    put(policy, slice.meta.name, address);
  }
  const std::size_t left = slices_[slice.meta.name].addresses.size();
  if (left == slice.spec.addresses.size()) touched_.erase(slice.meta.name);
  if (left == 0) {
    policy.by_size.erase({0, slice.meta.name});
    slices_.erase(slice.meta.name);
  }
}

void PodSlices::settle() {
  for (auto& [name, policy] : policies_) {
    std::vector<IpAddress> unclaimed;
    for (const auto& [address, place] : policy.places) {
      if (place.claims == 0) unclaimed.push_back(address);
    }
    for (const IpAddress& address : unclaimed) take(policy, address);
  }
}

void PodSlices::claim(const std::string& policy, const IpAddress& address) {
  Policy& own = policies_[policy];
  const auto [place, fresh] = own.places.try_emplace(address);
  ++place->second.claims;
  if (!fresh) return;
  std::string name = slice_with_room(own, 1, {});
  if (name.empty()) name = new_slice(policy);
  place->second.slice = name;
  put(own, name, address);
}

void PodSlices::release(const std::string& policy, const IpAddress& address) {
  const auto own = policies_.find(policy);
  if (own == policies_.end()) return;
  const auto place = own->second.places.find(address);
  if (place == own->second.places.end()) return;
  if (place->second.claims > 1) {
    --place->second.claims;
    return;
  }
  take(own->second, address);
}

void PodSlices::release_all(const std::string& policy) {
  const auto own = policies_.find(policy);
  if (own == policies_.end()) return;
  for (const auto& [size, name] : own->second.by_size) {
    slices_.erase(name);
    touched_.insert(name);
  }
  policies_.erase(own);
}

PodSlices::Changes PodSlices::take_changes() {
  Changes changes;
  for (const std::string& name : touched_) {
    const auto slice = slices_.find(name);
    if (slice == slices_.end()) {
      if (written_.erase(name) != 0) changes.deleted.push_back(name);
      continue;
    }
    written_.insert(name);
    crds::PodSlice made;
    made.meta.name = name;
    made.spec.policy = slice->second.policy;
    made.spec.addresses.assign(slice->second.addresses.begin(), slice->second.addresses.end());
    changes.written.push_back(std::move(made));
  }
  touched_.clear();
  return changes;
}

void PodSlices::put(Policy& policy, const std::string& name, const IpAddress& address) {
  Slice& slice = slices_[name];
  policy.by_size.erase({slice.addresses.size(), name});
  slice.addresses.insert(address);
  policy.by_size.emplace(slice.addresses.size(), name);
  touched_.insert(name);
}

void PodSlices::take(Policy& policy, const IpAddress& address) {
  const auto place = policy.places.find(address);
  const std::string name = place->second.slice;
  policy.places.erase(place);
  Slice& slice = slices_[name];
  policy.by_size.erase({slice.addresses.size(), name});
  slice.addresses.erase(address);
  touched_.insert(name);
  if (slice.addresses.empty()) {
    slices_.erase(name);
    return;
  }
  policy.by_size.emplace(slice.addresses.size(), name);
  compact(policy, name);
}

std::string PodSlices::slice_with_room(const Policy& policy, std::size_t count,
                                       const std::string& other) {
  auto at = policy.by_size.lower_bound({kFull - count + 1, {}});
  while (at != policy.by_size.begin()) {
    --at;
    if (at->second != other) return at->second;
  }
  return {};
}

void PodSlices::compact(Policy& policy, const std::string& name) {
  const std::set<IpAddress> addresses = slices_[name].addresses;
  if (addresses.size() >= kSmall) return;
  const std::string into = slice_with_room(policy, addresses.size(), name);
  if (into.empty()) return;
  policy.by_size.erase({addresses.size(), name});
  slices_.erase(name);
  touched_.insert(name);
  for (const IpAddress& address : addresses) {
    policy.places[address].slice = into;
    put(policy, into, address);
  }
}

std::string PodSlices::new_slice(const std::string& policy) {
  const std::string stem = policy.substr(0, kMaxNameOfPolicy);
  std::size_t number = 1;
  std::string name = fmt::format("{}-{}", stem, number);
  // One that is to be deleted is not made again: its deletion could come after.
  while (slices_.count(name) != 0 || touched_.count(name) != 0) {
    name = fmt::format("{}-{}", stem, ++number);
  }
  slices_.emplace(name, Slice{policy, {}});
  policies_[policy].by_size.emplace(0, name);
  return name;
}

}  // namespace espalier::plan
