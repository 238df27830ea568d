// The watcher against a server that says anything at any time. The input is a list of steps: one
// byte for what happens, two for a length, then that many bytes.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "cmake/fuzz/fuzz_one.h"
#include "kube/store.h"
#include "kube/watcher.h"

namespace {

using namespace espalier;
using namespace espalier::kube;

// Does what the informer would, and checks what it relies on.
class Run {
 public:
  Run() : watcher_({nodes(), {}, {}}, 1, {.event = 4096, .page = 16384, .error_body = 1024}) {
    watcher_.start(now_);
    perform();
  }

  void step(std::uint8_t what, std::string_view bytes) {
    switch (what % 6) {
      case 0:
        watcher_.on_bytes(now_, open_, bytes);
        break;
      case 1:
        watcher_.on_head(now_, open_, 200, {});
        break;
      case 2:
        watcher_.on_head(now_, open_, 400 + static_cast<int>(bytes.size() % 120),
                         {{"Retry-After", std::string(bytes.substr(0, 8))}});
        break;
      case 3:
        watcher_.on_end(now_, open_, {});
        break;
      case 4:
        watcher_.on_end(now_, open_, fail(Code::kUnavailable, "", "reset"));
        break;
      default:
        if (watcher_.next_deadline() != kNever && watcher_.next_deadline() > now_)
          now_ = watcher_.next_deadline();
        watcher_.on_deadline(now_);
        break;
    }
    perform();
  }

 private:
  void perform() {
    int outputs = 0;
    while (auto output = watcher_.next_output()) {
      if (++outputs > 100000) __builtin_trap();  // it goes round in circles
      if (auto* opened = std::get_if<Watcher::Open>(&*output)) {
        if (opened->id <= open_) __builtin_trap();  // an id used twice
        open_ = opened->id;
      } else if (auto* replaced = std::get_if<Watcher::Replace>(&*output)) {
        writer_.replace(std::move(replaced->objects), std::move(replaced->resource_version));
      } else if (auto* put = std::get_if<Watcher::Put>(&*output)) {
        if (!writer_.store()->synced()) __builtin_trap();  // a change before the whole
        writer_.put(std::move(put->object));
      } else if (auto* removed = std::get_if<Watcher::Remove>(&*output)) {
        if (!writer_.store()->synced()) __builtin_trap();
        writer_.remove(removed->last->key());
      }
    }
    // Whatever happened, it will try again.
    if (watcher_.next_deadline() == kNever) __builtin_trap();
  }

  TimePoint now_{std::chrono::hours(1)};
  Watcher watcher_;
  Watcher::StreamId open_ = 0;
  StoreWriter writer_;
};

}  // namespace

void fuzz_one(std::span<const std::uint8_t> input) {
  Run run;
  while (input.size() >= 3) {
    const std::uint8_t what = input[0];
    std::size_t length = static_cast<std::size_t>(input[1]) * 256 + input[2];
    input = input.subspan(3);
    if (length > input.size()) length = input.size();
    run.step(what, {reinterpret_cast<const char*>(input.data()), length});
    input = input.subspan(length);
  }
}
