#include "nodeagent/telemetry/prometheus/metrics_server.h"

#include <optional>
#include <sstream>
#include <utility>

#include <prometheus/text_serializer.h>

#include "base/ip.h"
#include "nodeagent/telemetry/health.h"
#include "nodeagent/telemetry/http/listen_address.h"
#include "nodeagent/telemetry/http/responder.h"
#include "nodeagent/telemetry/prometheus/family.h"

namespace espalier::telemetry {
namespace {

using http::Reply;

Reply unavailable(std::string why) {
  return {503, {}, std::move(why) + "\n"};
}

}  // namespace

// The responder's thread alone calls document(), so nothing here needs a lock.
struct MetricsServer::Parts {
  Parts(SnapshotCell& the_cell, const Options& options)
      : cell(the_cell), patience(options.patience), families(options.peers) {}

  Reply document(std::string_view path) {
    if (path == "/metrics") return metrics();
    if (path == "/healthz") return health();
    if (path == "/readyz") return ready();
    return {404, {}, "here are /metrics, /healthz and /readyz\n"};
  }

  Reply metrics() {
    const auto snapshot = cell.fresh(patience);
    if (!snapshot) return unavailable("the agent's loop does not answer");
    std::ostringstream text;
    const prometheus::TextSerializer serializer;
    families.for_each(*snapshot, [&](const prometheus::MetricFamily& family) {
      serializer.Serialize(text, {family});
    });
    return {200, kExpositionType, text.str()};
  }

  Reply health() {
    if (!cell.fresh(patience)) return unavailable("the agent's loop does not answer");
    return {200, {}, "ok\n"};
  }

  Reply ready() {
    const auto snapshot = cell.fresh(patience);
    if (!snapshot) return unavailable("the agent's loop does not answer");
    std::string reasons;
    for (const std::string& reason : not_ready(*snapshot)) reasons += reason + "\n";
    if (!reasons.empty()) return {503, {}, reasons};
    return {200, {}, "ok\n"};
  }

  SnapshotCell& cell;
  Duration patience;
  Families families;
  std::unique_ptr<http::Responder> responder;  // the last: it ends its thread before the rest goes
};

Result<std::unique_ptr<MetricsServer>> MetricsServer::start(SnapshotCell& cell,
                                                            const Options& options) {
  auto at = http::parse_listen_address(options.address);
  if (!at) {
    return fail(Code::kInvalid, "metrics address",
                "'" + options.address + "' is not ADDRESS:PORT (an IPv6 address in brackets)");
  }
  auto parts = std::make_unique<Parts>(cell, options);
  const auto documents = [made = parts.get()](std::string_view path) {
    return made->document(path);
  };
  auto responder = http::Responder::start(*at, documents);
  const bool every = options.address.front() == ':';
  if (!responder && every && responder.error().code == Code::kIo) {  // a machine without IPv6
    responder = http::Responder::start({IpAddress::any(IpFamily::kV4), at->port}, documents);
  }
  if (!responder) return within("metrics address", responder);
  parts->responder = std::move(*responder);
  return std::unique_ptr<MetricsServer>(new MetricsServer(std::move(parts)));
}

MetricsServer::MetricsServer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
MetricsServer::~MetricsServer() = default;

std::uint16_t MetricsServer::port() const {
  return parts_->responder->bound().port;
}

}  // namespace espalier::telemetry
