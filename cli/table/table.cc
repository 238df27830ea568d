#include "cli/table/table.h"

#include <algorithm>
#include <utility>

namespace espalier::cli {
namespace {

constexpr std::size_t kGap = 2;

}  // namespace

void Table::add(std::vector<std::string> cells) {
  for (std::string& cell : cells) cell = printable(cell);
  cells.resize(columns_.size());
  rows_.push_back(std::move(cells));
}

std::vector<std::size_t> Table::widths(std::size_t width) const {
  std::vector<std::size_t> out;
  std::size_t total = 0;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t widest = width_of(columns_[i].title);
    for (const auto& row : rows_) widest = std::max(widest, width_of(row[i]));
    out.push_back(widest);
    total += widest + (i == 0 ? 0 : kGap);
  }
  while (total > width) {
    std::size_t* giving = nullptr;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const bool can_give = columns_[i].least_width > 0 && out[i] > columns_[i].least_width;
      if (can_give && (giving == nullptr || out[i] > *giving)) giving = &out[i];
    }
    if (giving == nullptr) break;
    --*giving;
    --total;
  }
  return out;
}

std::string Table::text(std::size_t width) const {
  const std::vector<std::size_t> wide = widths(width);
  std::string out;
  const auto line = [&](const auto& cell_of) {
    std::string text;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const std::string cell = shortened(cell_of(i), wide[i]);
      const std::string pad(wide[i] - width_of(cell), ' ');
      if (i > 0) text += std::string(kGap, ' ');
      text += columns_[i].align == Align::kRight ? pad + cell : cell + pad;
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out += text + "\n";
  };
  line([&](std::size_t i) { return columns_[i].title; });
  for (const auto& row : rows_) {
    line([&](std::size_t i) { return row[i]; });
  }
  return out;
}

}  // namespace espalier::cli
