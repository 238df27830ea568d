// Words in manifests: which names Kubernetes allows, and which known word a misspelt one meant.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace espalier::crds {

// RFC 1123 label: 1 to 63 of [a-z0-9-], begins and ends with a letter or digit.
[[nodiscard]] bool is_dns_label(std::string_view text);
// RFC 1123 subdomain: labels joined by dots, 1 to 253 characters.
[[nodiscard]] bool is_dns_subdomain(std::string_view text);
// "role", "kubernetes.io/os": an optional DNS prefix and a name of up to 63 characters.
[[nodiscard]] bool is_label_key(std::string_view text);
// Empty, or up to 63 of [A-Za-z0-9._-] that begin and end with a letter or digit.
[[nodiscard]] bool is_label_value(std::string_view text);
// A key of a Secret's data: 1 to 253 of [A-Za-z0-9._-].
[[nodiscard]] bool is_secret_key(std::string_view text);

// The known word that differs least, if it is close enough to be meant.
[[nodiscard]] std::optional<std::string> closest(std::string_view word,
                                                 const std::vector<std::string>& known);

// "a, b, c"
[[nodiscard]] std::string join(const std::vector<std::string>& words);

// The text in double quotes for an error: control characters escaped, cut after 60 bytes.
[[nodiscard]] std::string in_quotes(std::string_view text);

}  // namespace espalier::crds
