// The identity's ports in memory: a store that can fail, and a signer that remembers what was
// posted.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "nodeagent/identity/ports.h"

namespace espalier::identity::testing {

class FakeStore final : public IdentityStore {
 public:
  Result<std::optional<SecretBytes>> load(Slot slot) override {
    const auto at = texts.find(slot);
    if (at == texts.end()) return std::optional<SecretBytes>();
    return std::optional<SecretBytes>(SecretBytes(as_bytes(at->second)));
  }
  Status save(Slot slot, const SecretBytes& pem) override {
    if (broken) return fail(Code::kIo, "store", "the disk is full");
    texts[slot] = to_text(pem.view());
    return {};
  }
  Status remove(Slot slot) override {
    texts.erase(slot);
    return {};
  }

  std::map<Slot, std::string> texts;
  bool broken = false;
};

class FakeSigner final : public CertificateSigner {
 public:
  void post(const PostedRequest& request) override { posted.push_back(request); }
  void forget(const std::string& name) override { forgotten.push_back(name); }

  std::vector<PostedRequest> posted;
  std::vector<std::string> forgotten;
};

}  // namespace espalier::identity::testing
