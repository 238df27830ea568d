#include "tests/api/program.h"

#include <cstdlib>
#include <iostream>
#include <mutex>
#include <utility>

#include <signal.h>

#include "kube/kubeconfig/kubeconfig.h"

namespace espalier::probe {
namespace {

sigset_t ends() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

}  // namespace

void say(const std::string& line) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  std::cout << line << std::endl;
}

void hold_signals() {
  const sigset_t set = ends();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

void wait_for_signal() {
  const sigset_t set = ends();
  int signal = 0;
  sigwait(&set, &signal);
}

std::unique_ptr<kube::Transport> connect(kube::CpprestOptions options) {
  const char* file = std::getenv("KUBECONFIG");
  auto access = kube::find_access(file != nullptr ? file : "");
  if (!access) {
    say("problem " + access.error().to_string());
    return nullptr;
  }
  auto transport = kube::make_cpprest_transport(std::move(*access), std::move(options));
  if (!transport) {
    say("problem " + transport.error().to_string());
    return nullptr;
  }
  return std::move(*transport);
}

}  // namespace espalier::probe
