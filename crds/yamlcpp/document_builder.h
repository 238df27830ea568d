// DocumentBuilder: yaml-cpp's events -> Document, with positions and limits.
//
// It works on events instead of yaml-cpp's nodes, because only events tell of a key that comes
// twice and let a file be refused before it has grown in memory.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/mark.h>

#include "crds/types/document.h"
#include "crds/types/problem.h"

namespace espalier::crds {

class DocumentBuilder : public YAML::EventHandler {
 public:
  // Thrown through yaml-cpp where reading the file must end; caught by read_documents.
  struct Stop {
    Position at;
    std::string detail;
  };

  DocumentBuilder(std::string file, const std::function<void(Document)>& take, Problems& problems)
      : file_(std::move(file)), take_(take), problems_(problems) {}

  // How many scalars, lists and maps there were, repeated ones counted each time.
  [[nodiscard]] std::size_t nodes() const { return nodes_; }

  void OnDocumentStart(const YAML::Mark& mark) override;
  void OnDocumentEnd() override;
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override;
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override;
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override;
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value style) override;
  void OnSequenceEnd() override;
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override;
  void OnMapEnd() override;

 private:
  // A list or map that is not finished.
  struct Open {
    Json value;
    Position at;
    std::string pointer;
    YAML::anchor_t anchor = 0;
    std::optional<std::string> key;  // in a map: the key whose value comes next
  };

  // Nobody may be a map's key but a scalar.
  void refuse_as_key(Position at, const char* what) const;
  [[nodiscard]] bool is_key() const;
  [[nodiscard]] std::string next_pointer() const;
  void count(Position at, std::size_t more);
  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, Json empty);
  void close();
  void take_key(Position at, const std::string& key);
  void take_value(Position at, Json value, YAML::anchor_t anchor);

  std::string file_;
  const std::function<void(Document)>& take_;
  Problems& problems_;
  Document document_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, Json> anchors_;
  std::size_t nodes_ = 0;
};

}  // namespace espalier::crds
