// FakeKernel: KernelIpsec with virtual time and simulated traffic, for tests and simulations.
//
// It follows what Linux 6.12 does (reference: net/xfrm), so that a test can send packets between
// two of them and count what is lost, leaks or is refused, and why.
//
// Guarantees: deterministic. SPIs count up. Keys are compared at delivery: a packet is accepted
// only where both ends hold the same.
// Caveats: packets have no contents. Tunnel mode ends where the SA ends; forwarding is the caller's
// (Route::kForwarded).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "nodeagent/dataplane/fake/fake_policies.h"
#include "nodeagent/dataplane/fake/fake_sas.h"
#include "nodeagent/dataplane/kernel_ipsec.h"

namespace espalier::dataplane {

// A packet between two kernels.
struct FakePacket {
  Selector header{};  // whole addresses; ICMP as in Selector
  std::uint64_t bytes = 100;
  std::uint32_t mark = 0;
  // By ESP, or none: in clear.
  struct Esp {
    SaId sa;
    Mode mode = Mode::kTransport;
    std::uint64_t sequence = 0;
    std::optional<Encapsulation> encapsulation;
    IpAddress outer_source;
    EspAlgorithm algorithm;
    bool esn = false;
    Bytes key_fingerprint;
  };
  std::optional<Esp> esp = std::nullopt;
};

// What became of a packet. `dropped_by`: the row of /proc/net/xfrm_stat that counted it, empty if
// it passed.
struct FakeFate {
  bool passed = false;
  std::string dropped_by{};
  std::optional<FakePacket> packet = std::nullopt;  // send(): what is on the wire now

  [[nodiscard]] bool in_clear() const { return passed && packet && !packet->esp; }
};

class FakeKernel final : public KernelIpsec {
 public:
  struct Options {
    Duration acquire_expires = std::chrono::seconds(30);  // net.core.xfrm_acq_expires
    // A policy goes on using the outbound SA it used last until that SA is deleted or the policy is
    // set again, even if a newer one stands. Linux 6.12 does not (the newest is used); its list of
    // SAs per policy looks as if it should, so another kernel may.
    bool outbound_sticks = false;
    Capabilities capabilities = all_capabilities();
  };
  FakeKernel() : FakeKernel(Options{}) {}
  explicit FakeKernel(Options options) : options_(std::move(options)) {}
  [[nodiscard]] static Capabilities all_capabilities();

  // Time only moves forward. Limits that are reached on the way raise their events.
  void advance(TimePoint now);
  [[nodiscard]] TimePoint next_expiry() const { return sas_.next_expiry(); }

  using KernelIpsec::apply;
  using KernelIpsec::query;
  [[nodiscard]] std::vector<Status> apply(std::span<const Step> steps) override;
  [[nodiscard]] std::vector<Result<std::uint32_t>> allocate_spis(
      std::span<const SpiRequest> requests) override;
  [[nodiscard]] Result<std::vector<SaState>> dump_sas() override;
  [[nodiscard]] Result<std::vector<PolicyState>> dump_policies() override;
  [[nodiscard]] std::vector<Result<SaState>> query(std::span<const SaId> sas) override;
  [[nodiscard]] const Capabilities& capabilities() override { return options_.capabilities; }

  // What has happened since the last call; own changes are left out, as by the kernel's adapter.
  [[nodiscard]] std::vector<KernelEvent> take_events();
  // Events that wait are lost, and an Overrun takes their place.
  void lose_events();

  // A packet that leaves this node, its own or forwarded.
  [[nodiscard]] FakeFate send(const FakePacket& packet);
  // A packet that arrives. kForwarded: it is not for this node itself (pods included).
  enum class Route : std::uint8_t { kLocal, kForwarded };
  [[nodiscard]] FakeFate receive(const FakePacket& packet, Route route = Route::kLocal);

  // Another program's hand: like apply(), but it raises the events that others' changes do.
  [[nodiscard]] std::vector<Status> meddle(std::span<const Step> steps);
  void flush_sas();
  void flush_policies();

  // Asked before every step, also of meddle(); an Error refuses it. Empty: nothing fails.
  std::function<std::optional<Error>(const Step&)> refuse_step;
  std::function<std::optional<Error>(const SpiRequest&)> refuse_spi;
  bool refuse_dumps = false;

  // /proc/net/xfrm_stat: rows that are not zero.
  [[nodiscard]] const std::map<std::string, std::uint64_t>& stat() const { return stat_; }
  // Calls of the port: each is a system call or two.
  [[nodiscard]] std::uint64_t calls() const { return calls_; }

 private:
  [[nodiscard]] Status carry_out(const Step& step);
  [[nodiscard]] Status check_algorithm(const Sa& sa, const EspKeys& keys) const;
  [[nodiscard]] FakeSas::Entry* outbound_sa(const Policy& policy, const Selector& packet);
  void raise_acquire(const Policy& policy, const Selector& packet, const IpAddress& source,
                     const IpAddress& destination);
  [[nodiscard]] FakeFate drop(std::string row);
  [[nodiscard]] FakeFate check_inbound(const FakePacket& packet, const FakeSas::Entry* by,
                                       Route route);
  void report(const Step& step, const std::vector<SaState>& sas_before,
              const std::vector<Policy>& policies_before);

  Options options_;
  TimePoint now_{};
  FakeSas sas_;
  FakePolicies policies_;
  std::map<std::uint64_t, SaId> last_outbound_;  // by generation of the policy
  std::vector<KernelEvent> events_;
  std::map<std::string, std::uint64_t> stat_;
  std::uint64_t calls_ = 0;
};

}  // namespace espalier::dataplane
