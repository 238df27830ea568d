// Table: rows under titles, as wide as they must be and never wider than the terminal should be.
#pragma once

#include <string>
#include <vector>

#include "cli/table/text.h"

namespace espalier::cli {

enum class Align { kLeft, kRight };

struct Column {
  std::string title;
  Align align = Align::kLeft;
  // Gives way when the table is too wide: the widest of these columns first, its texts cut. 0: the
  // column keeps its width.
  std::size_t least_width = 0;
};

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // One cell per column; missing ones are empty. Made printable here.
  void add(std::vector<std::string> cells);
  [[nodiscard]] bool empty() const { return rows_.empty(); }

  // Titles and rows, each ended by a newline, without trailing blanks.
  [[nodiscard]] std::string text(std::size_t width = kWidth) const;

 private:
  [[nodiscard]] std::vector<std::size_t> widths(std::size_t width) const;

  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace espalier::cli
