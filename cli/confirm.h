// Asks before something that is not to be done by accident.
#pragma once

#include <iosfwd>
#include <string>

namespace espalier::cli {

// Prints `question` and " [y/N] " on `out`; true when the next line of `in` is y or yes, whatever
// its case. A stream without a line is a no: what runs without a terminal must say --yes.
[[nodiscard]] bool confirmed(const std::string& question, std::istream& in, std::ostream& out);

}  // namespace espalier::cli
