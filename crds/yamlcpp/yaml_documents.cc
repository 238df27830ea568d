#include "crds/yamlcpp/yaml_documents.h"

#include <exception>
#include <istream>
#include <streambuf>
#include <utility>

#include <fmt/format.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "crds/types/words.h"
#include "crds/yamlcpp/document_builder.h"

namespace espalier::crds {

namespace {

// Reads from the caller's text without a copy of it.
class ViewBuffer : public std::streambuf {
 public:
  explicit ViewBuffer(std::string_view text) {
    // The get area is only read; std::streambuf has no other signature.
    char* begin = const_cast<char*>(text.data());  // NOLINT(cppcoreguidelines-pro-type-const-cast)
    setg(begin, begin, begin + text.size());
  }
};

// The length of the UTF-8 character at `at`; 0 if it is none (RFC 3629: no overlong forms, no
// surrogates, nothing above U+10FFFF).
std::size_t character_length(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) -> unsigned {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const unsigned first = byte(at);
  if (first < 0x80) return 1;
  std::size_t length = 0;
  unsigned low = 0x80;
  unsigned high = 0xbf;
  if (first >= 0xc2 && first <= 0xdf) length = 2;
  if (first >= 0xe0 && first <= 0xef) length = 3;
  if (first >= 0xf0 && first <= 0xf4) length = 4;
  if (first == 0xe0) low = 0xa0;
  if (first == 0xed) high = 0x9f;
  if (first == 0xf0) low = 0x90;
  if (first == 0xf4) high = 0x8f;
  if (length == 0 || byte(at + 1) < low || byte(at + 1) > high) return 0;
  for (std::size_t i = at + 2; i < at + length; ++i) {
    if ((byte(i) & 0xc0U) != 0x80) return 0;
  }
  return length;
}

// yaml-cpp guesses encodings from the first bytes and lets control characters through; neither may
// happen.
std::optional<DocumentBuilder::Stop> check_bytes(std::string_view text) {
  Position at{1, 1};
  std::size_t i = 0;
  while (i < text.size()) {
    const char c = text[i];
    const std::size_t length = character_length(text, i);
    if (length == 0) return DocumentBuilder::Stop{at, "the file is not UTF-8 here"};
    const bool control =
        (static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f;
    if (control) {
      return DocumentBuilder::Stop{at, fmt::format("control character 0x{:02x}; allowed: text",
                                                   static_cast<unsigned char>(c))};
    }
    if (c == '\n') {
      at = {at.line + 1, 1};
    } else {
      ++at.column;
    }
    i += length;
  }
  return std::nullopt;
}

}  // namespace

Problems read_documents(std::string_view text, const std::string& file,
                        const std::function<void(Document)>& take) {
  Problems problems;
  const auto stop = [&](Position at, std::string detail) {
    problems.push_back({ProblemKind::kInvalid, {file, at}, {}, {}, std::move(detail)});
  };
  if (text.size() > kMaxFileSize) {
    stop({}, fmt::format("the file has {} bytes; allowed: {}", text.size(), kMaxFileSize));
    return problems;
  }
  if (text.substr(0, 3) == "\xef\xbb\xbf") text.remove_prefix(3);  // a byte order mark
  if (const auto bad = check_bytes(text)) {
    stop(bad->at, bad->detail);
    return problems;
  }
  try {
    ViewBuffer buffer(text);
    std::istream stream(&buffer);
    YAML::Parser parser(stream);
    DocumentBuilder builder(file, take, problems);
    // yaml-cpp hands out empty documents for ever when a stray character stands between two.
    std::size_t documents = 0;
    while (parser.HandleNextDocument(builder)) {
      if (++documents <= kMaxDocuments) continue;
      stop({}, fmt::format("the file has more than {} documents, or a stray character between two",
                           kMaxDocuments));
      break;
    }
  } catch (const DocumentBuilder::Stop& reason) {
    stop(reason.at, reason.detail);
  } catch (const YAML::Exception& error) {
    stop({error.mark.line + 1, error.mark.column + 1}, "this is no YAML: " + error.msg);
  } catch (const std::exception& error) {
    stop({}, fmt::format("the file cannot be read: {}", error.what()));
  }
  return problems;
}

}  // namespace espalier::crds
