// For tests: a file's documents all at once.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "crds/yamlcpp/yaml_documents.h"

namespace espalier::crds {

struct Documents {
  std::vector<Document> documents;
  Problems problems;
};

[[nodiscard]] inline Documents collect_documents(std::string_view text, const std::string& file) {
  Documents read;
  read.problems = read_documents(
      text, file, [&](Document document) { read.documents.push_back(std::move(document)); });
  return read;
}

}  // namespace espalier::crds
