#include "kube/cpprest/cpprest_transport.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <utility>

#include <cpprest/http_client.h>
#include <pplx/threadpool.h>
#include <time.h>

#include "kube/cpprest/chunk_buffer.h"
#include "kube/cpprest/credentials.h"
#include "kube/cpprest/tls.h"

namespace espalier::kube {
namespace {

namespace http = web::http;
using web::http::client::http_client;
using web::http::client::http_client_config;

constexpr std::size_t kPoolThreads = 8;
constexpr auto kGoodbye = std::chrono::seconds(10);

TimePoint now() {
  timespec time{};
  ::clock_gettime(CLOCK_BOOTTIME, &time);
  return TimePoint(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
}

void start_pool() {
  static std::once_flag once;
  std::call_once(once, [] {
    try {
      crossplat::threadpool::initialize_with_threads(kPoolThreads);
    } catch (const std::exception&) {
      // Somebody in this process has started it with a size of theirs.
    }
  });
}

bool is_loopback(const std::string& host) {
  return host == "localhost" || host == "::1" || host == "[::1]" || host.rfind("127.", 0) == 0;
}

http::method method_of(Method method) {
  switch (method) {
    case Method::kGet:
      return http::methods::GET;
    case Method::kPost:
      return http::methods::POST;
    case Method::kPut:
      return http::methods::PUT;
    case Method::kPatch:
      return http::methods::PATCH;
    case Method::kDelete:
      return http::methods::DEL;
  }
  return http::methods::GET;
}

Headers headers_of(const http::http_headers& from) {
  Headers headers;
  for (const auto& [name, value] : from) headers.emplace_back(name, value);
  return headers;
}

// What went wrong, in words; cpprest's exceptions stop here.
Error unreached(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const http::http_exception& exception) {
    const bool timed_out = exception.error_code() == std::errc::timed_out;
    return {Code::kUnavailable, "", timed_out ? "no answer in time" : exception.what()};
  } catch (const std::exception& exception) {
    return {Code::kUnavailable, "", exception.what()};
  } catch (...) {
    return {Code::kUnavailable, "", "unknown failure"};
  }
}

bool is_handshake_failure(const Error& error) {
  return error.detail.find("SSL handshake") != std::string::npos;
}

// The clients of one set of certificates; each has its own time-out and its pool of connections.
struct Session {
  std::shared_ptr<const TlsMaterial> tls;
  std::mutex mutex;
  std::map<Duration, std::shared_ptr<http_client>> clients;
};

// What is shared with streams, which may end after the transport was told to stop.
struct Shared {
  Access access;
  CpprestOptions options;
  web::uri server;
  Credentials credentials;

  std::mutex mutex;
  std::condition_variable all_ended;
  std::shared_ptr<Session> session;
  pplx::cancellation_token_source stopping;
  std::map<const void*, pplx::cancellation_token_source> streams;
  bool stopped = false;

  Shared(Access the_access, CpprestOptions the_options)
      : access(std::move(the_access)),
        options(std::move(the_options)),
        credentials(access, check_tls) {}

  void tell(const std::string& problem) const {
    if (options.on_problem) options.on_problem(problem);
  }

  void refresh(bool at_once) {
    if (auto done = credentials.refresh(now(), at_once); !done) {
      tell("credentials not renewed: " + done.error().to_string());
    }
  }

  std::shared_ptr<http_client> new_client(const std::shared_ptr<const TlsMaterial>& tls,
                                          Duration timeout) const {
    http_client_config config;
    config.set_timeout(std::chrono::duration_cast<std::chrono::microseconds>(timeout));
    config.set_max_redirects(0);
    if (!access.proxy.empty()) config.set_proxy(web::web_proxy(web::uri(access.proxy)));
    if (server.scheme() == "https") {
      config.set_ssl_context_callback(
          [tls](boost::asio::ssl::context& context) { prepare_tls(context, *tls); });
      // Through a proxy, TLS begins only after the tunnel stands: what cpprest offers now is no
      // TLS.
      if (access.proxy.empty()) {
        config.set_nativehandle_options(
            [](web::http::client::native_handle stream) { remember_socket(stream); });
      }
    }
    return std::make_shared<http_client>(server, config);
  }

  std::shared_ptr<http_client> shared_client(Duration timeout) {
    const auto tls = credentials.state().tls;
    std::shared_ptr<Session> current;
    {
      const std::lock_guard lock(mutex);
      if (!session || session->tls != tls) {
        session = std::make_shared<Session>();
        session->tls = tls;
      }
      current = session;
    }
    const std::lock_guard lock(current->mutex);
    auto& client = current->clients[timeout];
    if (!client) client = new_client(tls, timeout);
    return client;
  }

