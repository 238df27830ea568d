#include "ike/wire/decode.h"

#include <array>
#include <utility>

#include <fmt/format.h>

#include "ike/wire/payload_codec.h"
#include "ike/wire/reader.h"

namespace espalier::ike::wire {

namespace {

constexpr std::uint8_t kFlagInitiator = 0x08;  // RFC 7296 section 3.1
constexpr std::uint8_t kFlagVersion = 0x10;
constexpr std::uint8_t kFlagResponse = 0x20;
constexpr std::uint8_t kFlagCritical = 0x80;  // RFC 7296 section 3.2

// One chain of payloads, from its first type to the one that says "none".
class Chain {
 public:
  enum class Where : std::uint8_t { kClear, kEncrypted };

  Chain(Reader& reader, PayloadType first, Where where, std::size_t datagram_size)
      : reader_(reader), next_(first), where_(where), datagram_size_(datagram_size) {}

  void decode() {
    while (next_ != PayloadType::kNone && reader_.ok() && !encrypted_) one();
    reader_.expect_end();
  }

  std::vector<Payload> payloads;

  [[nodiscard]] const std::optional<Encrypted>& encrypted() const { return encrypted_; }
  [[nodiscard]] const std::optional<std::uint8_t>& critical_type() const { return critical_type_; }

 private:
  void one();
  void encrypted(PayloadType type, Reader& body, PayloadType first);
  template <typename P>
  void take(Reader& body) {
    P payload;
    decode_body(body, payload);
    if (body.ok()) payloads.emplace_back(std::move(payload));
  }
  void known(PayloadType type, Reader& body, bool critical);

