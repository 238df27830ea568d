#include "nodeagent/dataplane/xfrm/xfrm_stat.h"

#include <charconv>
#include <fstream>
#include <iterator>

#include <fmt/format.h>

namespace espalier::dataplane::xfrm {

namespace {

constexpr std::string_view kBlanks = " \t";
constexpr const char* kPath = "/proc/thread-self/net/xfrm_stat";

}  // namespace

Result<std::vector<XfrmCounter>> parse_xfrm_stat(std::string_view text) {
  std::vector<XfrmCounter> counters;
  std::size_t number = 0;
  while (!text.empty()) {
    ++number;
    const auto end = text.find('\n');
    const auto line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    if (line.find_first_not_of(kBlanks) == std::string_view::npos) continue;
    const auto name_end = line.find_first_of(kBlanks);
    const auto value_begin = line.find_first_not_of(kBlanks, name_end);
    XfrmCounter counter;
    counter.name = line.substr(0, name_end);
    bool valid = name_end != 0 && value_begin != std::string_view::npos;
    if (valid) {
      auto digits = line.substr(value_begin);
      digits = digits.substr(0, digits.find_last_not_of(kBlanks) + 1);
      const auto parsed =
          std::from_chars(digits.data(), digits.data() + digits.size(), counter.value);
      valid = parsed.ec == std::errc{} && parsed.ptr == digits.data() + digits.size();
    }
    if (!valid) {
      return fail(Code::kInvalid, fmt::format("xfrm_stat line {}", number),
                  "not a name and a number");
    }
    counters.push_back(std::move(counter));
  }
  return counters;
}

Result<std::vector<XfrmCounter>> read_xfrm_stat() {
  std::ifstream file(kPath);
  if (!file) return fail(Code::kUnsupported, kPath, "this kernel keeps no XFRM counters");
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (file.bad()) return fail(Code::kIo, kPath, "cannot be read");
  return parse_xfrm_stat(text);
}

}  // namespace espalier::dataplane::xfrm
