// Cursor: one place in a document while it is decoded, and the way to report what is wrong there.
//
// Guarantees: cheap to copy; knows the place's path for people ("spec.ike.proposals[1]") and, for a
// document that has them, its line and column. At most kMaxProblems are kept per document.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "crds/types/document.h"
#include "crds/types/problem.h"

namespace espalier::crds {

// What all cursors of one document share.
struct Decoding {
  const Document* document = nullptr;
  std::string object;  // how problems name it; known once metadata was read
  Problems problems;
};

class Cursor {
 public:
  // The document's root. `decoding` outlives the cursor.
  Cursor(const Json& json, Decoding& decoding) : json_(&json), decoding_(&decoding) {}

  [[nodiscard]] const Json& json() const { return *json_; }
  [[nodiscard]] const std::string& field() const { return field_; }

  // `key` is a key of this map, `index` an index of this list.
  [[nodiscard]] Cursor at(const std::string& key) const;
  [[nodiscard]] Cursor at(std::size_t index) const;

  void invalid(std::string detail) const { report(ProblemKind::kInvalid, std::move(detail)); }
  void not_yet(std::string_view feature) const;

  // This key of the map is not known; says which are, and which one was probably meant.
  void unknown_key(const std::string& key, const std::vector<std::string>& known) const;

  // "a string is needed here, this is a number": for a value of the wrong type.
  void wrong_type(std::string_view needed) const;

  // How many problems the document has so far.
  [[nodiscard]] std::size_t problems() const { return decoding_->problems.size(); }
  void name_object(std::string object) const { decoding_->object = std::move(object); }
  [[nodiscard]] const Document& document() const { return *decoding_->document; }
  // Where this value begins, or its nearest parent with a place.
  [[nodiscard]] Origin origin() const;

 private:
  void report(ProblemKind kind, std::string detail) const;

  const Json* json_;
  Decoding* decoding_;
  std::string field_;    // "spec.peers[0].ipBlock"
  std::string pointer_;  // "/spec/peers/0/ipBlock"
};

}  // namespace espalier::crds
