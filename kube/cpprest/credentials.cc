#include "kube/cpprest/credentials.h"

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <utility>

namespace espalier::kube {
namespace {

constexpr Duration kReadAgain = std::chrono::seconds(60);
constexpr std::uintmax_t kMaxFile = std::uintmax_t{1} << 20U;

Result<SecretBytes> read(const Material& material) {
  if (material.file.empty()) return material.data.copy();
  std::error_code error;
  const auto size = std::filesystem::file_size(material.file, error);
  if (error) return fail(Code::kIo, material.file, error.message());
  if (size > kMaxFile) return fail(Code::kInvalid, material.file, "more than 1 MB");
  std::ifstream stream(material.file, std::ios::binary);
  SecretBytes bytes(static_cast<std::size_t>(size));
  stream.read(reinterpret_cast<char*>(bytes.writable().data()), static_cast<std::streamsize>(size));
  if (!stream) return fail(Code::kIo, material.file, "cannot be read");
  if (bytes.empty()) return fail(Code::kInvalid, material.file, "is empty");
  return bytes;
}

// A token ends where its line does.
SecretBytes token_of(SecretBytes bytes) {
  std::size_t size = bytes.size();
  const ByteView view = bytes.view();
  while (size > 0 && (view[size - 1] == '\n' || view[size - 1] == '\r' || view[size - 1] == ' ')) {
    --size;
  }
  return bytes.slice(0, size);
}

bool same(const SecretBytes& a, const SecretBytes& b) {
  return ct_equal(a.view(), b.view());
}

bool same(const TlsMaterial& a, const TlsMaterial& b) {
  return same(a.ca, b.ca) && same(a.certificate, b.certificate) && same(a.key, b.key);
}

Result<TlsMaterial> read_tls(const Access& access) {
  auto ca = read(access.ca);
  if (!ca) return forward(ca);
  auto certificate = read(access.client_certificate);
  if (!certificate) return forward(certificate);
  auto key = read(access.client_key);
  if (!key) return forward(key);
  return TlsMaterial{std::move(*ca), std::move(*certificate), std::move(*key)};
}

}  // namespace

Status Credentials::load(TimePoint now) {
  const std::lock_guard lock(mutex_);
  auto tls = read_tls(access_);
  if (!tls) return forward(tls);
  if (auto checked = check_(*tls); !checked) return checked;
  auto token = read(access_.token);
  if (!token) return forward(token);
  state_.tls = std::make_shared<const TlsMaterial>(std::move(*tls));
  state_.token = std::make_shared<const SecretBytes>(token_of(std::move(*token)));
  read_at_ = now;
  return {};
}

Status Credentials::refresh(TimePoint now, bool at_once) {
  const std::lock_guard lock(mutex_);
  if (!at_once && now - read_at_ < kReadAgain) return {};
  read_at_ = now;
  Status status;
  if (auto token = read(access_.token); !token) {
    status = forward(token);
  } else if (auto trimmed = token_of(std::move(*token)); !same(trimmed, *state_.token)) {
    state_.token = std::make_shared<const SecretBytes>(std::move(trimmed));
  }
  auto tls = read_tls(access_);
  if (!tls) return forward(tls);
  if (same(*tls, *state_.tls)) return status;
  if (auto checked = check_(*tls); !checked) return checked;
  state_.tls = std::make_shared<const TlsMaterial>(std::move(*tls));
  return status;
}

CredentialState Credentials::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

}  // namespace espalier::kube
