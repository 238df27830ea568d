// Where the repository lies, for tests that read files from it. A function and not a macro, so that
// the compiler sees the same text in every checkout and ccache can share what it made.
#pragma once

#include <string>

namespace espalier {

// Absolute, without a slash at the end.
[[nodiscard]] std::string source_dir();

}  // namespace espalier
