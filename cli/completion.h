// Shell completion: what may stand next on a command line, read off the command line's own
// description, and the scripts by which shells ask.
//
// A script calls `PROGRAM __complete WORD…` with the words so far, the last one being typed, and
// gets one candidate a line, then a line ":4" (cobra's "no files", which kubectl passes on from
// plugins).
#pragma once

#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

#include <CLI/App.hpp>

namespace espalier::cli {

// What the `position`th word (0: the first) that is no option may be, of a command.
using NameSource =
    std::function<std::vector<std::string>(const std::string& command, std::size_t position)>;

// `words`: those behind the program's name; the last may be empty. Options' values are offered
// where a fixed list of them is known ("-o"). Sorted, each once, each beginning with the last word.
[[nodiscard]] std::vector<std::string> completions(const CLI::App& app,
                                                   const std::vector<std::string>& words,
                                                   const NameSource& names);

void print_completions(const std::vector<std::string>& candidates, std::ostream& out);

// The script for "bash", "zsh" or "fish"; empty for any other shell.
[[nodiscard]] std::string completion_script(const std::string& shell, const std::string& program);

}  // namespace espalier::cli
