// Value and Shape: a declarative decoder. A Value<T> reads one JSON value into a T and carries its
// schema; a Shape<T> lists the fields of a struct. A kind is one table: decoding, the check for
// unknown fields, the list of what is allowed and the comparison with the CRD all come from it.
//
//   Shape<Liveness> shape;
//   shape.required("delay", &Liveness::delay, duration(1s, 1h));
//   shape.optional("action", &Liveness::action, choice<LivenessAction>({{"Restart", …}, …}));
//   shape.rule([](const Liveness& value, const Cursor& here) { if (…) here.at("delay").invalid(…);
//   });
//
// Guarantees: every problem is reported, not only the first; rules that compare fields run only
// once the fields themselves are right. Only the decoders' .cc files include this.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "crds/types/cursor.h"

namespace espalier::crds {

// Reports and returns nullopt when the JSON is not a T. `schema` is a structural OpenAPI schema as
// in a CRD, without descriptions.
template <typename T>
struct Value {
  using Type = T;
  Json schema;
  std::function<std::optional<T>(const Cursor&)> read;
};

template <typename T>
class Shape {
 public:
  // The field sets the member of T or of a base of it; Member is U or std::optional<U>.
  template <typename Base, typename Member, typename U>
  Shape& optional(std::string name, Member Base::*member, Value<U> value) {
    static_assert(std::is_base_of_v<Base, T>);
    schema_["properties"][name] = std::move(value.schema);
    fields_.push_back(
        {name, false, [member, read = std::move(value.read)](const Cursor& here, T& to) {
           if (auto got = read(here)) to.*member = std::move(*got);
         }});
    return *this;
  }

  template <typename Base, typename Member, typename U>
  Shape& required(std::string name, Member Base::*member, Value<U> value) {
    optional(name, member, std::move(value));
    fields_.back().required = true;
    schema_["required"].push_back(std::move(name));
    return *this;
  }

  // Part of the API, but this release lacks it: whatever its value, "not yet".
  Shape& not_yet(std::string name, std::string feature) {
    pending_.push_back(name);
    fields_.push_back(
        {std::move(name), false,
         [feature = std::move(feature)](const Cursor& here, T&) { here.not_yet(feature); }});
    return *this;
  }

  // Taken and not looked at.
  Shape& ignored(std::string name) {
    fields_.push_back({std::move(name), false, [](const Cursor&, T&) {}});
    return *this;
  }

  // Fields that are not known are no problem: for what another release may have written.
  Shape& tolerant() {
    tolerant_ = true;
    return *this;
  }

  Shape& rule(std::function<void(const T&, const Cursor&)> check) {
    rules_.push_back(std::move(check));
    return *this;
  }

  [[nodiscard]] std::optional<T> read(const Cursor& here) const {
    if (!here.json().is_object()) {
      here.wrong_type("a map");
      return std::nullopt;
    }
    const std::size_t before = here.problems();
    T value{};
    for (const Field& field : fields_) {
      if (here.json().contains(field.name)) {
        field.read(here.at(field.name), value);
      } else if (field.required) {
        here.invalid("`" + field.name + "` is missing");
      }
    }
    for (const auto& [key, child] : here.json().items()) {
      bool known = tolerant_;
      for (const Field& field : fields_) known = known || field.name == key;
      if (!known) here.unknown_key(key, names());
    }
    if (here.problems() == before) {
      for (const auto& rule : rules_) rule(value, here);
    }
    if (here.problems() != before) return std::nullopt;
    return value;
  }

  // For messages: all fields, in the order they were listed.
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const Field& field : fields_) all.push_back(field.name);
    return all;
  }

  // As a value of an enclosing shape, which then owns a copy of this one.
  [[nodiscard]] Value<T> value() const {
    Json schema = schema_;
    schema["type"] = "object";
    // A field that is not there yet is in the CRD already, with a schema this release does not
    // know.
    if (!pending_.empty()) schema["x-pending"] = pending_;
    return {std::move(schema), [shape = *this](const Cursor& here) { return shape.read(here); }};
  }

 private:
  struct Field {
    std::string name;
    bool required = false;
    std::function<void(const Cursor&, T&)> read;
  };

  bool tolerant_ = false;
  std::vector<Field> fields_;
  std::vector<std::string> pending_;
  std::vector<std::function<void(const T&, const Cursor&)>> rules_;
  Json schema_ = Json::object();
};

}  // namespace espalier::crds
