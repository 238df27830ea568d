// kube_probe: the parts of kube/ as a program that says what they see, for the scripts beside it.
//
//   kube_probe follow GROUP VERSION PLURAL
//       "synced N", "+name", "~name", "-name", "problem …", each with lists=N watches=N expired=N
//   kube_probe session
//       each line of input is a path to GET: "200", or the error
//   kube_probe apply GROUP VERSION PLURAL KIND [MANAGER [force|polite [status]]]
//       applies the object on standard input: "ok GENERATION"
//   kube_probe stand NAMESPACE LEASE IDENTITY
//       stands for election; while it leads it applies a ConfigMap acts-IDENTITY every 200 ms
//
// A core group is written as "". $KUBECONFIG names the kubeconfig; without it, it is a pod. SIGTERM
// ends it in order.
#include <condition_variable>
#include <iostream>
#include <iterator>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/process/clock.h"
#include "kube/client.h"
#include "kube/elector.h"
#include "kube/informer.h"
#include "kube/run/thread_executor.h"
#include "tests/api/program.h"

namespace {

using namespace espalier;
using namespace espalier::kube;
using probe::say;

int follow(Transport& transport, Resource resource) {
  ThreadExecutor executor("informer");
  Informer informer(transport, executor, WatchSpec{std::move(resource), {}, {}},
                    process::random_seed());
  const auto with_counts = [&](const std::string& what) {
    // Of the moment before: they are published once the whole step is done.
    const Watcher::Counts counts = informer.counts();
    say(what + " lists=" + std::to_string(counts.lists) + " watches=" +
        std::to_string(counts.watches) + " expired=" + std::to_string(counts.expired));
  };
  executor.run([&] {
    informer.on_synced([&] { with_counts("synced " + std::to_string(informer.store()->size())); });
    informer.on_change([&](const Change& change) {
      with_counts((change.added() ? "+" : change.deleted() ? "-" : "~") + change.key().to_string());
    });
    informer.on_problem(
        [&](const ApiError& error) { with_counts("problem " + error.to_string()); });
    informer.start();
  });
  probe::wait_for_signal();
  executor.run([&] { informer.stop(); });
  transport.stop();
  executor.stop();
  say("ended");
  return 0;
}

int session(Transport& transport) {
  for (std::string path; std::getline(std::cin, path);) {
    Request request;
    request.path = path;
    const auto answer = transport.call(request);
    say(answer ? std::to_string(answer->status) : answer.error().to_string());
  }
  return 0;
}

int apply(Transport& transport, const Resource& resource, const std::string& manager, bool force,
          bool status) {
  const std::string text((std::istreambuf_iterator<char>(std::cin)),
                         std::istreambuf_iterator<char>());
  const Client client(transport,
                      {.field_manager = manager, .on_warning = [](std::string_view warning) {
                         say("warning " + std::string(warning));
                       }});
  Json object = Json::parse(text, nullptr, false);
  const ApplyOptions options{.force = force};
  const auto applied = status ? client.apply_status(resource, std::move(object), options)
                              : client.apply(resource, std::move(object), options);
  if (!applied) {
    say(applied.error().to_string());
    for (const auto& cause : applied.error().causes)
      say("cause " + cause.field + ": " + cause.message);
    return 1;
  }
  say("ok " + std::to_string((*applied)->metadata.generation));
  return 0;
}

// Acts while it leads: a write five times a second, through the guard.
class Acting {
 public:
  Acting(Transport& transport, const Elector& elector, ObjectKey key)
      : guarded_(transport, [&elector] { return elector.leads(); }), key_(std::move(key)) {
    thread_ = std::thread([this] { run(); });
  }
  Acting(const Acting&) = delete;
  Acting& operator=(const Acting&) = delete;
  ~Acting() {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
      changed_.notify_all();
    }
    thread_.join();
  }

 private:
  void run() {
    const Client client(guarded_, {.field_manager = "kube_probe"});
    std::unique_lock lock(mutex_);
    while (!ended_) {
      lock.unlock();
      const auto acted =
          client.apply(config_maps(), {{"metadata", {{"namespace", key_.ns}, {"name", key_.name}}},
                                       {"data", {{"at", process::wall_time_text()}}}});
      if (acted) say("acted " + (*acted)->metadata.resource_version);
      lock.lock();
      changed_.wait_for(lock, std::chrono::milliseconds(200));
    }
  }

  LeaderOnly guarded_;
  ObjectKey key_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ended_ = false;
  std::thread thread_;
};

int stand(Transport& transport, const ObjectKey& lease, const std::string& identity) {
  ThreadExecutor executor("election");
  ElectionConfig config;
  config.lease = lease;
  config.identity = identity;
  auto elector = std::make_unique<Elector>(
      transport, executor, config, process::random_seed(), process::wall_time_text,
      Elector::Handlers{
          .on_started = [] { say("started"); },
          .on_stopped = [](const std::string& why) { say("stopped: " + why); },
          .on_problem = [](const ApiError& error) { say("problem " + error.to_string()); }});
  executor.run([&] { elector->start(); });
  {
    const Acting acting(transport, *elector, {lease.ns, "acts-" + identity});
    probe::wait_for_signal();
  }
  std::mutex mutex;
  std::condition_variable changed;
  bool released = false;
  executor.run([&] {
    elector->release([&] {
      const std::lock_guard lock(mutex);
      released = true;
      changed.notify_all();
    });
  });
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return released; });
  }
  executor.run([&] { elector.reset(); });
  say("ended");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  probe::hold_signals();
  const std::vector<std::string> words(argv + 1, argv + argc);
  const auto transport =
      probe::connect({.user_agent = "kube_probe", .on_problem = [](std::string_view problem) {
                        say("problem " + std::string(problem));
                      }});
  if (!transport || words.empty()) return 2;
  const auto resource = [&](std::size_t kind) {
    return Resource{words[1], words[2], words[3], words.size() > kind ? words[kind] : "",
                    Scope::kCluster};
  };
  if (words[0] == "follow" && words.size() == 4) return follow(*transport, resource(4));
  if (words[0] == "session") return session(*transport);
  if (words[0] == "apply" && words.size() >= 5) {
    return apply(*transport, resource(4), words.size() > 5 ? words[5] : "kube_probe",
                 words.size() <= 6 || words[6] == "force", words.size() > 7);
  }
  if (words[0] == "stand" && words.size() == 4)
    return stand(*transport, {words[1], words[2]}, words[3]);
  return 2;
}