  http::http_request outgoing(const Request& request) const {
    http::http_request out(method_of(request.method));
    out.set_request_uri(web::uri(request.target()));
    for (const auto& [name, value] : request.headers) out.headers().add(name, value);
    out.headers().add("User-Agent", options.user_agent);
    if (!access.tls_server_name.empty()) out.headers().add("Host", access.tls_server_name);
    if (const auto token = credentials.state().token; !token->empty()) {
      out.headers().add("Authorization", "Bearer " + to_text(token->view()));
    }
    if (!request.body.empty()) {
      const std::string* type = find_header(request.headers, "Content-Type");
      out.set_body(request.body, type != nullptr ? *type : "application/json");
    }
    return out;
  }
};

// One streamed response. Kept alive by cpprest's tasks until it has ended.
class Follow : public std::enable_shared_from_this<Follow> {
 public:
  Follow(std::shared_ptr<Shared> shared, Request request, std::shared_ptr<StreamSink> sink)
      : shared_(std::move(shared)), request_(std::move(request)), sink_(std::move(sink)) {
    const std::lock_guard lock(shared_->mutex);
    shared_->streams.emplace(this, stopped_);
    if (shared_->stopped) stopped_.cancel();
  }
  Follow(const Follow&) = delete;
  Follow& operator=(const Follow&) = delete;
  ~Follow() {
    // Only when start() itself failed has the sink not heard of the end.
    end(fail(Code::kUnavailable, "", "cancelled"));
    const std::lock_guard lock(shared_->mutex);
    shared_->streams.erase(this);
    if (shared_->streams.empty()) shared_->all_ended.notify_all();
  }

  void start(bool again) {
    try {
      const auto state = shared_->credentials.state();
      client_ = shared_->new_client(state.tls, request_.timeout);
      auto buffer = std::make_shared<ChunkBuffer>(
          [weak = weak_from_this()](std::string bytes, std::function<void()> more) {
            const auto self = weak.lock();
            if (self) self->sink_->on_chunk(std::move(bytes), std::move(more));
          });
      {
        const std::lock_guard lock(mutex_);
        buffer_ = buffer;
      }
      http::http_request out = shared_->outgoing(request_);
      out.set_response_stream(concurrency::streams::basic_ostream<std::uint8_t>(
          concurrency::streams::streambuf<std::uint8_t>(buffer)));
      client_->request(out, stopped_.get_token())
          .then([self = shared_from_this(), state, again](pplx::task<http::http_response> task) {
            self->on_response(task, state, again);
          });
    } catch (...) {
      end(tl::unexpected(unreached(std::current_exception())));
    }
  }

  void cancel() {
    stopped_.cancel();
    const auto buffer = current_buffer();
    if (buffer) buffer->shut();
  }

 private:
  std::shared_ptr<ChunkBuffer> current_buffer() {
    const std::lock_guard lock(mutex_);
    return buffer_;
  }

  void on_response(const pplx::task<http::http_response>& task, const CredentialState& used,
                   bool again) {
    try {
      http::http_response response = task.get();
      if (response.status_code() == http::status_codes::Unauthorized && !again) {
        shared_->refresh(true);
        if (shared_->credentials.state().token != used.token) {
          drop_and_restart();
          return;
        }
      }
      sink_->on_head(response.status_code(), headers_of(response.headers()));
      const auto buffer = current_buffer();
      buffer->open();
      if (stopped_.get_token().is_canceled()) buffer->shut();
      response.content_ready().then(
          [self = shared_from_this()](pplx::task<http::http_response> body) {
            try {
              static_cast<void>(body.get());
              self->end(self->stopped_.get_token().is_canceled()
                            ? Status(fail(Code::kUnavailable, "", "cancelled"))
                            : Status());
            } catch (...) {
              self->end(tl::unexpected(unreached(std::current_exception())));
            }
          });
    } catch (...) {
      const Error error = unreached(std::current_exception());
      if (is_handshake_failure(error) && !again) {
        shared_->refresh(true);
        if (shared_->credentials.state().tls != used.tls) {
          drop_and_restart();
          return;
        }
      }
      end(tl::unexpected(error));
    }
  }

  void drop_and_restart() {
    if (const auto buffer = current_buffer()) buffer->shut();
    start(true);
  }

  void end(const Status& how) {
    {
      const std::lock_guard lock(mutex_);
      if (ended_) return;
      ended_ = true;
    }
    sink_->on_end(how);
  }

