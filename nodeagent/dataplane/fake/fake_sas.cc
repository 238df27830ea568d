#include "nodeagent/dataplane/fake/fake_sas.h"

#include <algorithm>
#include <limits>

namespace espalier::dataplane {

namespace {

TimePoint after(TimePoint start, std::uint64_t seconds) {
  if (seconds == 0) return kNever;
  return start + std::chrono::seconds(static_cast<std::int64_t>(seconds));
}

TimePoint soft_deadline(const FakeSas::Entry& entry) {
  const auto& soft = entry.sa.lifetimes.soft;
  auto deadline = after(entry.added, soft.seconds_since_add);
  if (entry.used) deadline = std::min(deadline, after(*entry.used, soft.seconds_since_use));
  return deadline;
}

TimePoint hard_deadline(const FakeSas::Entry& entry) {
  const auto& hard = entry.sa.lifetimes.hard;
  auto deadline = after(entry.added, hard.seconds_since_add);
  if (entry.used) deadline = std::min(deadline, after(*entry.used, hard.seconds_since_use));
  return deadline;
}

bool reached(std::uint64_t value, std::uint64_t limit) {
  return limit != 0 && value >= limit;
}

WallTime wall(TimePoint time) {
  return WallTime(std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()));
}

Usage usage_of(const FakeSas::Entry& entry) {
  Usage usage;
  usage.bytes = entry.bytes;
  usage.packets = entry.packets;
  usage.added = wall(entry.added);
  if (entry.used) usage.first_used = wall(*entry.used);
  return usage;
}

Expire expire_of(const FakeSas::Entry& entry, bool hard) {
  return {id_of(entry.sa), entry.sa.reqid, hard, usage_of(entry)};
}

}  // namespace

FakeSas::Entry* FakeSas::find(const SaId& id) {
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return entry.sa.spi != 0 && id_of(entry.sa) == id;
  });
  return found == entries_.end() ? nullptr : &*found;
}

void FakeSas::erase(const Entry& entry) {
  const auto serial = entry.serial;
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const Entry& other) { return other.serial == serial; });
  if (found != entries_.end()) entries_.erase(found);
}

Status FakeSas::insert(const Sa& sa, const EspKeys& keys, TimePoint now) {
  Entry entry;
  entry.sa = sa;
  entry.keys = keys.copy();
  entry.added = now;
  entry.serial = next_serial_++;
  entries_.push_front(std::move(entry));
  return {};
}

Status FakeSas::add(const Sa& sa, const EspKeys& keys, TimePoint now) {
  if (find(id_of(sa)) != nullptr) {
    return fail(Code::kExists, id_of(sa).to_string(), "EEXIST (File exists)");
  }
  remove_placeholder(sa);
  return insert(sa, keys, now);
}

Status FakeSas::complete(const Sa& sa, const EspKeys& keys, TimePoint now) {
  auto* entry = find(id_of(sa));
  if (entry == nullptr || entry->sa.direction != sa.direction) {
    return fail(Code::kNotFound, id_of(sa).to_string(), "ESRCH (No such process)");
  }
  if (!entry->larval) return change(sa, now);
  erase(*entry);
  return insert(sa, keys, now);
}

Status FakeSas::change(const Sa& sa, TimePoint now) {
  auto* entry = find(id_of(sa));
  if (entry == nullptr || entry->sa.direction != sa.direction) {
    return fail(Code::kNotFound, id_of(sa).to_string(), "ESRCH (No such process)");
  }
  if (entry->larval) {
    // The filler that nobody knows becomes its key: nothing that comes by it is accepted.
    erase(*entry);
    return insert(sa, EspKeys{}, now);
  }
  const auto& standing = entry->sa.encapsulation;
  const bool both = standing && sa.encapsulation && standing->kind == sa.encapsulation->kind;
  if (!both && (standing || sa.encapsulation)) {
    return fail(Code::kKernel, id_of(sa).to_string(), "EINVAL (Invalid argument)");
  }
  entry->sa.encapsulation = sa.encapsulation;
  entry->sa.lifetimes = sa.lifetimes;
  if (sa.mark_written) entry->sa.mark_written = sa.mark_written;
  entry->dying = false;
  return {};
}

Result<Sa> FakeSas::remove(const SaId& id) {
  auto* entry = find(id);
  if (entry == nullptr) return fail(Code::kNotFound, id.to_string(), "ESRCH (No such process)");
  Sa removed = entry->sa;
  erase(*entry);
  return removed;
}

std::uint32_t FakeSas::reserve(const SpiRequest& request, TimePoint now, Duration expires) {
  Entry entry;
  entry.sa.source = request.source;
  entry.sa.destination = request.destination;
  entry.sa.reqid = request.reqid;
  entry.sa.mode = request.mode;
  entry.sa.direction = Direction::kIn;
  entry.sa.esn = false;
  do {
    entry.sa.spi = next_spi_++;
  } while (find(id_of(entry.sa)) != nullptr);
  const auto spi = entry.sa.spi;
  add_placeholder(entry.sa, now, expires);
  return spi;
}

