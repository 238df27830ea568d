#include "kube/transport.h"

#include <algorithm>

#include "kube/resource.h"

namespace espalier::kube {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

std::string_view name_of(Method method) {
  switch (method) {
    case Method::kGet:
      return "GET";
    case Method::kPost:
      return "POST";
    case Method::kPut:
      return "PUT";
    case Method::kPatch:
      return "PATCH";
    case Method::kDelete:
      return "DELETE";
  }
  return "GET";
}

const std::string* find_header(const Headers& headers, std::string_view name) {
  const auto same = [](char a, char b) { return lower(a) == lower(b); };
  for (const auto& [key, value] : headers) {
    if (std::equal(key.begin(), key.end(), name.begin(), name.end(), same)) return &value;
  }
  return nullptr;
}

std::string Request::target() const {
  std::string text = path;
  char mark = '?';
  for (const auto& [key, value] : query) {
    text += mark;
    text += percent_encode(key) + "=" + percent_encode(value);
    mark = '&';
  }
  return text;
}

}  // namespace espalier::kube
