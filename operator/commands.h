// The commands of espalier-operator that need no API server.
//
// Guarantees: nothing but the plan or the explanation goes to `out`, nothing but problems to `err`;
// Secrets appear by name only. The result is the exit status.
#pragma once

#include <iosfwd>
#include <string>

namespace espalier::operator_cli {

inline constexpr int kDone = 0;
inline constexpr int kBadManifests = 1;  // or what was asked for is not in them
inline constexpr int kBadUsage = 2;      // or a command that this release does not have

struct RenderOptions {
  std::string manifests;  // a folder
  std::string node;       // empty: all
  bool json = false;
  bool keep_going = false;  // render what is right beside what is wrong
};

// The plans as YAML documents, or as one JSON document per line.
[[nodiscard]] int render(const RenderOptions& options, std::ostream& out, std::ostream& err);

struct ExplainOptions {
  std::string manifests;
  std::string a;
  std::string b;
  bool keep_going = false;
};

[[nodiscard]] int explain(const ExplainOptions& options, std::ostream& out, std::ostream& err);

// The whole command line.
[[nodiscard]] int run_command_line(int argc, const char* const* argv, std::ostream& out,
                                   std::ostream& err);

}  // namespace espalier::operator_cli
