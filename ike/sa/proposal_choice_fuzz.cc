// An SA payload from a peer: what is chosen of it is ours, and would pass our own check as an
// answer to our own offer.
#include <algorithm>

#include "cmake/fuzz/fuzz_one.h"
#include "ike/sa/proposal_choice.h"
#include "ike/wire/decode.h"
#include "ike/wire/fuzz_check.h"

namespace espalier::ike {
namespace {

using wire::must;

void check_ike_choice(const wire::Sa& sa) {
  static const auto ours = crypto::default_ike_proposals(false);
  const auto choice = choose_ike(sa, ours, 31);
  if (!choice) return;
  must(choice->spi.empty() || choice->spi.size() == 8);
  const bool is_ours = std::any_of(ours.begin(), ours.end(), [&](const auto& proposal) {
    wire::Sa answer = ike_answer(1, choice->suite, {});
    return check_ike(answer, {proposal}).has_value();
  });
  must(is_ours);
}

void check_esp_choice(const wire::Sa& sa, const std::vector<crypto::DhId>& groups, EsnChoice esn) {
  static const auto ours = crypto::default_esp_proposals(false);
  const auto choice = choose_esp(sa, ours, groups, esn, std::uint16_t{19});
  if (!choice) return;
  must(choice->spi >= 256);
  must((choice->group == crypto::DhId::kNone) == groups.empty());
  must(esn != EsnChoice::kNever || !choice->esn);
  must(esn != EsnChoice::kOnly || choice->esn);
  const bool is_ours = std::any_of(ours.begin(), ours.end(), [&](const auto& proposal) {
    wire::Sa answer = esp_answer(1, choice->suite, choice->group, choice->esn, 256);
    return check_esp(answer, {proposal}, groups, esn).has_value();
  });
  must(is_ours);
}

}  // namespace
}  // namespace espalier::ike

void fuzz_one(std::span<const std::uint8_t> input) {
  using namespace espalier;
  using namespace espalier::ike;
  if (input.size() > 65000) return;
  const std::size_t length = input.size() + wire::kGenericHeaderSize;
  Bytes chain = {0, 0, static_cast<std::uint8_t>(length >> 8), static_cast<std::uint8_t>(length)};
  append(chain, input);
  const auto decoded = wire::decode_payloads(wire::PayloadType::kSa, chain, "CREATE_CHILD_SA");
  if (!decoded) return;
  const auto& sa = std::get<wire::Sa>(decoded->front());
  check_ike_choice(sa);
  check_esp_choice(sa, {}, EsnChoice::kBoth);
  check_esp_choice(sa, {crypto::DhId::kEcp384, crypto::DhId::kEcp256}, EsnChoice::kNever);
  check_esp_choice(sa, {}, EsnChoice::kOnly);
  (void)describe(sa);
}
