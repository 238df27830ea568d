// XfrmIpsec: KernelIpsec over the running kernel's XFRM, in the network namespace it was opened in.
//
// Caveat: capabilities() asks by making SAs between addresses of documentation (RFC 5737) and
// deleting them in the same system call; they never meet a packet.
#pragma once

#include <cstdint>
#include <optional>

#include "nodeagent/dataplane/kernel_ipsec.h"
#include "nodeagent/dataplane/xfrm/encode.h"
#include "nodeagent/dataplane/xfrm/exchange.h"

namespace espalier::dataplane::xfrm {

class XfrmIpsec final : public KernelIpsec {
 public:
  // kKernel where the kernel has no XFRM at all, kDenied without CAP_NET_ADMIN.
  [[nodiscard]] static Result<XfrmIpsec> open();

  using KernelIpsec::apply;
  using KernelIpsec::query;
  [[nodiscard]] std::vector<Status> apply(std::span<const Step> steps) override;
  [[nodiscard]] std::vector<Result<std::uint32_t>> allocate_spis(
      std::span<const SpiRequest> requests) override;
  [[nodiscard]] Result<std::vector<SaState>> dump_sas() override;
  [[nodiscard]] Result<std::vector<PolicyState>> dump_policies() override;
  [[nodiscard]] std::vector<Result<SaState>> query(std::span<const SaId> sas) override;
  [[nodiscard]] const Capabilities& capabilities() override;

  // The netlink port our own changes come from: XfrmEvents leaves these out.
  [[nodiscard]] std::uint32_t port() const { return exchange_.port(); }

 private:
  explicit XfrmIpsec(NetlinkSocket socket) : exchange_(std::move(socket)) {}
  [[nodiscard]] Status learn_features();

  Exchange exchange_;
  KernelFeatures features_;
  std::optional<Capabilities> capabilities_;
};

}  // namespace espalier::dataplane::xfrm
