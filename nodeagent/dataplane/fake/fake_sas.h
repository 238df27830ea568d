// The SAs of a simulated kernel: the rules of Linux's SAD that matter, by virtual time.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "nodeagent/dataplane/kernel_ipsec.h"

namespace espalier::dataplane {

class FakeSas {
 public:
  struct Entry {
    Sa sa;
    EspKeys keys;
    bool larval = false;
    bool dying = false;  // past a soft limit
    TimePoint added{};
    std::optional<TimePoint> used;
    std::uint64_t bytes = 0;
    std::uint64_t packets = 0;
    std::uint64_t out_sequence = 0;
    std::uint64_t in_sequence = 0;
    std::vector<bool> seen;  // seen[i]: in_sequence - i came
    std::uint32_t replayed = 0;
    std::uint32_t outside_window = 0;
    std::uint32_t failed_integrity = 0;
    std::uint64_t serial = 0;  // grows with every SA made
  };

  [[nodiscard]] Status add(const Sa& sa, const EspKeys& keys, TimePoint now);
  [[nodiscard]] Status complete(const Sa& sa, const EspKeys& keys, TimePoint now);
  [[nodiscard]] Status change(const Sa& sa, TimePoint now);
  [[nodiscard]] Result<Sa> remove(const SaId& id);
  [[nodiscard]] std::uint32_t reserve(const SpiRequest& request, TimePoint now, Duration expires);
  // What an Acquire leaves behind, so that the next packet raises none.
  void add_placeholder(const Sa& wanted, TimePoint now, Duration expires);

  [[nodiscard]] Entry* find(const SaId& id);
  // The SA an outbound packet takes; nullptr: none. `waiting`: a placeholder is there.
  struct Outbound {
    Entry* entry = nullptr;
    bool waiting = false;
  };
  [[nodiscard]] Outbound find_outbound(const Template& transform, const IpAddress& source,
                                       const IpAddress& destination, const Selector& packet);

  // Counts one use. False: it is past its hard limit, and gone.
  [[nodiscard]] bool use(Entry& entry, std::uint64_t bytes, TimePoint now,
                         std::vector<KernelEvent>& events);
  // False: seen before or too old.
  [[nodiscard]] static bool accept_sequence(Entry& entry, std::uint64_t sequence);

  void expire(TimePoint now, std::vector<KernelEvent>& events);
  [[nodiscard]] TimePoint next_expiry() const;

  [[nodiscard]] SaState state_of(const Entry& entry) const;
  [[nodiscard]] const std::deque<Entry>& all() const { return entries_; }
  void clear() { entries_.clear(); }

 private:
  void erase(const Entry& entry);
  void remove_placeholder(const Sa& sa);
  [[nodiscard]] Status insert(const Sa& sa, const EspKeys& keys, TimePoint now);

  std::deque<Entry> entries_;  // newest first
  std::uint64_t next_serial_ = 1;
  std::uint32_t next_spi_ = 0xc0000001;
};

}  // namespace espalier::dataplane
