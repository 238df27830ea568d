// PodSlices: the addresses of the pods that policies select, cut into slices, kept with few writes.
//
// A pod that comes or goes changes one slice, whatever the size of the cluster; an address never
// moves from one slice to another but to empty one that has become small.
//
// Guarantees: every selected address is in exactly one slice of its policy, and nothing else is
// once settle() was called; of a policy's slices at most one is less than a quarter full, so that
// their number stays within four times the least; names are unique and never change. Pure. Caveat:
// an address may be claimed several times (a pod that ends and its successor), and counts until as
// many were released.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "crds/types/pod_slice.h"

namespace espalier::plan {

class PodSlices {
 public:
  // A slice that the API server has, at the start. Its addresses stay until settle().
  void adopt(const crds::PodSlice& slice);
  // Releases what was adopted and nobody claimed. To be called once all pods are known.
  void settle();

  void claim(const std::string& policy, const IpAddress& address);
  void release(const std::string& policy, const IpAddress& address);
  // The policy is gone or selects nothing any more.
  void release_all(const std::string& policy);

  struct Changes {
    std::vector<crds::PodSlice> written;  // by name
    std::vector<std::string> deleted;
  };
  // What is to be written since the last call.
  [[nodiscard]] Changes take_changes();

  [[nodiscard]] std::size_t slice_count() const { return slices_.size(); }

 private:
  struct Slice {
    std::string policy;
    std::set<IpAddress> addresses;
  };
  struct Place {
    std::string slice;
    std::size_t claims = 0;
  };
  struct Policy {
    std::map<IpAddress, Place> places;
    std::set<std::pair<std::size_t, std::string>> by_size;  // of its slices
  };

  void put(Policy& policy, const std::string& name, const IpAddress& address);
  void take(Policy& policy, const IpAddress& address);
  // The fullest slice that has room for `count` more and is not `other`; empty: there is none.
  [[nodiscard]] static std::string slice_with_room(const Policy& policy, std::size_t count,
                                                   const std::string& other);
  // Empties a slice that has become small into another one.
  void compact(Policy& policy, const std::string& name);
  std::string new_slice(const std::string& policy);

  std::map<std::string, Slice> slices_;
  std::map<std::string, Policy, std::less<>> policies_;
  std::set<std::string> written_;  // slices that the API server has, or will have
  std::set<std::string> touched_;  // slices since the last take_changes()
};

}  // namespace espalier::plan
