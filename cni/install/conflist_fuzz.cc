// A conflist that is taken is valid afterwards, comes back as it was, and changes once.
#include <cstdlib>

#include <nlohmann/json.hpp>

#include "cmake/fuzz/fuzz_one.h"
#include "cni/install/conflist.h"

void fuzz_one(std::span<const std::uint8_t> input) {
  using namespace espalier::cni;
  const std::string text(input.begin(), input.end());
  const Json entry = entry_of("/run/espalier/pods.sock", std::chrono::seconds(15), {"a"});
  if (const auto conflist = conflist_of(text); conflist && !with_entry(*conflist, entry)) {
    // A plugin of the network that is ours itself is no network.
    if (!has_entry(*conflist)) std::abort();
  }
  const std::string bare = without_entry(text);
  if (has_entry(bare)) std::abort();
  const auto patched = with_entry(text, entry);
  if (!patched) return;
  if (!nlohmann::json::accept(*patched) || !has_entry(*patched)) std::abort();
  if (*with_entry(*patched, entry) != *patched) std::abort();
  if (without_entry(*patched) != bare) std::abort();
}