void FakeSas::add_placeholder(const Sa& wanted, TimePoint now, Duration expires) {
  Entry entry;
  entry.sa = wanted;
  entry.sa.lifetimes = {};
  entry.sa.lifetimes.hard.seconds_since_add =
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(expires).count());
  entry.larval = true;
  entry.added = now;
  entry.serial = next_serial_++;
  entries_.push_front(std::move(entry));
}

void FakeSas::remove_placeholder(const Sa& sa) {
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return entry.larval && entry.sa.spi == 0 && entry.sa.reqid == sa.reqid &&
           entry.sa.mode == sa.mode && entry.sa.source == sa.source &&
           entry.sa.destination == sa.destination;
  });
  if (found != entries_.end()) entries_.erase(found);
}

FakeSas::Outbound FakeSas::find_outbound(const Template& transform, const IpAddress& source,
                                         const IpAddress& destination, const Selector& packet) {
  Outbound result;
  for (auto& entry : entries_) {
    const auto& sa = entry.sa;
    if (sa.reqid != transform.reqid || sa.mode != transform.mode || sa.destination != destination ||
        sa.source != source) {
      continue;
    }
    if (entry.larval) {
      result.waiting = true;
    } else if (!sa.selector || sa.selector->matches(packet)) {
      // The newest; but rather an older one than one past a soft limit.
      if (result.entry == nullptr || (result.entry->dying && !entry.dying)) result.entry = &entry;
    }
  }
  return result;
}

bool FakeSas::use(Entry& entry, std::uint64_t bytes, TimePoint now,
                  std::vector<KernelEvent>& events) {
  if (!entry.used) entry.used = now;
  const auto& hard = entry.sa.lifetimes.hard;
  if (reached(entry.bytes, hard.bytes) || reached(entry.packets, hard.packets)) {
    events.emplace_back(expire_of(entry, true));
    erase(entry);
    return false;
  }
  // Bytes are looked at before this packet is counted.
  const auto& soft = entry.sa.lifetimes.soft;
  if (!entry.dying &&
      (reached(entry.bytes, soft.bytes) || reached(entry.packets + 1, soft.packets))) {
    entry.dying = true;
    events.emplace_back(expire_of(entry, false));
  }
  entry.bytes += bytes;
  ++entry.packets;
  return true;
}

bool FakeSas::accept_sequence(Entry& entry, std::uint64_t sequence) {
  const std::size_t window = entry.sa.replay_window;
  if (sequence > entry.in_sequence) {
    const auto ahead =
        static_cast<std::size_t>(std::min<std::uint64_t>(sequence - entry.in_sequence, window));
    entry.seen.insert(entry.seen.begin(), ahead, false);
    entry.seen.resize(window);
    if (window > 0) entry.seen.front() = true;
    entry.in_sequence = sequence;
    return true;
  }
  if (window == 0) return true;
  const auto behind = entry.in_sequence - sequence;
  if (behind >= window) {
    ++entry.outside_window;
    return false;
  }
  if (entry.seen[static_cast<std::size_t>(behind)]) {
    ++entry.replayed;
    return false;
  }
  entry.seen[static_cast<std::size_t>(behind)] = true;
  return true;
}

void FakeSas::expire(TimePoint now, std::vector<KernelEvent>& events) {
  std::vector<std::uint64_t> gone;
  for (auto& entry : entries_) {
    if (hard_deadline(entry) <= now) {
      events.emplace_back(expire_of(entry, true));
      gone.push_back(entry.serial);
    } else if (!entry.dying && soft_deadline(entry) <= now) {
      entry.dying = true;
      events.emplace_back(expire_of(entry, false));
    }
  }
  for (const auto serial : gone) {
    const auto found = std::find_if(entries_.begin(), entries_.end(),
                                    [&](const Entry& entry) { return entry.serial == serial; });
    if (found != entries_.end()) entries_.erase(found);
  }
}

TimePoint FakeSas::next_expiry() const {
  TimePoint next = kNever;
  for (const auto& entry : entries_) {
    next = std::min(next, hard_deadline(entry));
    if (!entry.dying) next = std::min(next, soft_deadline(entry));
  }
  return next;
}

SaState FakeSas::state_of(const Entry& entry) const {
  SaState state;
  state.sa = entry.sa;
  state.sa.offload.reset();  // no device here takes one
  state.usage = usage_of(entry);
  state.larval = entry.larval;
  state.in_sequence = entry.in_sequence;
  state.out_sequence = entry.out_sequence;
  state.replayed = entry.replayed;
  state.outside_window = entry.outside_window;
  state.failed_integrity = entry.failed_integrity;
  return state;
}

}  // namespace espalier::dataplane
