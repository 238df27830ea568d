#include "nodeagent/tunnel/kernel_batch.h"

#include <algorithm>
#include <utility>

namespace espalier::tunnel {

namespace {

const dataplane::Sa* sa_of(const dataplane::Step& step) {
  if (const auto* add = std::get_if<dataplane::AddSa>(&step)) return &add->sa;
  if (const auto* complete = std::get_if<dataplane::CompleteSa>(&step)) return &complete->sa;
  if (const auto* change = std::get_if<dataplane::ChangeSa>(&step)) return &change->sa;
  return nullptr;
}

}  // namespace

void KernelBatch::allocate(ike::Ticket ticket, const dataplane::SpiRequest& request, bool carried) {
  spi_answers_.push_back({ticket, carried});
  spi_requests_.push_back(request);
}

void KernelBatch::add(ike::Ticket ticket, dataplane::Sa sa, dataplane::EspKeys keys,
                      bool complete) {
  add_tickets_.push_back(ticket);
  if (complete) {
    adds_.emplace_back(dataplane::CompleteSa{std::move(sa), std::move(keys)});
  } else {
    adds_.emplace_back(dataplane::AddSa{std::move(sa), std::move(keys)});
  }
}

void KernelBatch::change(dataplane::Sa sa) {
  add_tickets_.push_back(0);
  adds_.emplace_back(dataplane::ChangeSa{std::move(sa)});
}

void KernelBatch::remove(const dataplane::SaId& sa) {
  if (std::find(removes_.begin(), removes_.end(), sa) == removes_.end()) removes_.push_back(sa);
}

void KernelBatch::query(ike::Ticket ticket, const dataplane::SaId& sa) {
  queries_.push_back({ticket, sa});
}

bool KernelBatch::empty() const {
  return spi_requests_.empty() && adds_.empty() && removes_.empty() && queries_.empty();
}

std::vector<ike::KernelEvent> KernelBatch::carry_out(dataplane::KernelIpsec& kernel,
                                                     std::vector<dataplane::Step> policies,
                                                     const Watch& watch) {
  std::vector<ike::KernelEvent> answers;
  if (!spi_requests_.empty()) {
    auto spis = kernel.allocate_spis(spi_requests_);
    for (std::size_t i = 0; i < spis.size(); ++i) {
      const SpiAnswer& answer = spi_answers_[i];
      answers.emplace_back(ike::KernelSpi{answer.ticket, std::move(spis[i]), answer.carried});
    }
    spi_requests_.clear();
    spi_answers_.clear();
  }

  // One look serves the engine's questions and the last reading of what goes.
  if (!queries_.empty() || !removes_.empty()) {
    std::vector<dataplane::SaId> asked;
    for (const auto& query : queries_) asked.push_back(query.sa);
    asked.insert(asked.end(), removes_.begin(), removes_.end());
    const auto states = kernel.query(asked);
    for (std::size_t i = 0; i < states.size(); ++i) {
      if (states[i]) watch.last_seen(*states[i]);
      if (i >= queries_.size() || queries_[i].ticket == 0) continue;
      answers.emplace_back(
          ike::KernelUsage{queries_[i].ticket, states[i] ? states[i]->usage.packets : 0});
    }
    queries_.clear();
  }

  std::vector<dataplane::Step> steps = std::exchange(adds_, {});
  const std::vector<ike::Ticket> tickets = std::exchange(add_tickets_, {});
  const std::size_t adds = steps.size();
  const std::size_t until_policies = adds + policies.size();
  for (auto& policy : policies) steps.push_back(std::move(policy));
  for (const auto& sa : std::exchange(removes_, {})) steps.emplace_back(dataplane::DeleteSa{sa});
  if (steps.empty()) return answers;

  std::vector<Status> results = kernel.apply(steps);
  // A reservation may have run out while the peer took its time: the SPI is ours still if nobody
  // has it.
  std::vector<std::size_t> again;
  for (std::size_t i = 0; i < adds; ++i) {
    const bool complete = std::holds_alternative<dataplane::CompleteSa>(steps[i]);
    if (complete && !results[i] && results[i].error().code == Code::kNotFound) again.push_back(i);
  }
  if (!again.empty()) {
    std::vector<dataplane::Step> retry;
    for (const std::size_t i : again) {
      auto& complete = std::get<dataplane::CompleteSa>(steps[i]);
      retry.emplace_back(dataplane::AddSa{std::move(complete.sa), std::move(complete.keys)});
    }
    auto second = kernel.apply(retry);
    for (std::size_t i = 0; i < again.size(); ++i) {
      steps[again[i]] = std::move(retry[i]);
      results[again[i]] = std::move(second[i]);
    }
  }

  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (i < adds) {
      watch.added(*sa_of(steps[i]), results[i]);
      if (tickets[i] != 0) {
        answers.emplace_back(ike::KernelInstalled{tickets[i], std::move(results[i])});
      } else if (!results[i]) {
        watch.refused(steps[i], results[i].error());
      }
    } else if (i < until_policies) {
      watch.policy(steps[i], results[i]);
    } else if (!results[i] && results[i].error().code != Code::kNotFound) {
      watch.refused(steps[i], results[i].error());
    }
  }
  return answers;
}

}  // namespace espalier::tunnel
