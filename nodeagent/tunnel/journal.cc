#include "nodeagent/tunnel/journal.h"

#include <array>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "nodeagent/tunnel/fields.h"

namespace espalier::tunnel {

namespace {

constexpr std::string_view kHead = "espalier-journal";
constexpr std::string_view kVersion = "1";

constexpr std::array<dataplane::Direction, 3> kDirections{
    dataplane::Direction::kIn, dataplane::Direction::kOut, dataplane::Direction::kForward};

std::optional<dataplane::PolicyId> policy_of(const std::vector<std::string_view>& fields) {
  dataplane::PolicyId id;
  std::optional<dataplane::Direction> direction;
  for (const dataplane::Direction candidate : kDirections) {
    if (fields[1] == name_of(candidate)) direction = candidate;
  }
  const auto source = Prefix::parse(fields[2]);
  const auto destination = Prefix::parse(fields[3]);
  const auto protocol = number<std::uint8_t>(fields[4]);
  const auto source_port = number<std::uint16_t>(fields[5]);
  const auto destination_port = number<std::uint16_t>(fields[6]);
  if (!direction || !source || !destination || source->family() != destination->family() ||
      !protocol || !source_port || !destination_port) {
    return std::nullopt;
  }
  id.direction = *direction;
  id.selector = {*source, *destination, *protocol, *source_port, *destination_port};
  if (fields.size() == 9) {
    const auto value = number<std::uint32_t>(fields[7]);
    const auto mask = number<std::uint32_t>(fields[8]);
    if (!value || !mask) return std::nullopt;
    id.mark = dataplane::Mark{*value, *mask};
  }
  return id;
}

}  // namespace

std::string encode(const Journal& journal) {
  std::string text = fmt::format("{}\t{}\nnext\t{}\n", kHead, kVersion, journal.next_reqid);
  for (const auto& [key, reqid] : journal.reqids) {
    text += fmt::format("reqid\t{}\t{}\t{}\n", reqid, key.connection, key.child);
  }
  for (const auto& id : journal.clear_policies) {
    text +=
        fmt::format("clear\t{}\t{}\t{}\t{}\t{}\t{}", name_of(id.direction),
                    id.selector.source.to_string(), id.selector.destination.to_string(),
                    id.selector.protocol, id.selector.source_port, id.selector.destination_port);
    if (id.mark) text += fmt::format("\t{}\t{}", id.mark->value, id.mark->mask);
    text += "\n";
  }
  for (const auto& [policy, number] : journal.groups) {
    text += fmt::format("pods\t{}\t{}\n", number, policy);
  }
  return text;
}

Result<Journal> decode_journal(std::string_view text) {
  Journal journal;
  if (text.empty()) return journal;
  std::size_t line_number = 0;
  const auto broken = [&](const char* what) {
    return fail(Code::kInvalid, fmt::format("journal:{}", line_number), what);
  };
  for (const std::string_view line : split(text, '\n')) {
    ++line_number;
    const auto fields = split(line, '\t');
    if (line_number == 1) {
      if (fields.size() != 2 || fields[0] != kHead) return broken("this is no journal of espalier");
      if (fields[1] != kVersion) {
        return fail(Code::kUnsupported, "journal:1", "written by another version of espalier");
      }
      continue;
    }
    if (line.empty()) continue;
    if (fields[0] == "next" && fields.size() == 2) {
      const auto next = number<std::uint32_t>(fields[1]);
      if (!next || !dataplane::owns_reqid(*next)) return broken("not a reqid of ours");
      journal.next_reqid = *next;
    } else if (fields[0] == "reqid" && fields.size() == 4) {
      const auto reqid = number<std::uint32_t>(fields[1]);
      if (!reqid || !dataplane::owns_reqid(*reqid)) return broken("not a reqid of ours");
      if (!journal.reqids.emplace(ChildKey{std::string(fields[2]), std::string(fields[3])}, *reqid)
               .second) {
        return broken("a child twice");
      }
    } else if (fields[0] == "pods" && fields.size() == 3) {
      const auto group = number<std::uint8_t>(fields[1]);
      if (!group || !journal.groups.emplace(std::string(fields[2]), *group).second) {
        return broken("not a group of pods");
      }
    } else if (fields[0] == "clear" && (fields.size() == 7 || fields.size() == 9)) {
      auto id = policy_of(fields);
      if (!id) return broken("not a policy");
      journal.clear_policies.insert(*std::move(id));
    } else {
      return broken("neither next, reqid, clear nor pods");
    }
  }
  return journal;
}

}  // namespace espalier::tunnel
