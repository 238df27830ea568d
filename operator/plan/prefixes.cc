#include "operator/plan/prefixes.h"

#include <algorithm>

namespace espalier::plan {

std::vector<Prefix> subtract(const Prefix& block, const std::vector<Prefix>& holes) {
  std::vector<Prefix> inside;
  for (const Prefix& hole : holes) {
    if (hole.contains(block)) return {};
    if (block.contains(hole)) inside.push_back(hole);
  }
  if (inside.empty()) return {block};
  const int half = block.length() + 1;
  std::vector<Prefix> left = subtract(Prefix(block.first(), half), inside);
  const std::vector<Prefix> upper = subtract(Prefix(block.last(), half), inside);
  left.insert(left.end(), upper.begin(), upper.end());
  return left;
}

std::vector<Prefix> merged(std::vector<Prefix> blocks) {
  // In address order a block comes before what lies inside it.
  std::sort(blocks.begin(), blocks.end());
  std::vector<Prefix> all;
  for (const Prefix& block : blocks) {
    if (!all.empty() && all.back().contains(block)) continue;
    all.push_back(block);
    // Two halves of one block become it, and that may be half of the next.
    while (all.size() > 1 && all.back().length() > 0) {
      const Prefix& last = all.back();
      const Prefix whole(last.first(), last.length() - 1);
      const Prefix& before = all[all.size() - 2];
      if (before.length() != last.length() || !whole.contains(before)) break;
      all.pop_back();
      all.back() = whole;
    }
  }
  return all;
}

}  // namespace espalier::plan
