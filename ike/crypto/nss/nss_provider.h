// The crypto port on Mozilla's NSS. No NSS header is seen from here.
//
// Caveats: NSS is one per process, so open() fails while another provider is open. Never fork after
// open(): parent and child would draw the same random bytes. Every thread that called run() has
// ended before close().
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "ike/crypto/provider.h"

namespace espalier::ike::crypto::nss {

struct NssOptions {
  // A directory with cert9.db and key4.db, opened for reading. Without one nothing is kept
  // anywhere.
  std::optional<std::string> database;
  // Lines "token:password", as libreswan reads them: "NSS Certificate DB:secret".
  std::optional<std::string> password_file;
  // Switches the library to FIPS mode. It also is in that mode when the machine or the database
  // says so.
  bool fips = false;
};

class NssProvider {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Provider>> open(const NssOptions& options);
};

}  // namespace espalier::ike::crypto::nss
