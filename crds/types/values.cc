#include "crds/types/values.h"

#include <algorithm>

#include "crds/types/duration.h"
#include "ike/crypto/suite.h"

namespace espalier::crds {

namespace {

const std::string* string_at(const Cursor& here, std::string_view needed = "a string") {
  if (here.json().is_string()) return here.json().get_ptr<const std::string*>();
  here.wrong_type(needed);
  return nullptr;
}

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 && byte != 0x7f;
  });
}

template <typename Proposal>
Value<std::string> proposal(Result<Proposal> (*parse)(std::string_view), std::string needed) {
  return {{{"type", "string"}, {"minLength", 1}, {"maxLength", 256}},
          [parse, needed = std::move(needed)](const Cursor& here) -> std::optional<std::string> {
            const std::string* given = string_at(here, needed);
            if (!given) return std::nullopt;
            if (given->size() > 256) {
              here.invalid("is longer than 256 characters");
              return std::nullopt;
            }
            const auto parsed = parse(*given);
            if (!parsed) {
              here.invalid(parsed.error().detail);
              return std::nullopt;
            }
            return ike::crypto::to_string(*parsed);
          }};
}

}  // namespace

Value<std::string> text(std::size_t max_length) {
  return {
      {{"type", "string"}, {"minLength", 1}, {"maxLength", max_length}},
      [max_length](const Cursor& here) -> std::optional<std::string> {
        const std::string* given = string_at(here);
        if (!given) return std::nullopt;
        if (given->empty() || given->size() > max_length) {
          here.invalid(
              fmt::format("has {} characters; allowed: 1 to {}", given->size(), max_length));
          return std::nullopt;
        }
        if (!is_printable(*given)) {
          here.invalid("has control characters (line breaks or the like), which are not allowed");
          return std::nullopt;
        }
        return *given;
      }};
}

Value<std::string> text(std::size_t max_length, bool (*accepts)(std::string_view),
                        std::string what) {
  Value<std::string> any = text(max_length);
  any.read = [read = std::move(any.read), accepts,
              what = std::move(what)](const Cursor& here) -> std::optional<std::string> {
    auto given = read(here);
    if (given && !accepts(*given)) {
      here.invalid(fmt::format("{} is not allowed here; allowed: {}", in_quotes(*given), what));
      return std::nullopt;
    }
    return given;
  };
  return any;
}

Value<bool> boolean() {
  return {{{"type", "boolean"}}, [](const Cursor& here) -> std::optional<bool> {
            if (here.json().is_boolean()) return here.json().get<bool>();
            here.wrong_type("true or false");
            return std::nullopt;
          }};
}

Value<std::int64_t> whole_number(std::int64_t min, std::int64_t max) {
  return {
      {{"type", "integer"}, {"minimum", min}, {"maximum", max}},
      [min, max](const Cursor& here) -> std::optional<std::int64_t> {
        const Json& json = here.json();
        if (!json.is_number_integer()) {
          here.wrong_type(fmt::format("a whole number ({} to {})", min, max));
          return std::nullopt;
        }
        // Above 2^63 it is unsigned, and out of every range here.
        const bool huge = json.is_number_unsigned() && json.get<std::uint64_t>() > INT64_MAX;
        const std::int64_t number = huge ? INT64_MAX : json.get<std::int64_t>();
        if (huge || number < min || number > max) {
          here.invalid(fmt::format("{} is out of range; allowed: {} to {}", json.dump(), min, max));
          return std::nullopt;
        }
        return number;
      }};
}

Value<Duration> duration(Duration min, Duration max) {
  return {{{"type", "string"}, {"format", "duration"}},
          [min, max](const Cursor& here) -> std::optional<Duration> {
            const std::string* given =
                string_at(here, "a string with a duration (\"90s\", \"8h\")");
            if (!given) return std::nullopt;
            const auto parsed = parse_duration(*given);
            if (!parsed) {
              here.invalid(
                  fmt::format("{} is no duration; allowed: numbers with the units h, m, s, ms, as "
                              "in 90s, 8h, 1h30m",
                              in_quotes(*given)));
              return std::nullopt;
            }
            if (*parsed < min || *parsed > max) {
              here.invalid(fmt::format("{} is out of range; allowed: {} to {}", *given,
                                       format_duration(min), format_duration(max)));
              return std::nullopt;
            }
            return parsed;
          }};
}

