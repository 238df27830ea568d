#include "ike/exchange/admission.h"

#include <algorithm>
#include <array>
#include <bitset>

namespace espalier::ike::exchange {
namespace {

using wire::ExchangeType;
using wire::PayloadType;
using Set = std::bitset<64>;

constexpr std::size_t bit(PayloadType type) {
  return static_cast<std::size_t>(type);
}

template <typename... T>
Set set_of(T... types) {
  Set set;
  (set.set(bit(types)), ...);
  return set;
}

struct Row {
  ExchangeType exchange;
  bool response;
  Phase phase;
  Set required;
  Set optional;        // besides N, V and unknown ones, which may stand anywhere
  bool error_instead;  // a response of notifies alone
};

const std::array<Row, 9>& rows() {
  using P = PayloadType;
  static const std::array<Row, 9> table = {{
      {ExchangeType::kIkeSaInit, false, Phase::kInit, set_of(P::kSa, P::kKe, P::kNonce), set_of(),
       false},
      {ExchangeType::kIkeSaInit, true, Phase::kInit, set_of(P::kSa, P::kKe, P::kNonce),
       set_of(P::kCertReq), true},
      {ExchangeType::kIkeAuth, false, Phase::kAuth,
       set_of(P::kIdi, P::kAuth, P::kSa, P::kTsi, P::kTsr),
       set_of(P::kCert, P::kCertReq, P::kIdr, P::kCp), false},
      {ExchangeType::kIkeAuth, true, Phase::kAuth, set_of(P::kIdr, P::kAuth),
       set_of(P::kCert, P::kCertReq, P::kSa, P::kTsi, P::kTsr, P::kCp), true},
      {ExchangeType::kInformational, false, Phase::kAuth, set_of(), set_of(P::kDelete), false},
      {ExchangeType::kCreateChildSa, false, Phase::kEstablished, set_of(P::kSa, P::kNonce),
       set_of(P::kKe, P::kTsi, P::kTsr, P::kCp), false},
      {ExchangeType::kCreateChildSa, true, Phase::kEstablished, set_of(P::kSa, P::kNonce),
       set_of(P::kKe, P::kTsi, P::kTsr, P::kCp), true},
      {ExchangeType::kInformational, false, Phase::kEstablished, set_of(),
       set_of(P::kDelete, P::kCp), false},
      {ExchangeType::kInformational, true, Phase::kEstablished, set_of(),
       set_of(P::kDelete, P::kCp), true},
  }};
  return table;
}

Set present(const std::vector<wire::Payload>& payloads) {
  Set set;
  for (const wire::Payload& payload : payloads) {
    const PayloadType type = wire::type_of(payload);
    const bool anywhere = type == PayloadType::kNotify || type == PayloadType::kVendorId ||
                          std::holds_alternative<wire::Unknown>(payload);
    if (!anywhere && bit(type) < set.size()) set.set(bit(type));
  }
  return set;
}

std::string first_of(const Set& set) {
  for (std::size_t i = 0; i < set.size(); ++i) {
    if (set.test(i)) return std::string(wire::describe(static_cast<PayloadType>(i)));
  }
  return "payload";
}

}  // namespace

Status admit(ExchangeType exchange, bool response, Phase phase,
             const std::vector<wire::Payload>& payloads) {
  const std::string name = wire::describe(exchange) + (response ? " response" : " request");
  const auto row = std::find_if(rows().begin(), rows().end(), [&](const Row& candidate) {
    return candidate.exchange == exchange && candidate.response == response &&
           candidate.phase == phase;
  });
  if (row == rows().end()) return fail(Code::kInvalid, name, "not expected in this phase");
  const Set found = present(payloads);
  if (row->error_instead && (found & row->required).none() && wire::find_error(payloads) != nullptr)
    return {};
  // A response to IKE_SA_INIT may also be a cookie alone (section 2.6).
  if (exchange == ExchangeType::kIkeSaInit && response && found.none() &&
      wire::find_notify(payloads, wire::NotifyType::kCookie) != nullptr) {
    return {};
  }
  const Set missing = row->required & ~found;
  if (missing.any()) return fail(Code::kInvalid, name, first_of(missing) + " is missing");
  const Set extra = found & ~row->required & ~row->optional;
  if (extra.any()) return fail(Code::kInvalid, name, first_of(extra) + " does not belong there");
  return {};
}

}  // namespace espalier::ike::exchange
