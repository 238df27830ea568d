#include "operator/plan/notes.h"

#include <utility>

#include <fmt/format.h>

namespace espalier::plan {

void NoteBook::add(NoteKind kind, const Owner& about, std::string text, const std::string& peer) {
  std::vector<std::string>& peers =
      peers_[Key(kind, about.kind, about.ns, about.name, std::move(text))];
  // Peers come one after the other, so the same one again is the last one.
  if (!peer.empty() && (peers.empty() || peers.back() != peer)) peers.push_back(peer);
}

void NoteBook::add(const NoteBook& other) {
  for (const auto& [key, peers] : other.peers_) {
    std::vector<std::string>& mine = peers_[key];
    mine.insert(mine.end(), peers.begin(), peers.end());
  }
}

std::vector<PlanNote> NoteBook::notes() const {
  constexpr std::size_t kShown = 3;
  std::vector<PlanNote> all;
  for (const auto& [key, peers] : peers_) {
    const auto& [kind, owner_kind, ns, name, text] = key;
    std::string told = text;
    for (std::size_t i = 0; i < peers.size() && i < kShown; ++i) {
      told += i == 0 ? fmt::format(" with {} peer{}: {}", peers.size(),
                                   peers.size() == 1 ? "" : "s", peers[0])
                     : ", " + peers[i];
    }
    if (peers.size() > kShown) told += fmt::format(" and {} more", peers.size() - kShown);
    all.push_back({kind, {owner_kind, ns, name}, std::move(told)});
  }
  return all;
}

}  // namespace espalier::plan
