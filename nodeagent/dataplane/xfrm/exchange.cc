#include "nodeagent/dataplane/xfrm/exchange.h"

#include <algorithm>

#include "nodeagent/dataplane/xfrm/attributes.h"
#include "nodeagent/dataplane/xfrm/errno_text.h"

namespace espalier::dataplane::xfrm {

namespace {

constexpr std::size_t kPiecesMax = 1024;  // UIO_MAXIOV
// What the kernel charges a socket for one answer of up to 4 KiB.
constexpr std::size_t kAnswerCharge = 8192;

std::size_t padded(std::size_t length) {
  return (length + NLMSG_ALIGNTO - 1) & ~std::size_t{NLMSG_ALIGNTO - 1};
}

}  // namespace

std::vector<Result<Answer>> Exchange::run(std::span<Message> requests, const OnReply& on_reply) {
  std::vector<Result<Answer>> answers;
  answers.reserve(requests.size());
  for (std::size_t i = 0; i < requests.size(); ++i) {
    answers.emplace_back(fail(Code::kUnavailable, "netlink XFRM", "no answer from the kernel"));
  }
  const std::size_t most =
      std::clamp<std::size_t>(socket_.receive_room() / kAnswerCharge, 1, kPiecesMax);
  std::size_t first = 0;
  while (first < requests.size()) {
    std::size_t count = 0;
    std::size_t bytes = 0;
    while (first + count < requests.size() && count < most) {
      bytes += padded(requests[first + count].bytes().size());
      if (count > 0 && bytes > socket_.send_room() / 2) break;
      ++count;
    }
    run_part(requests.subspan(first, count), first, on_reply, answers);
    first += count;
  }
  return answers;
}

void Exchange::run_part(std::span<Message> requests, std::size_t first, const OnReply& on_reply,
                        std::vector<Result<Answer>>& answers) {
  drain_if_broken_off();
  broken_off_ = true;
  const std::uint32_t base = next_sequence_;
  next_sequence_ += static_cast<std::uint32_t>(requests.size());
  std::vector<ByteView> pieces;
  pieces.reserve(requests.size());
  for (std::size_t i = 0; i < requests.size(); ++i) {
    auto& header = requests[i].header();
    header.nlmsg_seq = base + static_cast<std::uint32_t>(i);
    header.nlmsg_pid = socket_.port();
    if (i + 1 == requests.size()) header.nlmsg_flags |= NLM_F_ACK;
    pieces.push_back(requests[i].bytes());
  }
  if (auto sent = socket_.send(pieces); !sent) {
    for (std::size_t i = 0; i < requests.size(); ++i) answers[first + i] = forward(Status(sent));
    return;
  }

  std::vector<bool> answered(requests.size(), false);
  bool last_answered = false;
  bool lost = false;
  while (!last_answered) {
    const auto received = socket_.receive([&](const RawMessage& message) {
      const std::uint32_t index = message.header.nlmsg_seq - base;
      if (index >= requests.size()) return;  // of an earlier exchange
      if (message.header.nlmsg_type != NLMSG_ERROR) {
        on_reply(first + index, message);
        return;
      }
      answered[index] = true;
      answers[first + index] = decode_answer(message);
      if (index + 1 == requests.size()) last_answered = true;
    });
    if (!received) return;
    lost = lost || received->overrun;
    if (received->datagrams == 0 && !received->overrun) break;
  }
  if (lost || !last_answered) return;
  broken_off_ = false;  // the last answer came last: nothing is waiting
  for (std::size_t i = 0; i < requests.size(); ++i) {
    if (!answered[i]) answers[first + i] = Answer{};
  }
}

Status Exchange::dump(Message request, const std::function<void(const RawMessage&)>& each) {
  drain_if_broken_off();
  broken_off_ = true;
  const std::uint32_t sequence = next_sequence_++;
  request.header().nlmsg_seq = sequence;
  request.header().nlmsg_pid = socket_.port();
  const ByteView piece = request.bytes();
  if (auto sent = socket_.send(std::span<const ByteView>(&piece, 1)); !sent) return sent;
  bool done = false;
  bool interrupted = false;
  Status status;
  while (!done) {
    const auto received = socket_.receive_large([&](const RawMessage& message) {
      if (message.header.nlmsg_seq != sequence) return;
      interrupted = interrupted || (message.header.nlmsg_flags & NLM_F_DUMP_INTR) != 0;
      if (message.header.nlmsg_type == NLMSG_DONE) {
        done = true;
        const auto result = Attributes::read_front<std::int32_t>(message.payload).value_or(0);
        if (result < 0) status = fail(code_of(-result), "dump", errno_text(-result));
      } else if (message.header.nlmsg_type == NLMSG_ERROR) {
        done = true;
        const auto answer = decode_answer(message);
        const int error = answer ? answer->error : 0;
        status = fail(code_of(error), "dump", errno_text(error));
      } else {
        each(message);
      }
    });
    if (!received) return fail(Code::kKernel, "dump", received.error().detail);
    if (received->overrun || received->datagrams == 0) {
      return fail(Code::kUnavailable, "dump", "a part of it was lost");
    }
  }
  broken_off_ = false;
  if (status && interrupted) {
    return fail(Code::kUnavailable, "dump", "it changed while it was read");
  }
  return status;
}

void Exchange::drain_if_broken_off() {
  while (broken_off_) {
    const auto received = socket_.receive([](const RawMessage&) {});
    broken_off_ = received && (received->datagrams > 0 || received->overrun);
  }
}

}  // namespace espalier::dataplane::xfrm
