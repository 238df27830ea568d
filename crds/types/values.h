// The Values that the kinds are built from: strings with a syntax, numbers with a range,
// enumerations, durations, addresses, prefixes, proposals, lists and maps.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/ip.h"
#include "base/time.h"
#include "crds/types/shape.h"
#include "crds/types/words.h"

namespace espalier::crds {

[[nodiscard]] Value<std::string> text(std::size_t max_length);
// A string for which `accepts` holds; `what` says what is allowed ("a DNS label").
[[nodiscard]] Value<std::string> text(std::size_t max_length, bool (*accepts)(std::string_view),
                                      std::string what);
[[nodiscard]] Value<bool> boolean();
[[nodiscard]] Value<std::int64_t> whole_number(std::int64_t min, std::int64_t max);
[[nodiscard]] Value<Duration> duration(Duration min, Duration max);
[[nodiscard]] Value<IpAddress> address();
[[nodiscard]] Value<Prefix> prefix();
[[nodiscard]] Value<std::string> identity();
// Canonical keywords.
[[nodiscard]] Value<std::string> ike_proposal();
[[nodiscard]] Value<std::string> esp_proposal();
// Nothing is read: tells only that the field is there.
[[nodiscard]] Value<bool> present();
[[nodiscard]] Value<std::map<std::string, std::string>> labels();

// One word of an enumeration. A word with a `pending` feature is known but not there yet.
template <typename E>
struct Word {
  std::string name;
  E value{};
  std::string pending;
};

template <typename E>
[[nodiscard]] Value<E> choice(std::vector<Word<E>> words) {
  std::vector<std::string> now;
  std::vector<std::string> all;
  for (const Word<E>& word : words) {
    all.push_back(word.name);
    if (word.pending.empty()) now.push_back(word.name);
  }
  Json schema = {{"type", "string"}, {"enum", all}};
  return {std::move(schema),
          [words = std::move(words), now, all](const Cursor& here) -> std::optional<E> {
            if (!here.json().is_string()) {
              here.wrong_type("a string (" + join(all) + ")");
              return std::nullopt;
            }
            const auto& given = here.json().template get_ref<const std::string&>();
            for (const Word<E>& word : words) {
              if (word.name != given) continue;
              if (word.pending.empty()) return word.value;
              here.not_yet(word.pending + "; allowed now: " + join(now));
              return std::nullopt;
            }
            const auto meant = closest(given, all);
            here.invalid(fmt::format("{} is not known{}; allowed: {}", in_quotes(given),
                                     meant ? ", did you mean `" + *meant + "`?" : "", join(all)));
            return std::nullopt;
          }};
}

template <typename T>
[[nodiscard]] Value<std::vector<T>> list(Value<T> item, std::size_t min, std::size_t max) {
  Json schema = {{"type", "array"}, {"maxItems", max}, {"items", item.schema}};
  if (min > 0) schema["minItems"] = min;
  return {
      std::move(schema),
      [read = std::move(item.read), min, max](const Cursor& here) -> std::optional<std::vector<T>> {
        const Json& json = here.json();
        if (!json.is_array()) {
          here.wrong_type("a list");
          return std::nullopt;
        }
        if (json.size() < min || json.size() > max) {
          here.invalid(fmt::format("has {} entries; allowed: {} to {}", json.size(), min, max));
          return std::nullopt;
        }
        std::vector<T> items;
        for (std::size_t i = 0; i < json.size(); ++i) {
          if (auto got = read(here.at(i))) items.push_back(std::move(*got));
        }
        if (items.size() != json.size()) return std::nullopt;
        return items;
      }};
}

// As list, and no entry may come twice.
template <typename T>
[[nodiscard]] Value<std::vector<T>> set(Value<T> item, std::size_t min, std::size_t max) {
  Value<std::vector<T>> all = list(std::move(item), min, max);
  all.schema["x-kubernetes-list-type"] = "set";
  all.read = [read = std::move(all.read)](const Cursor& here) -> std::optional<std::vector<T>> {
    auto items = read(here);
    if (!items) return std::nullopt;
    bool unique = true;
    for (std::size_t i = 0; i < items->size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        if (!((*items)[i] == (*items)[j])) continue;
        here.at(i).invalid(fmt::format("is the same as {}", here.at(j).field()));
        unique = false;
        break;
      }
    }
    if (!unique) return std::nullopt;
    return items;
  };
  return all;
}

// As list, keyed by the fields `keys`: no two entries have the same key_of(entry), which can be
// compared and stands for these fields.
template <typename T, typename KeyOf>
[[nodiscard]] Value<std::vector<T>> keyed_list(Value<T> item, std::size_t min, std::size_t max,
                                               std::vector<std::string> keys, KeyOf key_of) {
  Value<std::vector<T>> all = list(std::move(item), min, max);
  all.schema["x-kubernetes-list-type"] = "map";
  all.schema["x-kubernetes-list-map-keys"] = keys;
  all.read = [read = std::move(all.read), keys = std::move(keys),
              key_of](const Cursor& here) -> std::optional<std::vector<T>> {
    auto items = read(here);
    if (!items) return std::nullopt;
    const auto place = [&](std::size_t i) {
      return keys.size() == 1 ? here.at(i).at(keys[0]) : here.at(i);
    };
    std::map<decltype(key_of((*items)[0])), std::size_t> seen;
    bool unique = true;
    for (std::size_t i = 0; i < items->size(); ++i) {
      const auto [first, fresh] = seen.emplace(key_of((*items)[i]), i);
      if (fresh) continue;
      place(i).invalid(fmt::format("is the same as {}", place(first->second).field()));
      unique = false;
    }
    if (!unique) return std::nullopt;
    return items;
  };
  return all;
}

// A list of prefixes of which no two overlap.
[[nodiscard]] Value<std::vector<Prefix>> prefixes(std::size_t min, std::size_t max);

}  // namespace espalier::crds
