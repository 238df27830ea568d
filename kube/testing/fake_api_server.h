// FakeApiServer: a Transport with an API server behind it that fits in a test.
//
// Guarantees: objects with resource versions, generations, uids, finalizers and preconditions; list
// with pages, watch with initial events and bookmarks, label and field selectors; create, replace,
// merge patch, server-side apply (field_ownership.h), the status subresource, delete; Status errors
// as the real one words them. It plays faults: compaction, resets, refusals, lost answers, silence,
// odd framing. Every write is kept for the test to look at. Deterministic; may be called from any
// thread; answers before call() returns, and streams as far as the sink asks for more.
// Caveat: no schema, no admission (but `validate`), no RBAC, no garbage collection.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "kube/api_error.h"
#include "kube/object.h"
#include "kube/resource.h"
#include "kube/testing/field_ownership.h"
#include "kube/transport.h"

namespace espalier::kube::testing {

struct Serving {
  bool status_subresource = true;  // status is written through /status alone
  KeyedLists keyed_lists = {};
  // Says what is wrong with an object that is to be stored: field and message; none: nothing.
  std::function<std::vector<ErrorCause>(const Json&)> validate = {};
};

// What a client wrote, in order; refused writes, too.
struct Write {
  Method method = Method::kPatch;
  Resource resource;
  ObjectKey key;
  std::string subresource;
  std::string manager;
  Json body;
  int status = 0;  // HTTP's
};

// What happens to the next requests it applies to, instead of the right thing.
struct Fault {
  std::function<bool(const Request&)> when = {};  // empty: any
  int times = 1;
  std::optional<Response> response = {};  // none: the connection breaks
  bool after_executing = false;           // the request is executed, its answer lost
};

class FakeStream;

class FakeApiServer : public Transport {
 public:
  // Serves what resource.h names.
  FakeApiServer();
  ~FakeApiServer() override;

  void serve(const Resource& resource, Serving serving = {});
  // As before its CRD is established, or after it is gone: 404.
  void unserve(const Resource& resource);

  // What another client would do, without a trace in writes().
  ObjectPtr put(const Resource& resource, Json object);  // makes it or writes over it
  void remove(const Resource& resource, const ObjectKey& key);
  [[nodiscard]] ObjectPtr find(const Resource& resource, const ObjectKey& key) const;
  [[nodiscard]] ObjectPtr find(const Resource& resource, std::string_view name) const {
    return find(resource, ObjectKey{"", std::string(name)});
  }
  [[nodiscard]] std::vector<ObjectPtr> list(const Resource& resource) const;
  [[nodiscard]] std::set<std::string> owned_by(const Resource& resource, const ObjectKey& key,
                                               const std::string& manager) const;

  [[nodiscard]] std::vector<Write> writes() const;
  [[nodiscard]] std::vector<Write> take_writes();  // and forget them
  // Every request that came, reads and watches included.
  [[nodiscard]] std::vector<Request> requests() const;

  // Faults.
  void inject(Fault fault);
  void heal();                              // forget the faults that are left
  void compact();                           // older resource versions are Expired
  void break_streams();                     // as a reset
  void end_streams();                       // as a timeoutSeconds that ran out
  void send_bookmarks();                    // to every watch
  void send_line(const std::string& line);  // to every watch, as it is
  void stream_lists(bool on);               // false: sendInitialEvents is refused with 422
  void end_bookmarks(bool on);              // false: initial events never end
  void gone_over_http(bool on);             // 410 as the status of a watch; else as an ERROR event
  void chunk_size(std::size_t bytes);       // every chunk of a stream is that long
  [[nodiscard]] std::size_t open_streams() const;

  [[nodiscard]] Result<Response> call(const Request& request) override;
  [[nodiscard]] std::unique_ptr<Stream> open(const Request& request,
                                             std::shared_ptr<StreamSink> sink) override;
  void stop() override;

 private:
  struct Stored {
    Json json;
    FieldOwnership ownership;
  };
  struct Kind {
    Resource resource;
    Serving serving;
    std::map<ObjectKey, Stored> objects;
  };
  struct Target {
    Kind* kind = nullptr;
    ObjectKey key;
    std::string subresource;
  };
  struct Past {
    std::uint64_t version = 0;
    std::string collection;
    ObjectKey key;
    Json before;  // null: was not there
    Json after;   // null: is gone
  };

  [[nodiscard]] std::optional<Target> target_of(const std::string& path);
  [[nodiscard]] Kind& kind_of(const Resource& resource);
  [[nodiscard]] const Stored* stored(const Resource& resource, const ObjectKey& key) const;
  [[nodiscard]] std::vector<Json> selected(const Target& target, const Request& request) const;
  [[nodiscard]] std::vector<std::shared_ptr<FakeStream>> live_streams();
  [[nodiscard]] Response answer(const Request& request);
  [[nodiscard]] Response answer_list(const Target& target, const Request& request);
  [[nodiscard]] Response answer_write(const Target& target, const Request& request);
  [[nodiscard]] Response create(Kind& kind, const ObjectKey& key, Json object,
                                const std::string& manager);
  [[nodiscard]] Response update(Kind& kind, const Target& target, Json object,
                                const std::string& manager);
  [[nodiscard]] Response apply(Kind& kind, const Target& target, const Json& config,
                               const Request& request);
  [[nodiscard]] Response erase(Kind& kind, const Target& target, const Json& options);
  // What the kind's own rules have against an object.
  [[nodiscard]] static std::optional<Response> refusal(const Kind& kind, const ObjectKey& key,
                                                       const Json& object);
  // Stores what differs and tells the watches.
  void commit(Kind& kind, const ObjectKey& key, Json after);
  void begin(const Request& request, const std::shared_ptr<FakeStream>& stream);
  void begin_watch(const Target& target, const Request& request, FakeStream& stream);
  [[nodiscard]] std::optional<Fault> take_fault(const Request& request);
  mutable std::recursive_mutex mutex_;
  std::map<std::string, Kind, std::less<>> kinds_;  // by collection path
  std::uint64_t version_ = 1000;
  std::uint64_t compacted_ = 1000;
  std::uint64_t last_uid_ = 0;
  std::uint64_t last_page_ = 0;
  std::vector<Past> history_;
  std::map<std::string, std::vector<Json>> pages_;  // what is left, by continue token
  std::vector<Write> writes_;
  std::vector<Request> requests_;
  std::deque<Fault> faults_;
  std::vector<std::shared_ptr<FakeStream>> streams_;
  bool stream_lists_ = true;
  bool end_bookmarks_ = true;
  bool gone_over_http_ = false;
  bool stopped_ = false;
  std::size_t chunk_size_ = 0;
};

}  // namespace espalier::kube::testing
