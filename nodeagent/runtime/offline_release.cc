#include "nodeagent/runtime/offline_release.h"

#include <fmt/format.h>

#include "base/process/clock.h"
#include "nodeagent/dataplane/nft/nft_guard.h"
#include "nodeagent/dataplane/xfrm/xfrm_ipsec.h"
#include "nodeagent/rpc/socket_path.h"
#include "nodeagent/runtime/releases.h"
#include "nodeagent/runtime/state_file.h"
#include "nodeagent/tunnel/removal.h"

namespace espalier::runtime {
namespace {

// Why the release will not be found by the next agent; empty: it will.
std::string keep(const OfflineRelease& options) {
  auto kept = KeptReleases::open(options.state);
  if (!kept) return kept.error().to_string();
  const auto changed = kept->change({"", false, false, options.why}, nullptr, process::wall_now());
  return changed ? changed->not_kept : changed.error().to_string();
}

std::string journal_of(const OfflineRelease& options) {
  auto file = StateFile::open(options.state, "journal");
  if (!file) return "";
  return file->load().value_or("");
}

}  // namespace

Result<OfflineReleased> release_offline(const OfflineRelease& options) {
  if (rpc::somebody_answers(options.socket)) {
    return fail(Code::kExists, options.socket, "an agent answers there: espalierctl release");
  }
  auto kernel = dataplane::xfrm::XfrmIpsec::open();
  if (!kernel) return forward(kernel);
  dataplane::nft::NftGuard guard;
  OfflineReleased done;
  // Written down first: an agent that starts meanwhile must not block again.
  const std::string unkept = keep(options);
  auto removed = tunnel::remove_ours(*kernel, guard, journal_of(options));
  if (!removed) return forward(removed);
  done.text = fmt::format("removed {} policies and {} SAs, and the packet filter's table\n",
                          removed->policies, removed->sas);
  for (const Error& trouble : removed->troubles)
    done.text += "not done: " + trouble.to_string() + "\n";
  if (unkept.empty()) {
    done.text += "the next agent finds this node released, until `espalierctl release --end`\n";
  } else {
    done.text += "NOT KEPT: the next agent enforces its plan again: " + unkept + "\n";
  }
  done.complete = removed->troubles.empty() && unkept.empty();
  return done;
}

}  // namespace espalier::runtime
