// NoteBook: what people must be told, collected pair by pair and told once per object.
#pragma once

#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "operator/plan/node_plan.h"

namespace espalier::plan {

class NoteBook {
 public:
  // The same text about the same object is one note; `peer` (may be empty) is added to its list.
  void add(NoteKind kind, const Owner& about, std::string text, const std::string& peer);
  // Everything in another book; its peers come after ours.
  void add(const NoteBook& other);
  [[nodiscard]] bool empty() const { return peers_.empty(); }
  // Sorted. "… with 5 peers: node2, node3, node4 and 2 more"
  [[nodiscard]] std::vector<PlanNote> notes() const;

 private:
  using Key = std::tuple<NoteKind, std::string, std::string, std::string, std::string>;
  std::map<Key, std::vector<std::string>> peers_;
};

}  // namespace espalier::plan
