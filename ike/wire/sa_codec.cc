// SA: proposals, transforms, attributes (RFC 7296 sections 3.3 to 3.3.5).
#include <fmt/format.h>

#include "ike/wire/limits.h"
#include "ike/wire/payload_codec.h"

namespace espalier::ike::wire {

namespace {

constexpr std::uint8_t kLast = 0;           // "Last Substruc" of the last proposal or transform
constexpr std::uint8_t kMoreProposals = 2;  // of any proposal before it
constexpr std::uint8_t kMoreTransforms = 3;
constexpr std::uint16_t kAttributeTv = 0x8000;  // the AF bit: the value is in the length's place
constexpr std::size_t kProposalHeader = 8;
constexpr std::size_t kTransformHeader = 8;

// A substructure's marker says whether another follows. It is redundant; one that disagrees with
// the lengths would let two implementations read two different lists.
void check_marker(Reader& reader, std::uint8_t marker, bool more, std::uint8_t more_marker) {
  if (marker != (more ? more_marker : kLast)) {
    reader.fail("last_substruc", Code::kInvalid,
                fmt::format("{} where {} belongs", marker, more ? more_marker : kLast));
  }
}

void decode_attribute(Reader& reader, Transform& transform) {
  Attribute attribute;
  const std::uint16_t head = reader.u16("attribute_type");
  attribute.tv = (head & kAttributeTv) != 0;
  attribute.type = head & 0x7fff;
  const std::uint16_t second = reader.u16(attribute.tv ? "attribute_value" : "attribute_length");
  if (attribute.tv) {
    if (attribute.type == kAttributeKeyLength && !transform.key_length) {
      transform.key_length = second;
      return;
    }
    attribute.value = {static_cast<std::uint8_t>(second >> 8), static_cast<std::uint8_t>(second)};
  } else {
    attribute.value = to_bytes(reader.bytes(second, "attribute_value"));
  }
  if (transform.other_attributes.size() == kMaxAttributes) {
    reader.fail("attributes", Code::kInvalid, fmt::format("more than {}", kMaxAttributes));
  }
  if (reader.ok()) transform.other_attributes.push_back(std::move(attribute));
}

void decode_transform(Reader& list, int index, Proposal& proposal) {
  Reader head = list.sub(4, "transform", index);
  const std::uint8_t marker = head.u8("last_substruc");
  head.u8("reserved");
  const std::uint16_t length = head.u16("length");
  if (head.ok() && length < kTransformHeader) {
    head.fail("length", Code::kInvalid, fmt::format("{} octets, less than its header", length));
  }
  Reader reader = list.sub(length < 4U ? 0U : length - 4U, "transform", index);
  check_marker(reader, marker, list.remaining() > 0, kMoreTransforms);
  Transform transform;
  transform.type = static_cast<TransformType>(reader.u8("type"));
  reader.u8("reserved");
  transform.id = reader.u16("id");
  while (reader.remaining() > 0) decode_attribute(reader, transform);
  if (reader.ok()) proposal.transforms.push_back(std::move(transform));
}

void decode_proposal(Reader& list, int index, Sa& sa) {
  Reader head = list.sub(4, "proposal", index);
  const std::uint8_t marker = head.u8("last_substruc");
  head.u8("reserved");
  const std::uint16_t length = head.u16("length");
  if (head.ok() && length < kProposalHeader) {
    head.fail("length", Code::kInvalid, fmt::format("{} octets, less than its header", length));
  }
  Reader reader = list.sub(length < 4U ? 0U : length - 4U, "proposal", index);
  check_marker(reader, marker, list.remaining() > 0, kMoreProposals);
  Proposal proposal;
  proposal.number = reader.u8("number");
  proposal.protocol = static_cast<ProtocolId>(reader.u8("protocol_id"));
  const std::uint8_t spi_size = reader.u8("spi_size");
  const std::uint8_t count = reader.u8("num_transforms");
  proposal.spi = to_bytes(reader.bytes(spi_size, "spi"));
  if (!sa.proposals.empty() && proposal.number <= sa.proposals.back().number) {
    reader.fail("number", Code::kInvalid,
                fmt::format("{} is not above the one before", proposal.number));
  }
  if (count > kMaxTransforms) {
    reader.fail("num_transforms", Code::kInvalid,
                fmt::format("{}, more than {}", count, kMaxTransforms));
  }
  for (int i = 0; i < count && reader.ok(); ++i) {
    decode_transform(reader, i, proposal);
  }
  reader.expect_end();
  if (reader.ok()) sa.proposals.push_back(std::move(proposal));
}

void encode_transform(Writer& writer, const Transform& transform, bool more) {
  const std::size_t start = writer.size();
  writer.u8(more ? kMoreTransforms : kLast);
  writer.u8(0);
  const auto length = writer.length16(start, "SA.proposal.transform.length");
  writer.u8(static_cast<std::uint8_t>(transform.type));
  writer.u8(0);
  writer.u16(transform.id);
  if (transform.key_length) {
    writer.u16(kAttributeTv | kAttributeKeyLength);
    writer.u16(*transform.key_length);
  }
  for (const Attribute& attribute : transform.other_attributes) {
    if (attribute.tv && attribute.value.size() != 2) {
      writer.fail("SA.proposal.transform.attribute_value", "a TV attribute has two octets");
    }
    writer.u16(static_cast<std::uint16_t>((attribute.tv ? kAttributeTv : 0U) |
                                          (attribute.type & 0x7fffU)));
    if (!attribute.tv) {
      writer.count16(attribute.value.size(), "SA.proposal.transform.attribute_length");
    }
    writer.bytes(attribute.value);
  }
}

}  // namespace

void decode_body(Reader& reader, Sa& sa) {
  if (reader.remaining() == 0) reader.fail({}, Code::kInvalid, "holds no proposal");
  for (int i = 0; reader.remaining() > 0; ++i) {
    if (sa.proposals.size() == kMaxProposals) {
      reader.fail("proposals", Code::kInvalid, fmt::format("more than {}", kMaxProposals));
    }
    decode_proposal(reader, i, sa);
  }
}

void encode_body(Writer& writer, const Sa& sa) {
  if (sa.proposals.empty()) writer.fail("SA", "holds no proposal");
  for (const Proposal& proposal : sa.proposals) {
    const std::size_t start = writer.size();
    writer.u8(&proposal == &sa.proposals.back() ? kLast : kMoreProposals);
    writer.u8(0);
    const auto length = writer.length16(start, "SA.proposal.length");
    writer.u8(proposal.number);
    writer.u8(static_cast<std::uint8_t>(proposal.protocol));
    writer.count8(proposal.spi.size(), "SA.proposal.spi_size");
    writer.count8(proposal.transforms.size(), "SA.proposal.num_transforms");
    writer.bytes(proposal.spi);
    for (const Transform& transform : proposal.transforms) {
      encode_transform(writer, transform, &transform != &proposal.transforms.back());
    }
  }
}

}  // namespace espalier::ike::wire
