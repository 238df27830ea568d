// MeteredKernel: a KernelIpsec whose calls are counted in BusyTime.
#pragma once

#include "nodeagent/dataplane/kernel_ipsec.h"
#include "nodeagent/runtime/busy_time.h"

namespace espalier::runtime {

class MeteredKernel final : public dataplane::KernelIpsec {
 public:
  MeteredKernel(dataplane::KernelIpsec& kernel, BusyTime& busy) : kernel_(kernel), busy_(busy) {}

  [[nodiscard]] std::vector<Status> apply(std::span<const dataplane::Step> steps) override {
    const BusyTime::Measure measure(busy_, Work::kKernel);
    return kernel_.apply(steps);
  }
  [[nodiscard]] std::vector<Result<std::uint32_t>> allocate_spis(
      std::span<const dataplane::SpiRequest> requests) override {
    const BusyTime::Measure measure(busy_, Work::kKernel);
    return kernel_.allocate_spis(requests);
  }
  [[nodiscard]] Result<std::vector<dataplane::SaState>> dump_sas() override {
    const BusyTime::Measure measure(busy_, Work::kKernel);
    return kernel_.dump_sas();
  }
  [[nodiscard]] Result<std::vector<dataplane::PolicyState>> dump_policies() override {
    const BusyTime::Measure measure(busy_, Work::kKernel);
    return kernel_.dump_policies();
  }
  [[nodiscard]] std::vector<Result<dataplane::SaState>> query(
      std::span<const dataplane::SaId> sas) override {
    const BusyTime::Measure measure(busy_, Work::kKernel);
    return kernel_.query(sas);
  }
  [[nodiscard]] const dataplane::Capabilities& capabilities() override {
    return kernel_.capabilities();
  }

 private:
  dataplane::KernelIpsec& kernel_;
  BusyTime& busy_;
};

}  // namespace espalier::runtime
