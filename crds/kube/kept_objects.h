// KeptObjects: the objects of one of our kinds, decoded and kept from a watch one by one.
//
// Guarantees: an object that says the same (spec, labels, uid and generation) stays the same
// pointer, so that who plans with it sees what changed; one that is wrong is left out and the
// reason kept. Not thread-safe.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "crds/kube/decoding.h"
#include "crds/types/decode.h"
#include "kube/object.h"

namespace espalier::crds {

template <typename Kind>
class KeptObjects {
 public:
  // `object` null, or being deleted: it is gone. True when all() or refused() is another one now: a
  // status alone changes neither.
  bool set(const kube::ObjectKey& key, const kube::ObjectPtr& object) {
    const auto at = refused_.find(key);
    const std::string before = at == refused_.end() ? std::string() : at->second;
    refused_.erase(key);
    if (!object || object->metadata.deleting()) return all_.erase(key) != 0 || !before.empty();
    auto decoded = decode_as<Kind>(document_of(*object));
    if (!decoded) {
      refused_[key] = decoded.error().to_string();
      return all_.erase(key) != 0 || refused_[key] != before;
    }
    std::shared_ptr<const Kind>& known = all_[key];
    if (known && same(*known, **decoded)) return false;
    known = std::move(*decoded);
    return true;
  }

  [[nodiscard]] const std::map<kube::ObjectKey, std::shared_ptr<const Kind>>& all() const {
    return all_;
  }
  // Why an object is not among them.
  [[nodiscard]] const std::map<kube::ObjectKey, std::string>& refused() const { return refused_; }

 private:
  [[nodiscard]] static bool same(const Kind& a, const Kind& b) {
    return a.spec == b.spec && a.meta.labels == b.meta.labels && a.meta.uid == b.meta.uid &&
           a.meta.generation == b.meta.generation;
  }

  std::map<kube::ObjectKey, std::shared_ptr<const Kind>> all_;
  std::map<kube::ObjectKey, std::string> refused_;
};

}  // namespace espalier::crds
