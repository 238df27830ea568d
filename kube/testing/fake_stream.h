// FakeStream: the server's end of one streamed response of the fake.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "kube/object.h"
#include "kube/resource.h"
#include "kube/transport.h"

namespace espalier::kube::testing {

// A watch's share of a collection.
struct Share {
  std::string collection;  // Resource::collection_path() of all namespaces
  std::string ns;
  std::string label_selector;
  std::string field_selector;

  [[nodiscard]] bool holds(const ObjectKey& key, const Json& object) const;
};

class FakeStream : public std::enable_shared_from_this<FakeStream> {
 public:
  explicit FakeStream(std::shared_ptr<StreamSink> sink, std::size_t chunk_size)
      : sink_(std::move(sink)), chunk_size_(chunk_size) {}

  void head(int status, Headers headers);
  void send(std::string bytes);
  // After what was sent before, unless it is a failure: that comes at once.
  void end(Status how);

  void watch(Share share) { share_ = std::move(share); }
  // The line for this watch about one change, nothing if it is not concerned. A null object was not
  // there, or is gone.
  void tell(const std::string& collection, const ObjectKey& key, const Json& before,
            const Json& after, std::uint64_t version);
  void bookmark(std::uint64_t version, const Resource& resource, bool initial_events_end);
  void send_event(const char* type, const Json& object);

  [[nodiscard]] const std::optional<Share>& share() const { return share_; }
  [[nodiscard]] bool ended() const;

 private:
  void pump();

  mutable std::recursive_mutex mutex_;
  std::shared_ptr<StreamSink> sink_;
  std::optional<Share> share_;
  std::deque<std::string> chunks_;
  std::optional<Status> end_;
  std::size_t chunk_size_;
  bool ready_ = true;
  bool pumping_ = false;
};

}  // namespace espalier::kube::testing
