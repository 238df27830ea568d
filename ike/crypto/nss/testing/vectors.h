// Test vectors from text files: blocks of "name = hexadecimal" lines, blank lines between the
// blocks, '#' for comments (where each file names its source). A line "name = "text"" gives the
// text's octets.
#pragma once

#include <fstream>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "tests/source_dir.h"

namespace espalier::ike::crypto::nss {

class Vector {
 public:
  explicit Vector(std::string name) : name_(std::move(name)) {}
  const Bytes& operator[](const std::string& key) const {
    static const Bytes none;
    const auto at = values_.find(key);
    if (at == values_.end()) {
      ADD_FAILURE() << name_ << " has no " << key;
      return none;
    }
    return at->second;
  }
  [[nodiscard]] bool has(const std::string& key) const { return values_.count(key) != 0; }
  [[nodiscard]] const std::string& name() const { return name_; }
  void set(const std::string& key, Bytes value) { values_[key] = std::move(value); }
  [[nodiscard]] bool empty() const { return values_.empty(); }

 private:
  std::string name_;
  std::map<std::string, Bytes> values_;
};

inline std::string test_file(const std::string& name) {
  return espalier::source_dir() + "/ike/crypto/nss/" + name;
}

inline std::string read_test_file(const std::string& name) {
  std::ifstream file(test_file(name), std::ios::binary);
  EXPECT_TRUE(file) << name;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// Fails the test when the file holds nothing or a line cannot be read.
inline std::vector<Vector> read_vectors(const std::string& name) {
  std::ifstream file(test_file("vectors/" + name));
  std::vector<Vector> vectors;
  std::string line;
  int number = 0;
  Vector current(name);
  const auto finish = [&] {
    if (!current.empty()) vectors.push_back(current);
    current = Vector(name + ":" + std::to_string(number + 1));
  };
  while (std::getline(file, line)) {
    ++number;
    if (line.empty()) {
      finish();
      continue;
    }
    if (line.front() == '#') continue;
    const std::size_t at = line.find(" = ");
    const std::string value = at == std::string::npos ? "" : line.substr(at + 3);
    const auto bytes = value.size() >= 2 && value.front() == '"'
                           ? std::optional(to_bytes(as_bytes(value.substr(1, value.size() - 2))))
                           : from_hex(value);
    if (at == std::string::npos || !bytes) {
      ADD_FAILURE() << name << ":" << number << " cannot be read";
      continue;
    }
    current.set(line.substr(0, at), *bytes);
  }
  finish();
  EXPECT_FALSE(vectors.empty()) << name;
  return vectors;
}

}  // namespace espalier::ike::crypto::nss
