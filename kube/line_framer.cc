#include "kube/line_framer.h"

namespace espalier::kube {

void LineFramer::feed(std::string_view bytes) {
  if (broken_) return;
  buffer_.erase(0, at_);
  searched_ -= at_;
  at_ = 0;
  buffer_.append(bytes);
}

Result<std::optional<std::string_view>> LineFramer::next() {
  while (!broken_) {
    const auto end = buffer_.find('\n', searched_);
    const auto length = (end == std::string::npos ? buffer_.size() : end) - at_;
    if (length > cap_) {
      broken_ = true;
      buffer_.clear();
      buffer_.shrink_to_fit();
      at_ = searched_ = 0;
      break;
    }
    if (end == std::string::npos) {
      searched_ = buffer_.size();
      return std::nullopt;
    }
    std::string_view line(buffer_.data() + at_, length);
    at_ = searched_ = end + 1;
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (!line.empty()) return std::optional(line);
  }
  return fail(Code::kInvalid, "watch",
              "an event is longer than " + std::to_string(cap_) + " bytes");
}

}  // namespace espalier::kube
