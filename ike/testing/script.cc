#include "ike/testing/script.h"

#include <array>

#include "ike/testing/simulation.h"
#include "ike/wire/reader.h"

namespace espalier::ike::testing {
namespace {

using namespace std::chrono_literals;

constexpr int kMaxDeeds = 60;
constexpr std::size_t kMaxContent = 2000;

constexpr std::array kExchanges = {wire::ExchangeType::kIkeSaInit, wire::ExchangeType::kIkeAuth,
                                   wire::ExchangeType::kCreateChildSa,
                                   wire::ExchangeType::kInformational};

class Player {
 public:
  explicit Player(ByteView script) : reader_(script, "script") { pair_.establish(); }

  std::string play() {
    for (int i = 0; i < kMaxDeeds && reader_.remaining() >= 2; ++i) {
      const std::uint8_t what = reader_.u8("deed");
      Node& from = (what & 0x80U) != 0 ? pair_.b : pair_.a;
      Node& to = &from == &pair_.a ? pair_.b : pair_.a;
      deed(what & 0x0fU, from, to);
    }
    pair_.run_for(120s);
    for (const Node* node : {&pair_.a, &pair_.b}) {
      for (const IkeSaView& sa : node->ike_sas()) {
        if (sa.state == IkeSaState::kHalfOpen || sa.state == IkeSaState::kConnecting) {
          return node->name() + " keeps an IKE SA half-open";
        }
      }
      if (node->child_sas().size() > node->kernel_inbound()) {
        return node->name() + " has a Child without its inbound SA";
      }
    }
    return {};
  }

 private:
  Bytes content() {
    const std::size_t wanted = reader_.u16("size") % kMaxContent;
    return to_bytes(reader_.bytes(std::min(wanted, reader_.remaining()), "content"));
  }
  wire::ExchangeType exchange() { return kExchanges[reader_.u8("exchange") % kExchanges.size()]; }

  void deed(unsigned what, Node& from, Node& to) {
    switch (what) {
      case 0:  // anything
        return pair_.inject(from, to, content());
      case 1: {  // sealed by `from`
        const auto kind = exchange();
        const bool response = reader_.u8("response") % 2 != 0;
        const std::uint32_t id = reader_.u8("message id");
        const auto first = static_cast<wire::PayloadType>(reader_.u8("first"));
        return pair_.inject(from, to, from.forge_raw(kind, response, id, first, content()));
      }
      case 2: {  // and in fragments
        const auto kind = exchange();
        const std::uint32_t id = reader_.u8("message id");
        const std::uint16_t number = reader_.u8("number");
        const std::uint16_t total = reader_.u8("total");
        const auto first = static_cast<wire::PayloadType>(reader_.u8("first"));
        return pair_.inject(from, to,
                            from.forge_fragment(kind, false, id, number, total, first, content()));
      }
      case 3: {  // what was sent before, perhaps spoiled
        const auto& sent = pair_.sent();
        Bytes data = sent[reader_.u8("which") % sent.size()].data;
        const std::uint16_t at = reader_.u16("at");
        if (at != 0 && !data.empty()) data[at % data.size()] ^= reader_.u8("spoil");
        return pair_.inject(from, to, std::move(data));
      }
      case 4:
        return pair_.run_for(std::chrono::milliseconds(50 * reader_.u8("time")));
      case 5:
        return command(from);
      case 6: {
        const auto children = from.child_sas();
        if (children.empty()) return;
        const auto& child = children[reader_.u8("which") % children.size()].info;
        const std::uint8_t kind = reader_.u8("event");
        const bool in = kind % 2 == 0;
        return from.kernel_event(KernelExpired{in ? child.spi_in : child.spi_out,
                                               in ? child.local : child.remote, kind % 4 >= 2});
      }
      case 7:
        pair_.cut = reader_.u8("cut") % 2 != 0;
        return;
      default:
        return;
    }
  }

  void command(Node& node) {
    const std::uint8_t what = reader_.u8("command");
    const auto children = node.child_sas();
    const auto sas = node.ike_sas();
    switch (what % 6) {
      case 0:
        if (!children.empty()) node.command(RekeyChild{children.front().info.id});
        break;
      case 1:
        if (!sas.empty()) node.command(RekeyIkeSa{sas.front().id});
        break;
      case 2:
        if (!children.empty()) node.command(TerminateChild{children.back().info.id});
        break;
      case 3:
        node.command(TerminateConnection{1});
        break;
      case 4:
        node.command(ProbePeer{1});
        break;
      default:
        node.initiate(1);
        break;
    }
    if ((what & 0x80U) != 0) pair_.run();
  }

  wire::Reader reader_;
  Pair pair_;
};

}  // namespace

std::string play(ByteView script) {
  return Player(script).play();
}

}  // namespace espalier::ike::testing
