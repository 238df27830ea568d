// What the programs that the API tests run have in common: each says what it sees, one line at a
// time, until SIGTERM.
#pragma once

#include <memory>
#include <string>

#include "kube/cpprest/cpprest_transport.h"

namespace espalier::probe {

// One line on standard output, from any thread.
void say(const std::string& line);

// Before threads start: SIGTERM and SIGINT are waited for by one thread alone.
void hold_signals();
void wait_for_signal();

// By $KUBECONFIG; without it, this is a pod. nullptr after "problem …".
[[nodiscard]] std::unique_ptr<kube::Transport> connect(kube::CpprestOptions options);

}  // namespace espalier::probe