Value<IpAddress> address() {
  return {
      {{"type", "string"}, {"maxLength", 45}}, [](const Cursor& here) -> std::optional<IpAddress> {
        const std::string* given = string_at(here, "a string with an IP address");
        if (!given) return std::nullopt;
        const auto parsed = IpAddress::parse(*given);
        if (!parsed || parsed->is_unspecified()) {
          here.invalid(fmt::format(
              "{} is no address of a host; allowed: IPv4 (192.0.2.1) or IPv6 (\"2001:db8::1\"), "
              "without prefix length or zone",
              in_quotes(*given)));
          return std::nullopt;
        }
        return parsed;
      }};
}

Value<Prefix> prefix() {
  return {
      {{"type", "string"}, {"maxLength", 49}}, [](const Cursor& here) -> std::optional<Prefix> {
        const std::string* given = string_at(here, "a string with an address block (CIDR)");
        if (!given) return std::nullopt;
        const auto parsed = Prefix::parse(*given);
        if (parsed) return parsed;
        // The two common mistakes get their remedy.
        const std::size_t slash = given->find('/');
        const auto alone = IpAddress::parse(std::string_view(*given).substr(0, slash));
        if (alone && slash == std::string::npos) {
          here.invalid(fmt::format("{} has no prefix length; for this one address write {}",
                                   in_quotes(*given), Prefix::host(*alone).to_string()));
          return std::nullopt;
        }
        for (int bits = alone ? alone->bits() : 0; bits > 0; --bits) {
          if (given->substr(slash + 1) != std::to_string(bits)) continue;
          here.invalid(fmt::format("{} has bits set behind its prefix length; the block is {}",
                                   in_quotes(*given), Prefix(*alone, bits).to_string()));
          return std::nullopt;
        }
        here.invalid(fmt::format("{} is no address block; allowed: 10.0.0.0/8, \"2001:db8::/32\"",
                                 in_quotes(*given)));
        return std::nullopt;
      }};
}

Value<std::string> identity() {
  return text(512);
}

Value<std::string> ike_proposal() {
  return proposal<ike::crypto::IkeProposal>(&ike::crypto::parse_ike_proposal,
                                            "a string (aes256gcm16-prfsha384-ecp384)");
}

Value<std::string> esp_proposal() {
  return proposal<ike::crypto::EspProposal>(&ike::crypto::parse_esp_proposal,
                                            "a string (aes256gcm16)");
}

Value<bool> present() {
  return {Json::object(), [](const Cursor&) -> std::optional<bool> { return true; }};
}

Value<std::map<std::string, std::string>> labels() {
  return {{{"type", "object"}, {"additionalProperties", {{"type", "string"}}}},
          [](const Cursor& here) -> std::optional<std::map<std::string, std::string>> {
            if (!here.json().is_object()) {
              here.wrong_type("a map of strings");
              return std::nullopt;
            }
            const std::size_t before = here.problems();
            if (here.json().size() > 256) here.invalid("has more than 256 entries");
            std::map<std::string, std::string> all;
            for (const auto& [key, ignored] : here.json().items()) {
              const Cursor child = here.at(key);
              if (!is_label_key(key)) {
                child.invalid(
                    "is no label key; allowed: role, example.com/role (up to 63 letters, "
                    "digits, '-', '_', '.' behind the prefix)");
              }
              const std::string* given = string_at(child);
              if (!given) continue;
              if (!is_label_value(*given)) {
                child.invalid(fmt::format(
                    "{} is no label value; allowed: up to 63 letters, digits, '-', '_', '.'",
                    in_quotes(*given)));
              }
              all.emplace(key, *given);
            }
            if (here.problems() != before) return std::nullopt;
            return all;
          }};
}

Value<std::vector<Prefix>> prefixes(std::size_t min, std::size_t max) {
  Value<std::vector<Prefix>> all = list(prefix(), min, max);
  all.read = [read =
                  std::move(all.read)](const Cursor& here) -> std::optional<std::vector<Prefix>> {
    auto items = read(here);
    if (!items) return std::nullopt;
    const std::size_t before = here.problems();
    for (std::size_t i = 0; i < items->size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        if (!(*items)[i].overlaps((*items)[j])) continue;
        here.at(i).invalid(fmt::format("{} overlaps {} ({})", (*items)[i].to_string(),
                                       (*items)[j].to_string(), here.at(j).field()));
        break;
      }
    }
    if (here.problems() != before) return std::nullopt;
    return items;
  };
  return all;
}

}  // namespace espalier::crds
