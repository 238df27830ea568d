// Transport: the port to an API server. kube/cpprest is the adapter, kube/testing the fake.
//
// Guarantees asked of an adapter: credentials, TLS, the server's address and User-Agent are its own
// business; a request carries none of them. All functions may be called from any thread. No
// function throws.
// Assumptions: a response body of call() fits in memory; lists and watches that may be large go
// through open(), which hands a body over chunk by chunk and no faster than it is taken.
// Caveat: an HTTP error status is a response, not a failure; see api_error.h.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace espalier::kube {

enum class Method : std::uint8_t { kGet, kPost, kPut, kPatch, kDelete };

[[nodiscard]] std::string_view name_of(Method method);  // "GET"

// In the order in which they are sent.
using Headers = std::vector<std::pair<std::string, std::string>>;

// The first header of that name, compared without regard to case; nullptr if there is none.
[[nodiscard]] const std::string* find_header(const Headers& headers, std::string_view name);

struct Request {
  Method method = Method::kGet;
  std::string path;                                        // "/api/v1/nodes/a": already encoded
  std::vector<std::pair<std::string, std::string>> query;  // not encoded: the adapter does it
  Headers headers;
  std::string body;
  // How long the server may be silent: for call() the whole exchange, for open() the gap between
  // two chunks (the watcher asks for what suits a quiet watch).
  Duration timeout = std::chrono::seconds(30);

  // "/api/v1/nodes?limit=500", percent-encoded.
  [[nodiscard]] std::string target() const;
};

struct Response {
  int status = 0;
  Headers headers;
  std::string body;
};

// Takes one streamed response. Calls come one at a time, on threads of the transport's choosing:
// on_head once, on_chunk any number of times, then on_end once; or on_end alone.
class StreamSink {
 public:
  StreamSink() = default;
  StreamSink(const StreamSink&) = delete;
  StreamSink& operator=(const StreamSink&) = delete;
  virtual ~StreamSink() = default;

  virtual void on_head(int status, Headers headers) = 0;
  // The next chunk comes after `more` was called or destroyed, from whatever thread: that is the
  // back-pressure.
  virtual void on_chunk(std::string bytes, std::function<void()> more) = 0;
  // Success: the server ended the body. Else kUnavailable (never reached, reset, cancelled,
  // stopped) or kIo.
  virtual void on_end(const Status& how) = 0;
};

// A response that is on its way. Destroying it cancels it.
class Stream {
 public:
  Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  virtual ~Stream() = default;

  // Ends it without waiting; a call of the sink that has begun may still finish, and on_end still
  // comes. Calling it twice, or after the end, does nothing.
  virtual void cancel() = 0;
};

class Transport {
 public:
  Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  virtual ~Transport() = default;

  // Blocks until the answer is whole, for at most request.timeout. kUnavailable: the server was not
  // reached, or the connection broke; the request may have been executed all the same.
  [[nodiscard]] virtual Result<Response> call(const Request& request) = 0;

  // Returns at once; everything that happens, failure to connect included, is told to the sink. The
  // transport keeps the sink until on_end returned.
  [[nodiscard]] virtual std::unique_ptr<Stream> open(const Request& request,
                                                     std::shared_ptr<StreamSink> sink) = 0;

  // From now on every call and stream ends with kUnavailable, those under way included.
  virtual void stop() = 0;
};

}  // namespace espalier::kube
