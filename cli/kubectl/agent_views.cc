#include "cli/kubectl/agent_views.h"

#include "cli/message_json.h"
#include "cli/views.h"

namespace espalier::cli::kubectl {
namespace {

namespace v1 = agent::v1;

}  // namespace

std::string failures_of(const NodeAnswer& answer) {
  const std::string text = failures_text(message_of<v1::StatusResponse>(answer.json));
  return text.empty() ? "" : "\nOn " + answer.node + ":\n" + text;
}

std::string findings_of(const NodeAnswer& answer) {
  v1::VerifyResponse bad = message_of<v1::VerifyResponse>(answer.json);
  auto* checks = bad.mutable_checks();
  for (int i = checks->size(); i-- > 0;) {
    if (checks->at(i).verdict() == "ok") checks->DeleteSubrange(i, 1);
  }
  return verify_text(bad);
}

std::string released_text(const NodeAnswer& answer) {
  return release_text(message_of<v1::ReleaseResponse>(answer.json));
}

}  // namespace espalier::cli::kubectl
