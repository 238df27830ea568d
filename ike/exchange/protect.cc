#include "ike/exchange/protect.h"

#include "ike/wire/decode.h"
#include "ike/wire/encode.h"
#include "ike/wire/fragment.h"

namespace espalier::ike::exchange {
namespace {

wire::Header header_of(const IkeSa& sa, wire::ExchangeType exchange, bool response,
                       std::uint32_t message_id) {
  wire::Header header;
  header.spi_i = sa.spi_i;
  header.spi_r = sa.spi_r;
  header.exchange = exchange;
  header.initiator = sa.initiator;
  header.response = response;
  header.message_id = message_id;
  return header;
}

Result<Bytes> seal_one(Core& core, IkeSa& sa, Result<Bytes> prefix, ByteView padded) {
  if (!prefix) return forward(prefix);
  const crypto::SkKeys& keys = sa.initiator ? sa.keys.i : sa.keys.r;
  auto sealed = core.provider.seal(keys, sa.seal_counter++, *prefix, padded);
  if (!sealed) return forward(sealed);
  append(*prefix, *sealed);
  return std::move(*prefix);
}

}  // namespace

Result<std::vector<Bytes>> protect(Core& core, IkeSa& sa, wire::ExchangeType exchange,
                                   bool response, std::uint32_t message_id,
                                   const std::vector<wire::Payload>& payloads) {
  const auto inner = wire::encode_payloads(payloads);
  if (!inner) return tl::unexpected<Error>(inner.error());
  const wire::Header header = header_of(sa, exchange, response, message_id);
  const std::size_t block = crypto::block_size(sa.suite.encr.id);
  const std::size_t overhead =
      crypto::iv_size(sa.suite.encr.id) + crypto::icv_size(sa.suite.encr.id, sa.suite.integ);
  const std::size_t whole = wire::kHeaderSize + wire::kGenericHeaderSize + overhead +
                            wire::padded_size(inner->bytes.size(), block);

  std::vector<Bytes> datagrams;
  const std::size_t limit = core.settings.fragment_size;
  const bool fragment = whole > limit && sa.peer_fragments;
  if (!fragment) {
    const Bytes padded = wire::pad_plaintext(inner->bytes, block);
    auto one = seal_one(
        core, sa, wire::encode_sk_prefix(header, inner->first, padded.size() + overhead), padded);
    if (!one) return forward(one);
    datagrams.push_back(std::move(*one));
    return datagrams;
  }
  // Room for the content of one fragment: a whole number of cipher blocks, less the pad length
  // octet.
  const std::size_t fixed = wire::kHeaderSize + wire::kSkfHeaderSize + overhead;
  const std::size_t room = (limit - fixed) / block * block - 1;
  const auto fragments = wire::split(inner->bytes, inner->first, room);
  if (!fragments) return tl::unexpected<Error>(fragments.error());
  for (const wire::Fragment& piece : *fragments) {
    const Bytes padded = wire::pad_plaintext(piece.plaintext, block);
    auto one = seal_one(core, sa,
                        wire::encode_skf_prefix(header, piece.first, piece.number, piece.total,
                                                padded.size() + overhead),
                        padded);
    if (!one) return forward(one);
    datagrams.push_back(std::move(*one));
  }
  return datagrams;
}

bool authentic(Core& core, const IkeSa& sa, const Datagram& datagram, const wire::Message& clear) {
  if (!clear.encrypted || sa.keys.sk_d.empty()) return false;
  const wire::Encrypted& part = *clear.encrypted;
  const ByteView whole = datagram.data;
  return core.provider
      .open(sa.initiator ? sa.keys.r : sa.keys.i, whole.first(part.associated_data_length),
            whole.subspan(part.offset, part.length))
      .has_value();
}

Result<std::optional<Opened>> open(Core& core, IkeSa& sa, ByteView datagram,
                                   const wire::Message& clear) {
  if (!clear.encrypted)
    return fail(Code::kInvalid, "SK", "a message that must be encrypted is not");
  const wire::Encrypted& part = *clear.encrypted;
  auto& reassembly = clear.header.response ? sa.reassembly_response : sa.reassembly_request;
  if (part.fragment) {
    if (!sa.peer_fragments) return fail(Code::kInvalid, "SKF", "fragments were not negotiated");
    if (!reassembly) reassembly = std::make_unique<wire::Reassembly>();
    const auto verdict = reassembly->check(part.fragment_number, part.total_fragments);
    if (verdict != wire::Reassembly::Outcome::kStored) return std::optional<Opened>{};
  }
  const crypto::SkKeys& keys = sa.initiator ? sa.keys.r : sa.keys.i;
  auto plaintext = core.provider.open(keys, datagram.first(part.associated_data_length),
                                      datagram.subspan(part.offset, part.length));
  if (!plaintext) return forward(plaintext);
  const auto content = wire::strip_padding(*plaintext);
  if (!content) return tl::unexpected<Error>(content.error().error);
  if (!part.fragment) {
    reassembly.reset();
    return std::optional<Opened>{Opened{part.first, to_bytes(*content)}};
  }
  const auto outcome =
      reassembly->add(part.fragment_number, part.total_fragments, part.first, *content);
  if (outcome != wire::Reassembly::Outcome::kComplete) return std::optional<Opened>{};
  Opened opened{reassembly->first(), reassembly->plaintext()};
  reassembly.reset();
  return std::optional<Opened>{std::move(opened)};
}

}  // namespace espalier::ike::exchange
