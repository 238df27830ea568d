#include "cli/views.h"

#include <chrono>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "cli/table/amount.h"
#include "cli/table/table.h"
#include "cli/table/text.h"

namespace espalier::cli {
namespace {

namespace v1 = agent::v1;
using google::protobuf::Timestamp;

std::string since(const Timestamp& then, const Timestamp& now) {
  return duration_text(std::chrono::seconds(now.seconds() - then.seconds()));
}
std::string until(const Timestamp& then, const Timestamp& now) {
  return since(now, then);
}

std::string plural(std::size_t count, const std::string& noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

bool stands(const std::string& state) {
  return state == "Established" || state == "Rekeying" || state == "Trapped";
}

std::string who_refused(const v1::Failure& failure, const std::string& peer) {
  if (failure.side() == "Local") return "this node refused " + peer;
  if (failure.side() == "Peer") return peer + " refused this node";
  return "nobody refused";
}

// "node3/v4: this node refused node3, 12s ago: UntrustedIssuer", and what follows from it.
std::string failure_text(const v1::Connection& connection, const Timestamp& now) {
  const v1::Failure& failure = connection.last_failure();
  std::string out = wrapped("", printable(fmt::format("{}: {}, {} ago: {}", connection.name(),
                                                      who_refused(failure, connection.peer()),
                                                      since(failure.at(), now), failure.reason())));
  if (!failure.sentence().empty()) out += wrapped("  why  ", printable(failure.sentence()));
  if (!failure.what_to_do().empty()) out += wrapped("  do   ", printable(failure.what_to_do()));
  if (connection.has_retry_at()) {
    out += "  next attempt in " + until(connection.retry_at(), now) + "\n";
  }
  return out;
}

bool is_failing(const v1::Connection& connection) {
  return !stands(connection.state()) && connection.has_last_failure();
}

std::string problems_text(const v1::Plan& plan) {
  std::string out;
  for (const v1::Problem& problem : plan.problems()) {
    std::string place = problem.file();
    if (problem.line() != 0) place += fmt::format(":{}", problem.line());
    out += wrapped("problem  ", printable(fmt::format("{}{}{}: {}", place, place.empty() ? "" : " ",
                                                      problem.field(), problem.message())));
  }
  return out;
}

std::string what_is_released(const std::string& name) {
  return name.empty() ? "the whole node" : name;
}

std::string releases_text(const v1::StatusResponse& status) {
  std::string out;
  for (const v1::Released& release : status.releases()) {
    std::string line =
        fmt::format("{}, {} ago, by hand: clear traffic passes{}", what_is_released(release.name()),
                    since(release.since(), status.agent().at()),
                    release.in_clear() ? ", and no SA is made" : "");
    if (!release.why().empty()) line += " (" + release.why() + ")";
    out += wrapped("RELEASED  ", printable(line));
  }
  return out;
}

std::string header(const v1::StatusResponse& status) {
  const v1::AgentInfo& agent = status.agent();
  const v1::Plan& plan = status.plan();
  const v1::Kernel& kernel = status.kernel();
  std::string line = fmt::format("{}, agent {}, running for {}", agent.node(), agent.version(),
                                 since(agent.started_at(), agent.at()));
  if (plan.applied_hash().empty()) {
    line += "; no plan is in force";
  } else {
    line += fmt::format("; plan {}", plan.applied_hash().substr(0, 8));
    if (plan.has_applied_at()) line += " for " + since(plan.applied_at(), agent.at());
    if (!plan.applied() || plan.hash() != plan.applied_hash()) {
      line += fmt::format(" ({} is not applied yet)", plan.hash().substr(0, 8));
    }
  }
  std::string out = wrapped("", printable(line));
  if (!kernel.esp()) {
    out += wrapped("kernel   ", printable("takes no ESP SA: " + kernel.esp_error()));
  }
  return out + releases_text(status) + problems_text(plan);
}

std::string blocks_text(const v1::Connection& connection) {
  if (connection.released()) return "RELEASED";
  return connection.blocking() ? "clear" : "";
}

std::string children_text(const v1::Connection& connection) {
  std::string out;
  for (const v1::Child& child : connection.children()) {
    out += (out.empty() ? "" : ", ") + child.name();
    if (child.state() != "Up") out += " (" + child.state() + ")";
  }
  return out;
}

std::string yes(bool value) {
  return value ? "yes" : "no";
}

// Label and value, the values in one column.
class Details {
 public:
  explicit Details(std::string indent) : indent_(std::move(indent)) {}
  void add(const std::string& label, const std::string& value) {
    if (value.empty()) return;
    out_ += wrapped(fmt::format("{}{:<16}", indent_, label), printable(value));
  }
  [[nodiscard]] const std::string& text() const { return out_; }

 private:
  std::string indent_;
  std::string out_;
};

std::string age_and_rekey(bool has_established, const Timestamp& established, bool has_rekey,
                          const Timestamp& rekey, const Timestamp& now) {
  std::string out;
  if (has_established) out = since(established, now) + " old";
  if (has_rekey) out += (out.empty() ? "" : ", ") + std::string("rekey in ") + until(rekey, now);
  return out;
}

std::string child_details(const v1::Child& child, const Timestamp& now) {
  Details details("    ");
  details.add("selectors",
              fmt::format("{} <-> {}", child.local_selectors(), child.remote_selectors()));
  if (!child.spi_in().empty() || !child.spi_out().empty()) {
    details.add("ESP", fmt::format("{}{}{}", child.esp_suite(), child.esn() ? ", ESN" : "",
                                   child.offload().empty() ? "" : ", offload " + child.offload()));
    details.add("SPIs", fmt::format("in {}, out {}, reqid {:#x}", child.spi_in(), child.spi_out(),
                                    child.reqid()));
    details.add("age", age_and_rekey(child.has_established_at(), child.established_at(),
                                     child.has_rekey_at(), child.rekey_at(), now));
    details.add("in", fmt::format("{} in {}", bytes_text(child.in().bytes()),
                                  plural(child.in().packets(), "packet")));
    details.add("out", fmt::format("{} in {}", bytes_text(child.out().bytes()),
                                   plural(child.out().packets(), "packet")));
    if (child.has_last_used()) details.add("last used", since(child.last_used(), now) + " ago");
  }
  return wrapped("  ", printable(fmt::format("child {}: {}, {} mode", child.name(), child.state(),
                                             child.mode()))) +
         details.text();
}

std::string connection_details(const v1::Connection& connection, const Timestamp& now) {
  Details details("  ");
  details.add("peer", connection.peer());
  details.add("owner", connection.owner());
  details.add("enforcement", connection.enforcement() +
                                 (connection.blocking() ? ", clear traffic is refused" : ""));
  details.add("local", fmt::format("{} {}", connection.local(), connection.local_identity()));
  details.add("remote", fmt::format("{} {}", connection.remote(), connection.remote_identity()));
  if (connection.has_ike_sa()) {
    const v1::IkeSa& ike = connection.ike_sa();
    details.add("IKE SA", fmt::format("{} / {}, {}", ike.spi_i(), ike.spi_r(), ike.role()));
    details.add("suite", ike.suite());
    details.add("authentication", ike.authentication());
    details.add("PPK", ike.ppk_id());
    details.add("NAT",
                ike.nat_local() || ike.nat_remote()
                    ? fmt::format("here {}, at the peer {}; encapsulation {}", yes(ike.nat_local()),
                                  yes(ike.nat_remote()), ike.encapsulation())
                    : "");
    details.add("age", age_and_rekey(ike.has_established_at(), ike.established_at(),
                                     ike.has_rekey_at(), ike.rekey_at(), now));
  }
  const v1::ConnectionCounters& counters = connection.counters();
  details.add("history",
              fmt::format("{}, {} failed; rekeyed {} times (IKE), {} times (children), {} failed; "
                          "peer lost {} times",
                          plural(counters.handshakes(), "handshake"), counters.handshake_failures(),
                          counters.ike_rekeys(), counters.child_rekeys(), counters.rekey_failures(),
                          counters.liveness_lost()));
  std::string out = printable(fmt::format("{}: {}", connection.name(), connection.state())) + "\n" +
                    details.text();
  for (const v1::Child& child : connection.children()) out += child_details(child, now);
  if (connection.has_last_failure()) out += failure_text(connection, now);
  return out;
}

}  // namespace

std::string status_text(const v1::StatusResponse& status) {
  const Timestamp& now = status.agent().at();
  std::string out = header(status) + "\n";
  if (status.connections().empty()) return out + "The plan has no connection.\n";
  Table table({{"CONNECTION", Align::kLeft, 12},
               {"PEER", Align::kLeft, 8},
               {"STATE"},
               {"SINCE", Align::kRight},
               {"REMOTE", Align::kLeft, 15},
               {"BLOCKS"},
               {"CHILDREN", Align::kLeft, 12}});
  std::string failures;
  for (const v1::Connection& connection : status.connections()) {
    const bool has_age = connection.has_ike_sa() && connection.ike_sa().has_established_at();
    table.add({connection.name(), connection.peer(), connection.state(),
               has_age ? since(connection.ike_sa().established_at(), now) : "", connection.remote(),
               blocks_text(connection), children_text(connection)});
    if (is_failing(connection)) failures += "\n" + failure_text(connection, now);
  }
  return out + table.text() + failures;
}

std::string failures_text(const v1::StatusResponse& status) {
  std::string out = releases_text(status) + problems_text(status.plan());
  for (const v1::Connection& connection : status.connections()) {
    if (is_failing(connection)) out += failure_text(connection, status.agent().at());
  }
  return out;
}

std::string status_details(const v1::StatusResponse& status) {
  std::string out;
  for (const v1::Connection& connection : status.connections()) {
    out += (out.empty() ? "" : "\n") + connection_details(connection, status.agent().at());
  }
  return out;
}

std::string traffic_text(const v1::TrafficStatusResponse& traffic) {
  if (traffic.children().empty()) return "No child SA carries traffic.\n";
  Table table({{"PEER", Align::kLeft, 10},
               {"CHILD", Align::kLeft, 8},
               {"STATE"},
               {"MODE"},
               {"IN", Align::kRight},
               {"PACKETS", Align::kRight},
               {"OUT", Align::kRight},
               {"PACKETS", Align::kRight},
               {"AGE", Align::kRight},
               {"LAST USED", Align::kRight}});
  for (const v1::ChildTraffic& row : traffic.children()) {
    const v1::Child& child = row.child();
    table.add({row.peer(), child.name(), child.state(), child.mode(),
               bytes_text(child.in().bytes()), std::to_string(child.in().packets()),
               bytes_text(child.out().bytes()), std::to_string(child.out().packets()),
               child.has_established_at() ? since(child.established_at(), traffic.at()) : "",
               child.has_last_used() ? since(child.last_used(), traffic.at()) + " ago" : "never"});
  }
  return table.text();
}

std::string explain_text(const v1::ExplainResponse& explained, const std::string& query) {
  if (explained.explanations().empty()) {
    return wrapped("", printable(query + " is covered by no rule: its traffic passes in clear."));
  }
  std::string out;
  for (const v1::Explanation& explanation : explained.explanations()) {
    out += wrapped("", printable(explanation.sentence()));
    std::string by = "by " + explanation.owner() + ", " + explanation.enforcement();
    if (!explanation.wins()) by += "; rules before it take all of this traffic";
    out += wrapped("    ", printable(by));
  }
  return out;
}

std::string verify_text(const v1::VerifyResponse& verified) {
  std::string out;
  for (const v1::Check& check : verified.checks()) {
    out += wrapped(fmt::format("{:<4}  {:<15}  ", check.verdict(), check.name()),
                   printable(check.finding()));
    if (check.verdict() != "ok" && !check.what_to_do().empty()) {
      out += wrapped(std::string(23, ' '), printable("-> " + check.what_to_do()));
    }
  }
  return out;
}

std::string release_text(const v1::ReleaseResponse& done) {
  std::string out;
  for (const std::string& name : done.ended()) {
    out += wrapped("", printable("enforced again: " + what_is_released(name)));
  }
  for (const v1::Released& release : done.releases()) {
    std::string connections;
    for (const std::string& name : release.connections()) {
      connections += (connections.empty() ? ": " : ", ") + name;
    }
    out += wrapped("",
                   printable(fmt::format(
                       "released: {}, {}{}", what_is_released(release.name()),
                       plural(static_cast<std::size_t>(release.connections().size()), "connection"),
                       connections)));
    if (release.in_clear()) out += "    no SA is made: everything passes in clear\n";
  }
  if (!done.not_kept().empty()) {
    out += wrapped("", printable("NOT KEPT: a restart of the agent brings back what was before: " +
                                 done.not_kept()));
  }
  return out;
}

std::string command_text(const v1::CommandResponse& done) {
  std::string out;
  for (const v1::CommandResult& result : done.results()) {
    std::string line = result.connection() + ": ";
    if (result.outcome() == "Taken") line += "will be done; it is " + result.state() + " now";
    if (result.outcome() == "Reached") line += result.state();
    if (result.outcome() == "TimedOut") line += "still " + result.state() + " when the wait ended";
    if (result.outcome() == "Failed") {
      line += fmt::format("failed, {}: {}", who_refused(result.failure(), "the peer"),
                          result.failure().reason());
    }
    out += wrapped("", printable(line));
    if (result.outcome() != "Failed") continue;
    if (!result.failure().sentence().empty()) {
      out += wrapped("  why  ", printable(result.failure().sentence()));
    }
    if (!result.failure().what_to_do().empty()) {
      out += wrapped("  do   ", printable(result.failure().what_to_do()));
    }
  }
  return out;
}

}  // namespace espalier::cli
