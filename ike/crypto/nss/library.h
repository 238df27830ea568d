// NSS as a process-wide thing: opened once, closed once. Private to this adapter.
#pragma once

#include <map>
#include <string>

#include "base/result.h"
#include "base/secret_bytes.h"
#include "ike/crypto/nss/nss_provider.h"

namespace espalier::ike::crypto::nss {

class Library {
 public:
  // Code::kExists when it is open already.
  [[nodiscard]] static Result<std::unique_ptr<Library>> open(const NssOptions& options);
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
  ~Library();

  // Fails when a handle is still alive.
  [[nodiscard]] Status close();
  // The password of a token, as the password file has it; null when it has none.
  [[nodiscard]] const SecretBytes* password_of(const std::string& token) const;

 private:
  Library() = default;
  [[nodiscard]] Status initialise(const NssOptions& options);
  [[nodiscard]] Status read_passwords(const std::string& path);
  [[nodiscard]] Status log_in(const std::string& directory);

  std::map<std::string, SecretBytes> passwords_;
  bool claimed_ = false;
  bool initialised_ = false;
};

}  // namespace espalier::ike::crypto::nss
