// FieldOwnership: who applied which field of one object; the part of server-side apply that
// reconcilers depend on.
//
// Guarantees, as the real one: a field that a manager applied and leaves out the next time goes,
// unless another owns it, too; a different value for another's field is a conflict, or, with force,
// changes hands; applying the same again changes nothing. Lists are atomic, but for
// status.conditions (by type), metadata.ownerReferences (by uid), metadata.finalizers (a set) and
// what keyed_lists names.
// Caveat: the schema is not known, so defaults, granular maps inside atomic lists and the like are
// not there; the tests against the real server are the judge.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "kube/object.h"

namespace espalier::kube::testing {

// "status.nodes" -> {"name"}: the list at that path is a map by these keys.
using KeyedLists = std::map<std::string, std::vector<std::string>, std::less<>>;

struct FieldConflict {
  std::string field;    // ".spec.hash"
  std::string manager;  // who owns it
};

class FieldOwnership {
 public:
  // Applies `config` to `live`; with conflicts and without force, changes nothing and returns them.
  std::vector<FieldConflict> apply(Json& live, const Json& config, const std::string& manager,
                                   bool force, const KeyedLists& keyed_lists);
  // Whoever wrote `after` over `before` by PUT, POST or a patch owns what it changed.
  void updated(const Json& before, const Json& after, const std::string& manager,
               const KeyedLists& keyed_lists);

  // For a test's eyes: ".spec.hash" and the like.
  [[nodiscard]] std::set<std::string> owned_by(const std::string& manager) const;

 private:
  using Path = std::vector<std::string>;
  std::map<std::string, std::set<Path>> owners_;
};

}  // namespace espalier::kube::testing
