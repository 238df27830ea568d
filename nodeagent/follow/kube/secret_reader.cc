#include "nodeagent/follow/kube/secret_reader.h"

#include <utility>

#include "crds/types/decode.h"
#include "kube/api_error.h"
#include "kube/object.h"

namespace espalier::follow {

SecretReader::SecretReader(kube::Transport& transport, kube::Executor& executor, Duration reread,
                           Handlers handlers)
    : transport_(transport), executor_(executor), reread_(reread), handlers_(std::move(handlers)) {
  read_again_later();
}

SecretReader::~SecretReader() {
  *alive_ = false;
}

void SecretReader::read_again_later() {
  executor_.at(executor_.now() + reread_, [this, alive = alive_] {
    if (!*alive) return;
    for (const auto& [key, wanted] : wanted_) read(key);
    read_again_later();
  });
}

void SecretReader::want(const std::set<kube::ObjectKey>& keys) {
  std::erase_if(wanted_, [&](const auto& wanted) { return !keys.contains(wanted.first); });
  for (const kube::ObjectKey& key : keys) {
    if (wanted_.try_emplace(key).second) read(key);
  }
}

std::vector<std::shared_ptr<const crds::Secret>> SecretReader::secrets() const {
  std::vector<std::shared_ptr<const crds::Secret>> all;
  for (const auto& [key, wanted] : wanted_) {
    if (wanted.secret) all.push_back(wanted.secret);
  }
  return all;
}

void SecretReader::read(const kube::ObjectKey& key) {
  kube::Request request;
  request.path = kube::secrets().object_path(key);
  request.headers.emplace_back("Accept", "application/json");
  wanted_[key].call = std::make_unique<kube::AsyncCall>(
      transport_, executor_, request,
      [this, key](const Result<kube::Response>& answer) { take(key, answer); });
}

Result<std::shared_ptr<const crds::Secret>> SecretReader::decode(const kube::Response& answer,
                                                                 std::string& version) {
  crds::Document document;
  document.json = kube::Json::parse(answer.body, nullptr, false);
  auto metadata = kube::decode_metadata(document.json);
  if (!metadata) return forward(metadata);
  std::string now = metadata->uid + "/" + metadata->resource_version;
  if (now == version) {
    crds::wipe(document.json);
    return std::shared_ptr<const crds::Secret>();
  }
  version = std::move(now);
  return crds::decode_as<crds::Secret>(std::move(document));
}

void SecretReader::take(const kube::ObjectKey& key, const Result<kube::Response>& answer) {
  Wanted& wanted = wanted_[key];
  wanted.call.reset();
  const auto fails = [&](const Error& error) {
    if (wanted.problem == error.to_string()) return;
    wanted.problem = error.to_string();
    handlers_.on_problem(key, error);
  };
  if (const auto error = kube::error_in(answer)) {
    const bool gone = error->kind == kube::ErrorKind::kNotFound && wanted.secret;
    if (gone) {
      wanted.secret.reset();
      wanted.version.clear();
    }
    fails(error->to_error());
    if (gone) handlers_.on_change();
    return;
  }
  auto secret = decode(*answer, wanted.version);
  if (!secret) return fails(secret.error());
  wanted.problem.clear();
  if (!*secret) return;  // the same as before
  wanted.secret = std::move(*secret);
  handlers_.on_change();
}

}  // namespace espalier::follow