  std::shared_ptr<Shared> shared_;
  const Request request_;
  const std::shared_ptr<StreamSink> sink_;
  pplx::cancellation_token_source stopped_;
  std::shared_ptr<http_client> client_;
  std::mutex mutex_;
  std::shared_ptr<ChunkBuffer> buffer_;
  bool ended_ = false;
};

class Handle : public Stream {
 public:
  explicit Handle(std::shared_ptr<Follow> follow) : follow_(std::move(follow)) {}
  ~Handle() override { Handle::cancel(); }
  void cancel() override {
    if (const auto follow = std::exchange(follow_, nullptr)) follow->cancel();
  }

 private:
  std::shared_ptr<Follow> follow_;
};

class CpprestTransport : public Transport {
 public:
  explicit CpprestTransport(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}
  ~CpprestTransport() override {
    CpprestTransport::stop();
    std::unique_lock lock(shared_->mutex);
    shared_->all_ended.wait_for(lock, kGoodbye, [this] { return shared_->streams.empty(); });
  }

  Result<Response> call(const Request& request) override {
    shared_->refresh(false);
    const CredentialState used = shared_->credentials.state();
    auto response = call_once(request);
    const bool refused = response && response->status == http::status_codes::Unauthorized;
    const bool mistrusted = !response && is_handshake_failure(response.error());
    if (!refused && !mistrusted) return response;
    shared_->refresh(true);
    const CredentialState fresh = shared_->credentials.state();
    if (fresh.token == used.token && fresh.tls == used.tls) return response;
    return call_once(request);
  }

  std::unique_ptr<Stream> open(const Request& request, std::shared_ptr<StreamSink> sink) override {
    shared_->refresh(false);
    auto follow = std::make_shared<Follow>(shared_, request, std::move(sink));
    follow->start(false);
    return std::make_unique<Handle>(std::move(follow));
  }

  void stop() override {
    std::map<const void*, pplx::cancellation_token_source> streams;
    {
      const std::lock_guard lock(shared_->mutex);
      if (std::exchange(shared_->stopped, true)) return;
      streams = shared_->streams;
    }
    shared_->stopping.cancel();
    for (const auto& [stream, cancellation] : streams) cancellation.cancel();
  }

 private:
  Result<Response> call_once(const Request& request) {
    {
      const std::lock_guard lock(shared_->mutex);
      if (shared_->stopped) return fail(Code::kUnavailable, "", "stopped");
    }
    try {
      const auto client = shared_->shared_client(request.timeout);
      http::http_response answer =
          client->request(shared_->outgoing(request), shared_->stopping.get_token()).get();
      const std::vector<unsigned char> body = answer.extract_vector().get();
      return Response{answer.status_code(), headers_of(answer.headers()),
                      std::string(body.begin(), body.end())};
    } catch (...) {
      return tl::unexpected(unreached(std::current_exception()));
    }
  }

  std::shared_ptr<Shared> shared_;
};

// cpprest looks up "[::1]" with its brackets, and finds nothing; its own parser takes "::1:6443"
// for what it is, and its comparison with the certificate wants the bare address.
std::string without_brackets(std::string url) {
  for (const char bracket : {'[', ']'}) {
    if (const auto at = url.find(bracket); at != std::string::npos) url.erase(at, 1);
  }
  return url;
}

Result<web::uri> server_of(const Access& access) {
  try {
    web::uri server(without_brackets(access.server));
    if (server.scheme() != "https" && server.scheme() != "http") {
      return fail(Code::kInvalid, "server", access.server + ": https:// is needed");
    }
    if (server.host().empty()) return fail(Code::kInvalid, "server", access.server + ": no host");
    if (server.scheme() == "http" && !access.token.empty() && !is_loopback(server.host())) {
      return fail(Code::kDenied, "server", access.server + ": a token is not sent in clear");
    }
    if (!access.proxy.empty()) static_cast<void>(web::uri(access.proxy));
    return server;
  } catch (const std::exception& thrown) {
    return fail(Code::kInvalid, "server", access.server + ": " + thrown.what());
  }
}

}  // namespace

Result<std::unique_ptr<Transport>> make_cpprest_transport(Access access, CpprestOptions options) {
  auto server = server_of(access);
  if (!server) return forward(server);
  start_pool();
  auto shared = std::make_shared<Shared>(std::move(access), std::move(options));
  shared->server = std::move(*server);
  if (auto loaded = shared->credentials.load(now()); !loaded) return forward(loaded);
  return std::unique_ptr<Transport>(std::make_unique<CpprestTransport>(std::move(shared)));
}

}  // namespace espalier::kube