  Reader& reader_;
  PayloadType next_;
  Where where_;
  std::size_t datagram_size_;
  std::array<std::uint8_t, 256> seen_{};  // how often each type came; bounded by kMaxPayloads
  std::optional<Encrypted> encrypted_;
  std::optional<std::uint8_t> critical_type_;
};

bool known_type(PayloadType type) {
  return name_of(type) != "unknown";
}

bool may_repeat(PayloadType type) {
  switch (type) {
    case PayloadType::kCert:
    case PayloadType::kCertReq:
    case PayloadType::kNotify:
    case PayloadType::kDelete:
    case PayloadType::kVendorId:
      return true;
    default:
      return !known_type(type);
  }
}

void Chain::one() {
  const PayloadType type = next_;
  const auto number = static_cast<std::uint8_t>(type);
  const bool known_here = known_type(type);
  const std::string_view name = known_here ? name_of(type) : "payload";
  const int index = !known_here ? number : may_repeat(type) ? seen_[number] : -1;

  Reader head = reader_.sub(kGenericHeaderSize, name, index);
  next_ = static_cast<PayloadType>(head.u8("next_payload"));
  const bool critical = (head.u8("flags") & kFlagCritical) != 0;
  const std::uint16_t length = head.u16("length");
  if (!head.ok()) return;
  if (length < kGenericHeaderSize) {
    head.fail("length", Code::kInvalid, fmt::format("{} octets, less than its header", length));
    return;
  }
  if (payloads.size() == kMaxPayloads) {
    head.fail({}, Code::kInvalid, fmt::format("more than {} payloads", kMaxPayloads));
    return;
  }
  if (++seen_[number] > 1 && !may_repeat(type)) {
    head.fail({}, Code::kInvalid, "stands twice");
    return;
  }
  if (type == PayloadType::kNotify && seen_[number] > kMaxNotifies) {
    head.fail({}, Code::kInvalid, fmt::format("more than {} notifies", kMaxNotifies));
    return;
  }
  Reader body = reader_.sub(length - kGenericHeaderSize, name, index);
  if (!body.ok()) return;
  known(type, body, critical);
}

void Chain::known(PayloadType type, Reader& body, bool critical) {
  switch (type) {
    case PayloadType::kSa:
      return take<Sa>(body);
    case PayloadType::kKe:
      return take<Ke>(body);
    case PayloadType::kIdi:
      return take<Idi>(body);
    case PayloadType::kIdr:
      return take<Idr>(body);
    case PayloadType::kCert:
      return take<Cert>(body);
    case PayloadType::kCertReq:
      return take<CertReq>(body);
    case PayloadType::kAuth:
      return take<Auth>(body);
    case PayloadType::kNonce:
      return take<Nonce>(body);
    case PayloadType::kNotify:
      return take<Notify>(body);
    case PayloadType::kDelete:
      return take<Delete>(body);
    case PayloadType::kVendorId:
      return take<VendorId>(body);
    case PayloadType::kTsi:
      return take<Tsi>(body);
    case PayloadType::kTsr:
      return take<Tsr>(body);
    case PayloadType::kCp:
      return take<Cp>(body);
    case PayloadType::kEap:
      return take<Eap>(body);
    case PayloadType::kSk:
    case PayloadType::kSkf:
      return encrypted(type, body, next_);
    case PayloadType::kNone:
      break;
  }
  // RFC 7296 section 2.5: what is not known is skipped, unless its sender forbids that.
  const auto number = static_cast<std::uint8_t>(type);
  if (critical) {
    critical_type_ = number;
    body.fail({}, Code::kUnsupported, "is critical and not known here");
    return;
  }
  Unknown unknown;
  unknown.type = number;
  decode_body(body, unknown);
  payloads.emplace_back(std::move(unknown));
}

void Chain::encrypted(PayloadType type, Reader& body, PayloadType first) {
  if (where_ == Where::kEncrypted) {
    body.fail({}, Code::kInvalid, "stands inside an encrypted payload");
    return;
  }
  Encrypted part;
  part.first = first;
  part.fragment = type == PayloadType::kSkf;
  if (part.fragment) {
    part.fragment_number = body.u16("fragment_number");
    part.total_fragments = body.u16("total_fragments");
    if (!body.ok()) return;
    // RFC 7383 section 2.5.
    if (part.total_fragments == 0 || part.total_fragments > kMaxFragments) {
      body.fail("total_fragments", Code::kInvalid,
                fmt::format("{}, not 1 to {}", part.total_fragments, kMaxFragments));
    } else if (part.fragment_number == 0 || part.fragment_number > part.total_fragments) {
      body.fail("fragment_number", Code::kInvalid,
                fmt::format("{} of {}", part.fragment_number, part.total_fragments));
    } else if (part.fragment_number != 1 && first != PayloadType::kNone) {
      body.fail("next_payload", Code::kInvalid, "is set in a fragment that is not the first");
    }
  }
  part.length = body.remaining();
  body.rest();
  // RFC 7296 section 3.14: it is the last payload, so its body ends where the datagram does.
  part.offset = datagram_size_ - reader_.remaining() - part.length;
  part.associated_data_length = part.offset;
  if (body.ok()) encrypted_ = part;
}

DecodeFailure failure_of(const Reader& reader, const std::optional<std::uint8_t>& critical_type) {
  DecodeFailure failure;
  failure.error = reader.error();
  failure.notify =
      critical_type ? NotifyType::kUnsupportedCriticalPayload : NotifyType::kInvalidSyntax;
  failure.critical_type = critical_type;
  return failure;
}

Header read_header(Reader& reader) {
  Header header;
  header.spi_i = reader.u64("spi_i");
  header.spi_r = reader.u64("spi_r");
  header.next = static_cast<PayloadType>(reader.u8("next_payload"));
  header.version = reader.u8("version");
  header.exchange = static_cast<ExchangeType>(reader.u8("exchange_type"));
  const std::uint8_t flags = reader.u8("flags");
  header.initiator = (flags & kFlagInitiator) != 0;
  header.response = (flags & kFlagResponse) != 0;
  header.higher_version = (flags & kFlagVersion) != 0;
  header.message_id = reader.u32("message_id");
  header.length = reader.u32("length");
  return header;
}

}  // namespace

Decoded<Header> decode_header(ByteView datagram) {
  Reader reader(datagram, "header");
  const Header header = read_header(reader);
  if (!reader.ok()) {
    // Too short for IKE of any version: there is nobody to answer.
    return tl::unexpected<DecodeFailure>(DecodeFailure{reader.error(), {}, {}, {}});
  }
  const unsigned major = header.version >> 4;
  if (major != kVersion2 >> 4) {
    reader.fail("version", Code::kUnsupported, fmt::format("{}.{}", major, header.version & 0xfU));
    DecodeFailure failure{reader.error(), {}, {}, header};
    if (major > kVersion2 >> 4) failure.notify = NotifyType::kInvalidMajorVersion;
    return tl::unexpected<DecodeFailure>(std::move(failure));
  }
  if (header.length != datagram.size()) {
    reader.fail("length", Code::kInvalid,
                fmt::format("{}, but the datagram has {} octets", header.length, datagram.size()));
    return tl::unexpected<DecodeFailure>(
        DecodeFailure{reader.error(), NotifyType::kInvalidSyntax, {}, header});
  }
  if (datagram.size() > kMaxMessage) {
    reader.fail("length", Code::kInvalid, fmt::format("{}, above {}", header.length, kMaxMessage));
    return tl::unexpected<DecodeFailure>(DecodeFailure{reader.error(), {}, {}, header});
  }
  return header;
}

Decoded<Message> decode_clear(ByteView datagram) {
  auto header = decode_header(datagram);
  if (!header) return tl::unexpected<DecodeFailure>(std::move(header.error()));
  const std::string context = describe(header->exchange);
  Reader reader(datagram.subspan(kHeaderSize), context);
  Chain chain(reader, header->next, Chain::Where::kClear, datagram.size());
  chain.decode();
  if (!reader.ok()) {
    DecodeFailure failure = failure_of(reader, chain.critical_type());
    failure.header = *header;
    return tl::unexpected<DecodeFailure>(std::move(failure));
  }
  Message message;
  message.header = *header;
  message.payloads = std::move(chain.payloads);
  message.encrypted = chain.encrypted();
  return message;
}

Decoded<std::vector<Payload>> decode_payloads(PayloadType first, ByteView plaintext,
                                              std::string_view context) {
  Reader reader(plaintext, context);
  if (plaintext.size() > kMaxMessage) {
    reader.fail({}, Code::kInvalid,
                fmt::format("{} octets, above {}", plaintext.size(), kMaxMessage));
  }
  Chain chain(reader, first, Chain::Where::kEncrypted, plaintext.size());
  chain.decode();
  if (!reader.ok()) {
    return tl::unexpected<DecodeFailure>(failure_of(reader, chain.critical_type()));
  }
  return std::move(chain.payloads);
}

Decoded<ByteView> strip_padding(ByteView plaintext) {
  Reader reader(plaintext, "SK");
  if (plaintext.empty()) {
    reader.fail("pad_length", Code::kTruncated, "is missing");
    return tl::unexpected<DecodeFailure>(failure_of(reader, std::nullopt));
  }
  const std::size_t pad_length = plaintext.back();
  if (pad_length + 1 > plaintext.size()) {
    reader.fail("pad_length", Code::kInvalid,
                fmt::format("{} of {} octets", pad_length, plaintext.size()));
    return tl::unexpected<DecodeFailure>(failure_of(reader, std::nullopt));
  }
  return plaintext.first(plaintext.size() - pad_length - 1);
}

}  // namespace espalier::ike::wire
