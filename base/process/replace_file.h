// replace_file: a file becomes another one whole, or stays as it is.
#pragma once

#include <string>
#include <string_view>

#include <sys/types.h>

#include "base/result.h"

namespace espalier::process {

// On the disk, file and folder, when it returns (write, fsync, rename, fsync). Meanwhile the new
// one stands beside it under a hidden name. Whoever has the old one open keeps that, so a program
// that runs is replaced, too. kIo, with the path in `where`.
[[nodiscard]] Status replace_file(const std::string& folder, const std::string& name,
                                  std::string_view octets, mode_t mode);

}  // namespace espalier::process
