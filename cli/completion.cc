#include "cli/completion.h"

#include <algorithm>
#include <ostream>
#include <set>

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <fmt/format.h>

namespace espalier::cli {
namespace {

const CLI::App* command_of(const CLI::App& app, const std::string& word) {
  const auto all = app.get_subcommands([](const CLI::App*) { return true; });
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const CLI::App* one) { return one->get_name() == word; });
  return found == all.end() ? nullptr : *found;
}

// "--output", "-o" and the like, in the command or the program.
const CLI::Option* option_of(const CLI::App& app, const CLI::App* command,
                             const std::string& word) {
  for (const CLI::App* each : {command, &app}) {
    if (each == nullptr) continue;
    for (const CLI::Option* option : each->get_options()) {
      if (!option->get_positional() && option->check_name(word)) return option;
    }
  }
  return nullptr;
}

bool takes_value(const CLI::Option& option) {
  return option.get_items_expected_max() > 0;
}

void add_options(const CLI::App& app, std::set<std::string>& found) {
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) found.insert("--" + name);
  }
}

constexpr const char* kBash = R"(# {0}: {1} completion bash > /etc/bash_completion.d/{1}
_{0}() {{
  local IFS=$'\n'
  COMPREPLY=($({1} __complete "${{COMP_WORDS[@]:1:COMP_CWORD}}" 2>/dev/null | sed '$d'))
}}
complete -F _{0} {1}
)";

constexpr const char* kZsh = R"(#compdef {1}
# {0}: {1} completion zsh > "${{fpath[1]}}/_{1}"
_{0}() {{
  local -a candidates
  candidates=("${{(@f)$({1} __complete "${{(@)words[2,CURRENT]}}" 2>/dev/null | sed '$d')}}")
  compadd -a candidates
}}
if [ "$funcstack[1]" = "_{1}" ]; then _{0} "$@"; else compdef _{0} {1}; fi
)";

constexpr const char* kFish = R"(# {0}: {1} completion fish > ~/.config/fish/completions/{1}.fish
function __{0}
  set -l words (commandline -opc) (commandline -ct)
  {1} __complete $words[2..-1] 2>/dev/null | sed '$d'
end
complete -c {1} -f -a '(__{0})'
)";

}  // namespace

std::vector<std::string> completions(const CLI::App& app, const std::vector<std::string>& words,
                                     const NameSource& names) {
  const std::string last = words.empty() ? "" : words.back();
  const CLI::App* command = nullptr;
  const CLI::Option* valued = nullptr;  // the last word is its value
  std::size_t position = 0;
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    const std::string& word = words[i];
    if (word.size() > 1 && word.front() == '-') {
      const CLI::Option* option = option_of(app, command, word);
      if (option == nullptr || !takes_value(*option)) continue;
      if (i + 2 < words.size()) {
        ++i;  // its value is whole already
      } else {
        valued = option;
      }
      continue;
    }
    if (command == nullptr) {
      command = command_of(app, word);
      if (command == nullptr) return {};
    } else {
      ++position;
    }
  }
  std::set<std::string> found;
  if (valued != nullptr) {
    if (valued->check_name("--output")) found = {"json", "table", "yaml"};
  } else if (last.starts_with('-')) {
    if (command != nullptr) add_options(*command, found);
    add_options(app, found);
  } else if (command == nullptr) {
    for (const CLI::App* one : app.get_subcommands([](const CLI::App*) { return true; }))
      found.insert(one->get_name());
  } else {
    for (std::string& name : names(command->get_name(), position)) found.insert(std::move(name));
  }
  std::vector<std::string> candidates;
  std::copy_if(found.begin(), found.end(), std::back_inserter(candidates),
               [&](const std::string& one) { return one.starts_with(last); });
  return candidates;
}

void print_completions(const std::vector<std::string>& candidates, std::ostream& out) {
  for (const std::string& candidate : candidates) out << candidate << "\n";
  out << ":4\n";
}

std::string completion_script(const std::string& shell, const std::string& program) {
  std::string word = program;  // as a function's name
  std::replace(word.begin(), word.end(), '-', '_');
  if (shell == "bash") return fmt::format(kBash, word, program);
  if (shell == "zsh") return fmt::format(kZsh, word, program);
  if (shell == "fish") return fmt::format(kFish, word, program);
  return "";
}

}  // namespace espalier::cli
