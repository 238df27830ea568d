// StateFile: one small file in the state folder that is replaced whole or not at all.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "nodeagent/tunnel/ports.h"

namespace espalier::runtime {

class StateFile final : public tunnel::JournalStore {
 public:
  // `folder` is made (mode 0700) when it is not there.
  [[nodiscard]] static Result<StateFile> open(const std::string& folder, const std::string& name);

  // Empty when there is none.
  [[nodiscard]] Result<std::string> load() const;
  // On the disk, file and folder, when it returns (base/process/replace_file.h).
  [[nodiscard]] Status save(std::string_view text) override;

 private:
  StateFile(std::string folder, std::string name)
      : folder_(std::move(folder)), name_(std::move(name)) {}
  std::string folder_;
  std::string name_;
};

}  // namespace espalier::runtime
