// SecretReader: the Secrets that a plan names, read one by one and again after a while. An agent's
// rights are to get them by name: it neither lists nor watches.
//
// Guarantees: a Secret that cannot be read at the moment keeps its last content; one that is gone,
// or is named no more, is forgotten. Values live in SecretBytes; no problem told holds one.
// Everything happens on the executor's thread. Caveats: a change is seen after `reread` at the
// latest, not at once; the answer's text is ordinary memory while it is read.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "crds/types/secret.h"
#include "kube/async_call.h"
#include "kube/executor.h"
#include "kube/resource.h"
#include "kube/transport.h"

namespace espalier::follow {

class SecretReader {
 public:
  struct Handlers {
    std::function<void()> on_change;  // secrets() is another one now
    // Also when it becomes another problem, or comes again after the Secret could be read.
    std::function<void(const kube::ObjectKey&, const Error&)> on_problem;
  };

  SecretReader(kube::Transport& transport, kube::Executor& executor, Duration reread,
               Handlers handlers);
  SecretReader(const SecretReader&) = delete;
  SecretReader& operator=(const SecretReader&) = delete;
  ~SecretReader();

  // From now on these; new ones are read at once.
  void want(const std::set<kube::ObjectKey>& keys);
  [[nodiscard]] std::vector<std::shared_ptr<const crds::Secret>> secrets() const;

 private:
  struct Wanted {
    std::unique_ptr<kube::AsyncCall> call;
    std::string version;  // uid and resource version of `secret`
    std::shared_ptr<const crds::Secret> secret;
    std::string problem;  // told
  };

  void read(const kube::ObjectKey& key);
  void take(const kube::ObjectKey& key, const Result<kube::Response>& answer);
  // The Secret in the answer, not when `version` says that it is the one that is known.
  [[nodiscard]] static Result<std::shared_ptr<const crds::Secret>> decode(
      const kube::Response& answer, std::string& version);
  void read_again_later();

  kube::Transport& transport_;
  kube::Executor& executor_;
  const Duration reread_;
  Handlers handlers_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::map<kube::ObjectKey, Wanted> wanted_;
};

}  // namespace espalier::follow
