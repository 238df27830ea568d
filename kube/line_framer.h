// LineFramer: bytes in, lines out, wherever the network cut them.
//
// Guarantees: a line is given once, without its "\n" (or "\r\n"); empty lines are skipped; a line
// longer than the cap is an error, and holds no more memory than the cap. What follows an error is
// an error, too.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace espalier::kube {

class LineFramer {
 public:
  explicit LineFramer(std::size_t cap) : cap_(cap) {}

  // Then take lines until there is none; the views of the lines end with the next feed().
  void feed(std::string_view bytes);
  [[nodiscard]] Result<std::optional<std::string_view>> next();
  // Bytes of a line that has not ended yet.
  [[nodiscard]] std::size_t pending() const { return buffer_.size() - at_; }

 private:
  std::size_t cap_;
  std::string buffer_;
  std::size_t at_ = 0;        // the line begins here
  std::size_t searched_ = 0;  // no "\n" before here
  bool broken_ = false;
};

}  // namespace espalier::kube
