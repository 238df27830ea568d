#include <cstdlib>

#include "cmake/fuzz/fuzz_one.h"
#include "nodeagent/telemetry/http/request.h"

void fuzz_one(std::span<const std::uint8_t> data) {
  using namespace espalier::telemetry;
  const std::string_view text(reinterpret_cast<const char*>(data.data()), data.size());
  const auto end = http::end_of_head(text);
  if (end && *end > text.size()) std::abort();
  const auto request = http::parse_head(text);
  if (request && request->path.find('?') != std::string::npos) std::abort();
}
