#include "operator/run/uninstall_run.h"

#include <cstdio>
#include <thread>

#include "base/process/clock.h"
#include "kube/cpprest/cpprest_transport.h"
#include "kube/kubeconfig/kubeconfig.h"
#include "operator/uninstall/uninstall.h"

namespace espalier::operator_run {
namespace {

Status run(const UninstallOptions& options, OperatorLog& log) {
  auto access = kube::find_access(options.kubeconfig);
  if (!access) return forward(access);
  kube::CpprestOptions how;
  how.user_agent = std::string("espalier-operator/") + ESPALIER_VERSION;
  how.on_problem = [&log](std::string_view text) { log.warn(text); };
  auto transport = kube::make_cpprest_transport(std::move(*access), std::move(how));
  if (!transport) return forward(transport);
  // The operator's name as a field manager: what it wrote is taken over.
  const kube::Client client(**transport, {"espalier-operator", false, {}});
  uninstall::Ports ports;
  ports.client = &client;
  ports.now = process::monotonic_now;
  ports.pause = [](Duration time) { std::this_thread::sleep_for(time); };
  ports.say = [&log](const std::string& line) { log.info(line); };
  return uninstall::uninstall(ports, {options.ns, options.timeout});
}

}  // namespace

int uninstall(const UninstallOptions& options) {
  OperatorLog log(options.log_format, process::wall_time_text, [](const std::string& line) {
    (void)std::fwrite(line.data(), 1, line.size(), stderr);
  });
  if (auto done = run(options, log); !done) {
    log.error("not uninstalled", {{"error", done.error().to_string()}});
    return 1;
  }
  log.info("nothing of the plans is left on any node");
  return 0;
}

}  // namespace espalier::operator_run
