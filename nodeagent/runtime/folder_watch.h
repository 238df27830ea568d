// FolderWatch: tells when the files of a folder may have changed.
//
// Guarantees: a file written, renamed into place, deleted, or swapped by a volume of Kubernetes
// (the symbolic link `..data` is renamed) is told once per burst; so is a lost queue of events. A
// folder that is deleted or replaced is watched again as soon as it is back, and that counts as a
// change. Caveat: sub-folders are not watched, and the content is not compared: the reader finds
// out what changed.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/process/fd.h"
#include "base/result.h"
#include "nodeagent/runtime/debounce.h"
#include "nodeagent/runtime/loop.h"

namespace espalier::runtime {

class FolderWatch {
 public:
  struct Options {
    Duration quiet = std::chrono::milliseconds(250);  // without another event
    Duration longest = std::chrono::seconds(2);       // from the first event
    Duration look_again = std::chrono::seconds(1);    // while the folder is gone
  };

  // The loop outlives the watch. Fails when the folder is not there (kNotFound) or inotify is
  // exhausted (kIo).
  [[nodiscard]] static Result<std::unique_ptr<FolderWatch>> open(Loop& loop, std::string folder,
                                                                 Options options,
                                                                 std::function<void()> on_change);
  FolderWatch(const FolderWatch&) = delete;
  FolderWatch& operator=(const FolderWatch&) = delete;
  ~FolderWatch();

  // Editors and volumes work beside the files under hidden names, which do not count; of those only
  // `..data` does.
  [[nodiscard]] static bool counts(std::string_view file_name) {
    return !file_name.starts_with(".") || file_name == "..data";
  }

 private:
  FolderWatch(Loop& loop, std::string folder, Options options, std::function<void()> on_change,
              process::Fd inotify);
  [[nodiscard]] Status watch();
  void on_readable();
  void on_due();
  void on_look_again();
  void changed();
  void lost();

  Loop& loop_;
  std::string folder_;
  Options options_;
  std::function<void()> on_change_;
  process::Fd inotify_;
  int watch_ = -1;
  Debounce debounce_;
  Loop::DeadlineId due_;
  Loop::DeadlineId look_again_;
};

}  // namespace espalier::runtime
