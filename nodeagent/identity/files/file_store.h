// The identity's store as files: "identity.pem" and "identity-next.pem" in a folder of mode 0700.
//
// Guarantees: a file is written beside its place with mode 0600, is on the disk, and then takes the
// place of the old one; a file that somebody else than its owner may read, or that is no plain
// file, is refused.
#pragma once

#include <string>

#include "nodeagent/identity/ports.h"

namespace espalier::identity {

class FileStore final : public IdentityStore {
 public:
  // `folder` is made when it is not there.
  [[nodiscard]] static Result<FileStore> open(const std::string& folder);

  Result<std::optional<SecretBytes>> load(Slot slot) override;
  Status save(Slot slot, const SecretBytes& pem) override;
  Status remove(Slot slot) override;

 private:
  explicit FileStore(std::string folder) : folder_(std::move(folder)) {}
  [[nodiscard]] std::string path_of(Slot slot) const;

  std::string folder_;
};

}  // namespace espalier::identity
