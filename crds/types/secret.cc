#include "crds/types/secret.h"

#include <algorithm>

#include "base/base64.h"
#include "crds/types/kinds.h"

namespace espalier::crds {

namespace {

constexpr std::uint8_t kDerSequence = 0x30;
constexpr std::size_t kMaxSecret = 1U << 20U;  // Kubernetes' own limit

using Data = std::map<std::string, SecretBytes>;

// The text without copying it: only looked at, never kept.
std::string_view text_of(const SecretBytes& value) {
  const ByteView view = value.view();
  return {reinterpret_cast<const char*>(view.data()), view.size()};
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpaces = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kSpaces);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpaces) - first + 1);
}

// "<PEM>", "<PEM bundle>": what examples have where a real value belongs.
bool is_placeholder(std::string_view text) {
  const std::string_view inner = trimmed(text);
  return inner.size() >= 2 && inner.size() <= 64 && inner.front() == '<' && inner.back() == '>' &&
         inner.find_first_of("\r\n") == std::string_view::npos;
}

template <typename ReadOne>
Value<Data> data_map(ReadOne read_one) {
  return {{{"type", "object"}, {"additionalProperties", {{"type", "string"}}}},
          [read_one](const Cursor& here) -> std::optional<Data> {
            if (!here.json().is_object()) {
              here.wrong_type("a map of strings");
              return std::nullopt;
            }
            const std::size_t before = here.problems();
            Data data;
            std::size_t total = 0;
            for (const auto& [key, ignored] : here.json().items()) {
              const Cursor child = here.at(key);
              if (!is_secret_key(key)) {
                child.invalid("is no key of a Secret; allowed: letters, digits, '-', '_', '.'");
              }
              if (!child.json().is_string()) {
                child.wrong_type("a string");
                continue;
              }
              std::optional<SecretBytes> value = read_one(child);
              if (!value) continue;
              total += value->size();
              data.insert_or_assign(key, std::move(*value));
            }
            if (total > kMaxSecret) here.invalid("holds more than 1 MiB");
            if (here.problems() != before) return std::nullopt;
            return data;
          }};
}

// What a key must hold, told by its name; empty: anything.
std::string_view pem_label(const std::string& key) {
  if (key == "tls.crt" || key == "ca.crt") return "CERTIFICATE-----";
  if (key == "tls.key") return "PRIVATE KEY-----";
  return {};
}

}  // namespace

Value<Data> secret_data() {
  return data_map([](const Cursor& here) -> std::optional<SecretBytes> {
    auto value = decode_base64(here.json().get_ref<const std::string&>());
    if (!value) {
      here.invalid("is no base64; plain text belongs under stringData");
      return std::nullopt;
    }
    return std::move(*value);
  });
}

Value<Data> secret_string_data() {
  return data_map([](const Cursor& here) -> std::optional<SecretBytes> {
    return SecretBytes(as_bytes(here.json().get_ref<const std::string&>()));
  });
}

void check_secret(const Secret& secret, const Cursor& here) {
  const auto place_of = [&](const std::string& key) {
    const char* map = here.json().contains("stringData") && here.json()["stringData"].contains(key)
                          ? "stringData"
                          : "data";
    return here.at(map).at(key);
  };
  for (const auto& [key, value] : secret.data) {
    const std::string named = fmt::format("key {} of Secret {}", key, qualified_name(secret.meta));
    const std::string_view label = pem_label(key);
    if (is_placeholder(text_of(value))) {
      place_of(key).invalid(fmt::format("{} still holds a placeholder (<...>); put {} here", named,
                                        label.empty() ? "the real value" : "the PEM text"));
    } else if (value.empty() && key != kPkcs12PasswordKey) {
      place_of(key).invalid(named + " is empty");
    } else if (key == kPkcs12Key && value.view()[0] != kDerSequence) {
      place_of(key).invalid(named + " is no PKCS #12 file (DER); as base64 it belongs under data");
    } else if (!label.empty() && text_of(value).find("-----BEGIN ") == std::string_view::npos) {
      place_of(key).invalid(named + " holds no PEM text (\"-----BEGIN ...\")");
    } else if (!label.empty() && text_of(value).find(label) == std::string_view::npos) {
      place_of(key).invalid(
          fmt::format("{} holds PEM text, but no {}", named, label.substr(0, label.size() - 5)));
    }
  }
  if (secret.data.contains(kPkcs12Key)) {
    for (const char* key : {"tls.crt", "tls.key"}) {
      if (secret.data.contains(key))
        place_of(key).invalid(
            fmt::format("stands beside {}: a Secret holds one certificate", kPkcs12Key));
    }
  }
  if (secret.type == "kubernetes.io/tls") {
    for (const char* key : {"tls.crt", "tls.key"}) {
      if (secret.data.count(key) == 0) {
        here.invalid(fmt::format("key {} is missing: type kubernetes.io/tls needs it", key));
      }
    }
  }
}

Result<SecretBytes> key_bytes(ByteView written) {
  std::string_view text(reinterpret_cast<const char*>(written.data()), written.size());
  if (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
  if (text.empty()) return fail(Code::kInvalid, {}, "the key is empty");
  if (text.substr(0, 2) != "0x") return SecretBytes(as_bytes(text));
  text.remove_prefix(2);
  if (text.empty() || text.size() % 2 != 0) {
    return fail(Code::kInvalid, {}, "0x needs an even number of hexadecimal digits behind it");
  }
  SecretBytes bytes(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    unsigned digit = 16;
    if (c >= '0' && c <= '9') digit = static_cast<unsigned>(c - '0');
    if (c >= 'a' && c <= 'f') digit = static_cast<unsigned>(c - 'a' + 10);
    if (c >= 'A' && c <= 'F') digit = static_cast<unsigned>(c - 'A' + 10);
    if (digit == 16) {
      return fail(Code::kInvalid, {}, "0x is followed by something that is no hexadecimal digit");
    }
    std::uint8_t& byte = bytes.writable()[i / 2];
    byte = static_cast<std::uint8_t>(static_cast<unsigned>(byte) << 4U | digit);
  }
  return bytes;
}

}  // namespace espalier::crds
