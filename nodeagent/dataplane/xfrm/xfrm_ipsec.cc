#include "nodeagent/dataplane/xfrm/xfrm_ipsec.h"

#include <string>

#include <sys/random.h>

#include "nodeagent/dataplane/xfrm/errno_text.h"
#include "nodeagent/dataplane/xfrm/probe.h"

namespace espalier::dataplane::xfrm {

namespace {

Status status_of(const Result<Answer>& answer, const std::string& subject) {
  if (!answer) return fail(answer.error().code, subject, answer.error().detail);
  if (answer->error == 0) return {};
  auto detail = errno_text(answer->error);
  if (!answer->text.empty()) detail += ": " + answer->text;
  return fail(code_of(answer->error), subject, std::move(detail));
}

Result<EspKeys> unpredictable_keys(const EspAlgorithm& algorithm) {
  EspKeys keys{SecretBytes(algorithm.encryption_key_size()),
               SecretBytes(algorithm.integrity_key_size())};
  for (auto* key : {&keys.encryption, &keys.integrity}) {
    const auto room = key->writable();
    if (getrandom(room.data(), room.size(), 0) != static_cast<ssize_t>(room.size())) {
      return fail(Code::kUnavailable, "getrandom", "no random numbers");
    }
  }
  return keys;
}

Result<Message> encode_step(const Step& step, KernelFeatures features) {
  if (const auto* add = std::get_if<AddSa>(&step)) return encode(*add, features);
  if (const auto* complete = std::get_if<CompleteSa>(&step)) return encode(*complete, features);
  if (const auto* change = std::get_if<ChangeSa>(&step)) {
    const auto filler = unpredictable_keys(change->sa.algorithm);
    if (!filler) return fail(filler.error().code, subject_of(step), filler.error().detail);
    return encode(*change, *filler, features);
  }
  if (const auto* remove = std::get_if<DeleteSa>(&step)) return encode(*remove);
  if (const auto* set = std::get_if<SetPolicy>(&step)) return encode(*set);
  return encode(std::get<DeletePolicy>(step));
}

// The messages that could be encoded, and which input each is of.
struct Batch {
  std::vector<Message> messages;
  std::vector<std::size_t> inputs;
};

}  // namespace

Result<XfrmIpsec> XfrmIpsec::open() {
  auto socket = NetlinkSocket::open();
  if (!socket) return forward(socket);
  XfrmIpsec kernel(std::move(*socket));
  if (auto learned = kernel.learn_features(); !learned) return forward(learned);
  return kernel;
}

Status XfrmIpsec::learn_features() {
  auto features = probe_features(exchange_);
  if (!features) return forward(features);
  features_ = *features;
  return {};
}

std::vector<Status> XfrmIpsec::apply(std::span<const Step> steps) {
  std::vector<Status> results(steps.size());
  Batch batch;
  batch.messages.reserve(steps.size());
  for (std::size_t i = 0; i < steps.size(); ++i) {
    auto message = encode_step(steps[i], features_);
    if (!message) {
      results[i] = forward(message);
      continue;
    }
    batch.messages.push_back(std::move(*message));
    batch.inputs.push_back(i);
  }
  const auto answers = exchange_.run(batch.messages, [](std::size_t, const RawMessage&) {});
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const auto input = batch.inputs[i];
    const bool done = answers[i] && answers[i]->error == 0;
    if (!done) results[input] = status_of(answers[i], subject_of(steps[input]));
  }
  return results;
}

std::vector<Result<std::uint32_t>> XfrmIpsec::allocate_spis(std::span<const SpiRequest> requests) {
  std::vector<Result<std::uint32_t>> results(requests.size());
  Batch batch;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    results[i] = fail(Code::kUnavailable, subject_of(requests[i]), "no answer from the kernel");
    auto message = encode(requests[i], features_);
    if (!message) {
      results[i] = forward(message);
      continue;
    }
    batch.messages.push_back(std::move(*message));
    batch.inputs.push_back(i);
  }
  const auto answers =
      exchange_.run(batch.messages, [&](std::size_t index, const RawMessage& message) {
        const auto input = batch.inputs[index];
        auto state = decode_sa(message);
        if (state) {
          results[input] = state->sa.spi;
        } else {
          results[input] = forward(state);
        }
      });
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const auto input = batch.inputs[i];
    if (auto status = status_of(answers[i], subject_of(requests[input])); !status) {
      results[input] = forward(status);
    }
  }
  return results;
}

Result<std::vector<SaState>> XfrmIpsec::dump_sas() {
  std::vector<SaState> states;
  Status malformed;
  auto status = exchange_.dump(encode_dump_sas(), [&](const RawMessage& message) {
    auto state = decode_sa(message);
    if (state) {
      states.push_back(std::move(*state));
    } else if (state.error().code != Code::kUnsupported) {
      malformed = forward(state);
    }
  });
  if (!status) return forward(status);
  if (!malformed) return forward(malformed);
  return states;
}

Result<std::vector<PolicyState>> XfrmIpsec::dump_policies() {
  std::vector<PolicyState> states;
  Status malformed;
  auto status = exchange_.dump(encode_dump_policies(), [&](const RawMessage& message) {
    auto state = decode_policy(message);
    if (state) {
      states.push_back(std::move(*state));
    } else if (state.error().code != Code::kUnsupported) {
      malformed = forward(state);
    }
  });
  if (!status) return forward(status);
  if (!malformed) return forward(malformed);
  return states;
}

std::vector<Result<SaState>> XfrmIpsec::query(std::span<const SaId> sas) {
  std::vector<Result<SaState>> results(sas.size());
  std::vector<Message> messages;
  messages.reserve(sas.size());
  for (std::size_t i = 0; i < sas.size(); ++i) {
    results[i] = fail(Code::kUnavailable, sas[i].to_string(), "no answer from the kernel");
    messages.push_back(encode_get_sa(sas[i]));
  }
  const auto answers = exchange_.run(messages, [&](std::size_t index, const RawMessage& message) {
    results[index] = decode_sa(message);
  });
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (auto status = status_of(answers[i], sas[i].to_string()); !status) {
      results[i] = forward(status);
    }
  }
  return results;
}

const Capabilities& XfrmIpsec::capabilities() {
  if (!capabilities_) capabilities_ = probe_capabilities(exchange_, features_);
  return *capabilities_;
}

}  // namespace espalier::dataplane::xfrm
