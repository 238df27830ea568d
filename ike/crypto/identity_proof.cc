#include "ike/crypto/identity_proof.h"

#include <algorithm>

#include "ike/crypto/der.h"
#include "ike/crypto/distinguished_name.h"

namespace espalier::ike::crypto {
namespace {

constexpr std::size_t kMaxNames = 256;

constexpr std::uint8_t kRfc822Name = der::context(1, false);
constexpr std::uint8_t kDnsName = der::context(2, false);
constexpr std::uint8_t kDirectoryName = der::context(4, true);
constexpr std::uint8_t kUri = der::context(6, false);
constexpr std::uint8_t kIpAddress = der::context(7, false);

std::uint8_t lower(std::uint8_t c) {
  return c >= 'A' && c <= 'Z' ? static_cast<std::uint8_t>(c - 'A' + 'a') : c;
}

bool same_ignoring_case(ByteView a, ByteView b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(),
                    [](std::uint8_t x, std::uint8_t y) { return lower(x) == lower(y); });
}

bool same_mail(ByteView a, ByteView b) {
  const auto domain_at = [](ByteView address) {
    const auto at = std::find(address.rbegin(), address.rend(), '@');
    return static_cast<std::size_t>(address.rend() - at);
  };
  const std::size_t at = domain_at(a);
  return at == domain_at(b) && equal(a.first(at), b.first(at)) &&
         same_ignoring_case(a.subspan(at), b.subspan(at));
}

bool printable(ByteView bytes) {
  return !bytes.empty() && std::all_of(bytes.begin(), bytes.end(),
                                       [](std::uint8_t c) { return c > ' ' && c < 0x7f; });
}

// The IKE identity a GeneralName stands for, if any.
std::optional<wire::Identification> identity_of(const der::Item& name) {
  using wire::IdType;
  switch (name.tag) {
    case kRfc822Name:
      if (!printable(name.content)) return std::nullopt;
      return wire::Identification{IdType::kRfc822Addr, to_bytes(name.content)};
    case kDnsName:
      if (!printable(name.content)) return std::nullopt;
      return wire::Identification{IdType::kFqdn, to_bytes(name.content)};
    case kIpAddress:
      if (name.content.size() != 4 && name.content.size() != 16) return std::nullopt;
      return wire::Identification{name.content.size() == 4 ? IdType::kIpv4Addr : IdType::kIpv6Addr,
                                  to_bytes(name.content)};
    case kDirectoryName:  // explicit, because Name is a choice
      return wire::Identification{IdType::kDerAsn1Dn, to_bytes(name.content)};
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<SubjectAltNames> decode_subject_alt_names(ByteView extension) {
  const auto sequence = der::only(extension, der::kSequence);
  if (!sequence) return std::nullopt;
  SubjectAltNames names;
  der::Reader reader(*sequence);
  while (!reader.at_end()) {
    const auto name = reader.next();
    if (!name || names.texts.size() == kMaxNames) return std::nullopt;
    if (name->tag == kUri && printable(name->content)) {
      names.texts.push_back("URI:" + to_text(name->content));
      continue;
    }
    auto identity = identity_of(*name);
    if (!identity) continue;
    if (identity->type == wire::IdType::kDerAsn1Dn) {
      const auto text = dn_to_text(identity->data);
      if (!text) return std::nullopt;
      names.texts.push_back(*text);
    } else {
      names.texts.push_back(wire::to_string(*identity));
    }
    names.identities.push_back(std::move(*identity));
  }
  return names;
}

bool same_identity(const wire::Identification& a, const wire::Identification& b) {
  if (a.type != b.type) return false;
  switch (a.type) {
    case wire::IdType::kFqdn:
      return same_ignoring_case(a.data, b.data);
    case wire::IdType::kRfc822Addr:
      return same_mail(a.data, b.data);
    case wire::IdType::kDerAsn1Dn:
      return same_name(a.data, b.data);
    default:
      return a.data == b.data;
  }
}

bool proves(ByteView subject_der, const std::vector<wire::Identification>& sans,
            const wire::Identification& claimed) {
  switch (claimed.type) {
    case wire::IdType::kDerAsn1Dn:
      return same_name(subject_der, claimed.data);
    case wire::IdType::kFqdn:
    case wire::IdType::kRfc822Addr:
    case wire::IdType::kIpv4Addr:
    case wire::IdType::kIpv6Addr:
      return std::any_of(sans.begin(), sans.end(), [&claimed](const wire::Identification& san) {
        return same_identity(san, claimed);
      });
    default:
      return false;  // nothing in a certificate stands for a key id
  }
}

}  // namespace espalier::ike::crypto
