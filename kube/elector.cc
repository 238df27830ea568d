#include "kube/elector.h"

#include <utility>
#include <variant>

#include "kube/json_request.h"

namespace espalier::kube {
namespace {

class NoStream : public Stream {
 public:
  void cancel() override {}
};

ApiResult<ObjectPtr> lease_of(const Result<Response>& answer) {
  if (auto error = error_in(answer)) return tl::unexpected(std::move(*error));
  Json json = Json::parse(answer->body, nullptr, false);
  auto object = make_object(std::move(json));
  if (!object) return tl::unexpected(error_of(object.error()));
  return std::move(*object);
}

}  // namespace

Elector::Elector(Transport& transport, Executor& executor, ElectionConfig config,
                 std::uint64_t seed, WallClock wall, Handlers handlers)
    : transport_(transport),
      executor_(executor),
      config_(config),
      election_(std::move(config), seed),
      wall_(std::move(wall)),
      handlers_(std::move(handlers)),
      acts_until_(TimePoint::min().time_since_epoch().count()) {}

Elector::~Elector() {
  executor_.cancel(timer_);
  executor_.cancel(goodbye_);
}

bool Elector::leads() const {
  return executor_.now() < TimePoint(Duration(acts_until_.load()));
}

void Elector::start() {
  election_.start(executor_.now());
  perform();
}

void Elector::release(std::function<void()> done) {
  done_ = std::move(done);
  goodbye_ = executor_.at(executor_.now() + config_.renew_deadline, [this] { finish(); });
  election_.release(executor_.now());
  perform();
}

void Elector::perform() {
  // Others must not see leads() change after they heard of it.
  while (auto output = election_.next_output()) {
    acts_until_.store(election_.acts_until().time_since_epoch().count());
    std::visit([this](const auto& what) { on_output(what); }, *output);
  }
  acts_until_.store(election_.acts_until().time_since_epoch().count());
  arm();
}

void Elector::arm() {
  executor_.cancel(timer_);
  timer_ = 0;
  const TimePoint next = election_.next_deadline();
  if (next == kNever) return;
  timer_ = executor_.at(next, [this] {
    timer_ = 0;
    election_.on_deadline(executor_.now());
    perform();
  });
}

void Elector::send(Request request, bool reading) {
  request.timeout = config_.renew_deadline;  // an answer after it is of no use
  request.headers.emplace_back("Accept", "application/json");
  call_ = std::make_unique<AsyncCall>(
      transport_, executor_, request, [this, reading](const Result<Response>& answer) {
        const auto lease = lease_of(answer);
        if (!lease && handlers_.on_problem && lease.error().kind != ErrorKind::kNotFound) {
          ApiError error = lease.error();
          error.where = (reading ? "GET leases/" : "write leases/") + config_.lease.to_string();
          handlers_.on_problem(error);
        }
        if (reading) {
          election_.on_read(executor_.now(), lease);
        } else {
          election_.on_written(executor_.now(), lease);
        }
        perform();
      });
}

void Elector::on_output(const Election::Read&) {
  Request request;
  request.path = leases().object_path(config_.lease);
  send(std::move(request), true);
}

void Elector::on_output(const Election::Write& write) {
  Json lease = write.lease;
  lease["apiVersion"] = leases().api_version();
  lease["kind"] = leases().kind;
  lease["spec"]["renewTime"] = wall_();
  if (write.acquires) lease["spec"]["acquireTime"] = lease["spec"]["renewTime"];
  send(write.create ? json_request(Method::kPost, leases().collection_path(config_.lease.ns), lease)
                    : json_request(Method::kPut, leases().object_path(config_.lease), lease),
       false);
}

void Elector::on_output(const Election::Started&) {
  if (handlers_.on_started) handlers_.on_started();
}
void Elector::on_output(const Election::Stopped& stopped) {
  if (handlers_.on_stopped) handlers_.on_stopped(stopped.why);
}
void Elector::on_output(const Election::Released&) {
  finish();
}

void Elector::finish() {
  executor_.cancel(goodbye_);
  goodbye_ = 0;
  if (const auto done = std::exchange(done_, nullptr)) done();
}

Result<Response> LeaderOnly::call(const Request& request) {
  if (request.method != Method::kGet && !may_write_()) {
    return fail(Code::kDenied, "", "not the leader");
  }
  return inner_.call(request);
}

std::unique_ptr<Stream> LeaderOnly::open(const Request& request, std::shared_ptr<StreamSink> sink) {
  if (request.method != Method::kGet && !may_write_()) {
    sink->on_end(fail(Code::kDenied, "", "not the leader"));
    return std::make_unique<NoStream>();
  }
  return inner_.open(request, std::move(sink));
}

}  // namespace espalier::kube
