#include "nodeagent/dataplane/nft/nft_guard.h"

#include <memory>
#include <string>
#include <string_view>

#include <nftables/libnftables.h>

#include "nodeagent/dataplane/nft/guard_ruleset.h"

namespace espalier::dataplane::nft {

namespace {

constexpr const char* kSubject = "clear-traffic guard";

struct FreeContext {
  void operator()(nft_ctx* context) const { nft_ctx_free(context); }
};

// libnftables says what failed in words only; behind the first line it quotes our own text.
tl::unexpected<Error> refused(std::string_view words) {
  const auto line = std::string(words.substr(0, words.find('\n')));
  const auto says = [&](std::string_view what) { return line.find(what) != std::string::npos; };
  if (says("Operation not permitted")) return fail(Code::kDenied, kSubject, line);
  if (says("No such file or directory")) return fail(Code::kNotFound, kSubject, line);
  if (says("not supported")) return fail(Code::kUnsupported, kSubject, line);
  return fail(Code::kKernel, kSubject, line.empty() ? "nftables refused" : line);
}

// Runs commands as one transaction; what they print.
Result<std::string> run(const std::string& commands) {
  // A context of its own each time: it caches what it read, and the kernel may have changed.
  const std::unique_ptr<nft_ctx, FreeContext> context(nft_ctx_new(NFT_CTX_DEFAULT));
  if (!context || nft_ctx_buffer_output(context.get()) != 0 ||
      nft_ctx_buffer_error(context.get()) != 0) {
    return fail(Code::kUnavailable, kSubject, "out of memory");
  }
  const int result = nft_run_cmd_from_buffer(context.get(), commands.c_str());
  if (result != 0) {
    const char* words = nft_ctx_get_error_buffer(context.get());
    return refused(words == nullptr ? "" : words);
  }
  const char* output = nft_ctx_get_output_buffer(context.get());
  return std::string(output == nullptr ? "" : output);
}

}  // namespace

Status NftGuard::set_rules(const ClearTrafficRules& rules) {
  auto wanted = lay_out(rules);
  if (!wanted) return forward(wanted);
  if (standing_ && same_shape(*standing_, *wanted)) {
    const auto changes = render_changes(*standing_, *wanted);
    if (changes.empty()) return {};
    if (run(changes)) {
      standing_ = std::move(*wanted);
      return {};
    }
    // The table is not what we left: make it anew.
  }
  standing_.reset();
  const auto before = counts();
  auto made = run(render_table(*wanted, before ? *before : std::vector<ClearTrafficCount>{}));
  if (!made) return forward(made);
  standing_ = std::move(*wanted);
  return {};
}

Result<std::vector<ClearTrafficCount>> NftGuard::counts() {
  auto listed = run(std::string(kListCounters));
  if (!listed) {
    standing_.reset();
    return forward(listed);
  }
  return parse_counts(*listed);
}

Status NftGuard::remove() {
  standing_.reset();
  auto removed = run(render_removal());
  if (!removed) return forward(removed);
  return {};
}

}  // namespace espalier::dataplane::nft
