#include "nodeagent/telemetry/health.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include "base/time_text.h"

namespace espalier::telemetry {
namespace {

using std::chrono::hours;

// A certificate of this class is renewed at two thirds of its life; a third of a short one (30
// days) is left then.
constexpr hours kExpiresSoon{24 * 7};

// Rows that grow in ordinary life: a packet that came while an SA was being replaced, a packet
// that a Required policy stopped. The others mean that something is wrong.
constexpr std::string_view kOrdinaryRows[] = {"XfrmInNoStates",   "XfrmInStateSeqError",
                                              "XfrmInNoPols",     "XfrmOutNoStates",
                                              "XfrmAcquireError", "XfrmInTmplMismatch"};

std::string list_of(const std::vector<Release>& releases) {
  std::string list;
  for (const Release& release : releases) {
    list += fmt::format("{}{}, since {}", list.empty() ? "" : "; ",
                        release.name.empty() ? "the whole node" : release.name,
                        time_text(release.since));
    if (!release.why.empty()) list += " (" + release.why + ")";
  }
  return list;
}

// There is a check of releases only while there is one.
Check check_releases(const std::vector<Release>& releases) {
  return {"release", Verdict::kFail, "somebody opened by hand: " + list_of(releases),
          "espalierctl release --end, once what it was for is over"};
}

std::string first_problem(const PlanStatus& plan) {
  const Problem& problem = plan.problems.front();
  std::string place = problem.file;
  if (problem.line != 0) place += fmt::format(":{}", problem.line);
  if (!problem.field.empty()) place += (place.empty() ? "" : " ") + problem.field;
  return place + ": " + problem.message;
}

Check check_kernel(const KernelStatus& kernel) {
  if (kernel.esp) return {"kernel-esp", Verdict::kOk, "the kernel takes ESP SAs", ""};
  return {"kernel-esp", Verdict::kFail,
          "the kernel takes no ESP SA" +
              (kernel.esp_error.empty() ? std::string() : ": " + kernel.esp_error),
          "run a kernel with INET_ESP and INET6_ESP, or load esp4 and esp6"};
}

Check check_capabilities(const KernelStatus& kernel) {
  std::string missing;
  for (const Capability& capability : kernel.capabilities) {
    if (capability.available) continue;
    missing += (missing.empty() ? "" : ", ") + capability.name;
    if (!capability.detail.empty()) missing += " (" + capability.detail + ")";
  }
  if (missing.empty()) return {"kernel-features", Verdict::kOk, "nothing is missing", ""};
  return {"kernel-features", Verdict::kWarn, "missing: " + missing,
          "what needs them falls back or is refused; the kernel's configuration decides"};
}

Check check_plan(const PlanStatus& plan) {
  if (!plan.problems.empty()) {
    return {"plan", plan.applied ? Verdict::kWarn : Verdict::kFail,
            fmt::format("{} problem{}, the first: {}", plan.problems.size(),
                        plan.problems.size() == 1 ? "" : "s", first_problem(plan)),
            "correct the manifest; until then the last good plan stays in force"};
  }
  if (plan.applied_hash.empty()) {
    return {"plan", Verdict::kFail, "no plan was applied yet", "give the agent a manifest"};
  }
  if (!plan.applied || plan.applied_hash != plan.hash) {
    return {"plan", Verdict::kWarn,
            fmt::format("plan {} is read, {} is in force", plan.hash, plan.applied_hash),
            "wait a moment; if it stays, the agent's log says why"};
  }
  return {"plan", Verdict::kOk, fmt::format("plan {} is in force", plan.applied_hash), ""};
}

Check check_policies(const KernelStatus& kernel) {
  std::uint32_t expected = 0;
  std::string wrong;
  for (const PolicyCount& count : kernel.policies) {
    expected += count.expected;
    if (count.present == count.expected) continue;
    wrong += fmt::format("{}{} of {} {}", wrong.empty() ? "" : ", ", count.present, count.expected,
                         name_of(count.direction));
  }
  if (wrong.empty()) {
    return {"policies", Verdict::kOk, fmt::format("all {} policies stand", expected), ""};
  }
  return {"policies", Verdict::kFail, "in the kernel stand " + wrong,
          "the agent repairs this within seconds; if it stays, another program removes them"};
}

Check check_forwarding(const KernelStatus& kernel) {
  if (!kernel.forwarding_needed) {
    return {"forwarding", Verdict::kOk, "this node forwards for nobody", ""};
  }
  std::string off;
  if (kernel.forwarding_v4 == false) off = "net.ipv4.ip_forward";
  if (kernel.forwarding_v6 == false) {
    off += (off.empty() ? "" : " and ") + std::string("net.ipv6.conf.all.forwarding");
  }
  if (off.empty()) return {"forwarding", Verdict::kOk, "the kernel forwards", ""};
  return {"forwarding", Verdict::kWarn, off + " is off, and this node forwards for others",
          "switch it on with sysctl, unless the CNI or a firewall forwards by other means"};
}

Check check_certificate(const CertificateStatus& certificate, WallTime now) {
  const std::string name =
      certificate.role + (certificate.name.empty() ? "" : " " + certificate.name);
  const auto days = [&](WallTime from, WallTime to) {
    return std::chrono::duration_cast<hours>(to - from).count() / 24;
  };
  if (now > certificate.not_after) {
    return {"certificate", Verdict::kFail,
            fmt::format("{} ended {} days ago", name, days(certificate.not_after, now)),
            "renew it: peers refuse it"};
  }
  if (now < certificate.not_before) {
    return {"certificate", Verdict::kFail, name + " is not valid yet",
            "compare this node's clock with the issuer's"};
  }
  if (certificate.not_after - now < kExpiresSoon) {
    return {"certificate", Verdict::kWarn,
            fmt::format("{} ends in {} days", name, days(now, certificate.not_after)), "renew it"};
  }
  return {"certificate", Verdict::kOk,
          fmt::format("{} is valid for {} days", name, days(now, certificate.not_after)), ""};
}

Check check_xfrm_stat(const KernelStatus& kernel) {
  std::string bad;
  std::string ordinary;
  for (const XfrmStat& row : kernel.xfrm_stat) {
    if (row.value == 0) continue;
    const bool is_ordinary = std::find(std::begin(kOrdinaryRows), std::end(kOrdinaryRows),
                                       row.name) != std::end(kOrdinaryRows);
    std::string& list = is_ordinary ? ordinary : bad;
    list += fmt::format("{}{} {}", list.empty() ? "" : ", ", row.name, row.value);
  }
  if (!bad.empty()) {
    return {"xfrm-stat", Verdict::kWarn,
            "since boot: " + bad + (ordinary.empty() ? "" : ", " + ordinary),
            "look whether they still grow (docs: kernel's xfrm_proc); both ends must agree on SAs"};
  }
  return {"xfrm-stat", Verdict::kOk,
          ordinary.empty() ? "no error was counted" : "only ordinary rows: " + ordinary, ""};
}

Check check_connections(const Snapshot& snapshot) {
  std::size_t up = 0;
  std::size_t wanted = 0;
  std::string failing;
  for (const ConnectionStatus& connection : snapshot.connections) {
    if (connection.state == ConnectionState::kDown) continue;
    ++wanted;
    const bool is_up = connection.state == ConnectionState::kEstablished ||
                       connection.state == ConnectionState::kRekeying ||
                       connection.state == ConnectionState::kTrapped;
    if (is_up) {
      ++up;
    } else if (connection.state != ConnectionState::kConnecting) {
      failing += (failing.empty() ? "" : ", ") + connection.name;
    }
  }
  if (!failing.empty()) {
    return {"connections", Verdict::kFail,
            fmt::format("{} of {} stand; not: {}", up, wanted, failing),
            "espalierctl status says for each who refused and why"};
  }
  if (up < wanted) {
    return {"connections", Verdict::kWarn,
            fmt::format("{} of {} stand, the others connect", up, wanted), "look again in seconds"};
  }
  return {"connections", Verdict::kOk, fmt::format("all {} stand", wanted), ""};
}

Check check_plaintext(const KernelStatus& kernel) {
  std::uint64_t passed = 0;
  for (const PlaintextCount& count : kernel.plaintext) passed += count.passed.packets;
  if (passed == 0)
    return {"plaintext", Verdict::kOk, "no clear packet passed where ESP is due", ""};
  return {"plaintext", Verdict::kWarn,
          fmt::format("{} clear packets passed where ESP is preferred", passed),
          "turn to Required once this number rests"};
}

}  // namespace

std::vector<std::string> not_ready(const Snapshot& snapshot) {
  std::vector<std::string> reasons;
  const Check kernel = check_kernel(snapshot.kernel);
  if (kernel.verdict == Verdict::kFail) reasons.push_back(kernel.finding);
  const Check plan = check_plan(snapshot.plan);
  if (plan.verdict == Verdict::kFail) reasons.push_back(plan.finding);
  const Check policies = check_policies(snapshot.kernel);
  if (policies.verdict == Verdict::kFail) reasons.push_back(policies.finding);
  return reasons;
}

std::string_view name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::kOk:
      return "ok";
    case Verdict::kWarn:
      return "warn";
    case Verdict::kFail:
      return "fail";
  }
  return "unknown";
}

std::vector<Check> verify(const Snapshot& snapshot, WallTime now) {
  std::vector<Check> checks = {
      check_kernel(snapshot.kernel),     check_capabilities(snapshot.kernel),
      check_plan(snapshot.plan),         check_policies(snapshot.kernel),
      check_forwarding(snapshot.kernel),
  };
  for (const CertificateStatus& certificate : snapshot.certificates) {
    checks.push_back(check_certificate(certificate, now));
  }
  if (!snapshot.releases.empty()) checks.push_back(check_releases(snapshot.releases));
  checks.push_back(check_connections(snapshot));
  checks.push_back(check_plaintext(snapshot.kernel));
  checks.push_back(check_xfrm_stat(snapshot.kernel));
  return checks;
}

Verdict worst(const std::vector<Check>& checks) {
  Verdict verdict = Verdict::kOk;
  for (const Check& check : checks) verdict = std::max(verdict, check.verdict);
  return verdict;
}

}  // namespace espalier::telemetry
