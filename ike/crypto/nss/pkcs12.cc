// PKCS #12 (RFC 7292) with a password: the key and the certificates of one file.
//
// NSS's own decoder can only import into a database, and there may be none; so the containers are
// read here, and NSS derives the keys and decrypts.
#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <secpkcs5.h>

#include "ike/crypto/der.h"
#include "ike/crypto/nss/credentials.h"
#include "ike/crypto/nss/symmetric.h"

namespace espalier::ike::crypto::nss {
namespace {

constexpr std::string_view kPlace = "PKCS #12";
constexpr std::size_t kMaxIterations =
    10'000'000;  // RFC 7292 allows any; more is a denial of service
constexpr std::size_t kMaxBags = 64;

constexpr std::string_view kData = "2a864886f70d010701";
constexpr std::string_view kEncryptedData = "2a864886f70d010706";
constexpr std::string_view kKeyBag = "2a864886f70d010c0a0101";
constexpr std::string_view kShroudedKeyBag = "2a864886f70d010c0a0102";
constexpr std::string_view kCertBag = "2a864886f70d010c0a0103";
constexpr std::string_view kX509Certificate = "2a864886f70d01091601";
constexpr std::string_view kPbes2 = "2a864886f70d01050d";

struct MacAlgorithm {
  std::string_view oid;
  SECOidTag digest;
  CK_MECHANISM_TYPE hmac;
  std::size_t output;
  std::size_t block;
};
constexpr std::array kMacAlgorithms = {
    MacAlgorithm{"2b0e03021a", SEC_OID_SHA1, CKM_SHA_1_HMAC, 20, 64},
    MacAlgorithm{"608648016503040201", SEC_OID_SHA256, CKM_SHA256_HMAC, 32, 64},
    MacAlgorithm{"608648016503040202", SEC_OID_SHA384, CKM_SHA384_HMAC, 48, 128},
    MacAlgorithm{"608648016503040203", SEC_OID_SHA512, CKM_SHA512_HMAC, 64, 128},
};

tl::unexpected<Error> malformed() {
  return fail(Code::kInvalid, std::string(kPlace), "is no PKCS #12 file that can be read");
}

// The password as a BMPString with its two zero octets (RFC 7292 appendix B.1). UTF-8 beyond the
// BMP is not expected.
SecretBytes bmp(std::string_view password) {
  SecretBytes out(2 * password.size() + 2);
  std::size_t length = 0;
  for (std::size_t i = 0; i < password.size();) {
    const auto first = static_cast<unsigned char>(password[i]);
    const std::size_t more = first < 0xc0 ? 0 : first < 0xe0 ? 1 : 2;
    unsigned code = more == 0 ? first : first & (0x3fU >> more);
    for (std::size_t k = 1; k <= more && i + k < password.size(); ++k) {
      code = code << 6 | (static_cast<unsigned char>(password[i + k]) & 0x3fU);
    }
    i += more + 1;
    out.writable()[length++] = static_cast<std::uint8_t>(code >> 8);
    out.writable()[length++] = static_cast<std::uint8_t>(code);
  }
  return out.slice(0, length + 2);
}

// RFC 7292 appendix B.2 with ID 3 (a MAC key), which is never longer than one hash here.
Result<SecretBytes> mac_key(const MacAlgorithm& mac, ByteView salt, ByteView password,
                            std::size_t iterations) {
  const auto repeated = [&mac](ByteView bytes) {
    const std::size_t size =
        bytes.empty() ? 0 : (bytes.size() + mac.block - 1) / mac.block * mac.block;
    SecretBytes out(size);
    for (std::size_t i = 0; i < size; ++i) out.writable()[i] = bytes[i % bytes.size()];
    return out;
  };
  const Bytes diversifier(mac.block, 3);
  const SecretBytes s = repeated(salt);
  const SecretBytes p = repeated(password);
  const std::array<ByteView, 3> first = {diversifier, s.view(), p.view()};
  auto round = digest(mac.digest, first);
  for (std::size_t i = 1; round && i < iterations; ++i) {
    const std::array<ByteView, 1> data = {*round};
    round = digest(mac.digest, data);
  }
  if (!round) return forward(round);
  return SecretBytes(*round);
}

// The positive INTEGER as a number; 0 when it is too large.
std::size_t number_of(ByteView integer) {
  std::size_t number = 0;
  if (integer.empty() || integer.size() > 4) return 0;
  for (const std::uint8_t octet : integer) number = number << 8 | octet;
  return number;
}

class Decoder {
 public:
  Decoder(const Secrets& secrets, std::string_view password)
      : secrets_(secrets), password_(password) {}

  Status read(ByteView file) {
    const auto pfx = der::only(file, der::kSequence);
    if (!pfx) return malformed();
    der::Reader reader(*pfx);
    const auto version = reader.content(der::kInteger);
    const auto safe = reader.content(der::kSequence);
    if (!version || !safe || number_of(*version) != 3) return malformed();
    auto content = data_of(*safe);
    if (!content) return forward(content);
    if (reader.at_end()) {
      return fail(Code::kUnsupported, std::string(kPlace), "has no MAC under a password");
    }
    const auto mac = reader.content(der::kSequence);
    if (!mac) return malformed();
    if (auto good = check_mac(*mac, *content); !good) return good;

    const auto infos = der::only(*content, der::kSequence);
    if (!infos) return malformed();
    der::Reader each(*infos);
    while (!each.at_end()) {
      const auto info = each.content(der::kSequence);
      if (!info) return malformed();
      if (auto done = read_content_info(*info); !done) return done;
    }
    return {};
  }

  std::vector<std::shared_ptr<const Certificate>> certificates;
  std::vector<SecretBytes> keys;  // PKCS #8

 private:
  // ContentInfo of type data: its octets.
  static Result<ByteView> data_of(ByteView content_info) {
    der::Reader reader(content_info);
    const auto type = reader.content(der::kObjectIdentifier);
    const auto wrapped = reader.content(der::context(0, true));
    if (!type || !wrapped) return malformed();
    if (to_hex(*type) != kData) {
      return fail(Code::kUnsupported, std::string(kPlace),
                  "is protected by public keys; a password is wanted");
    }
    const auto octets = der::only(*wrapped, der::kOctetString);
    if (!octets) return malformed();
    return *octets;
  }

  // MacData ::= DigestInfo, salt, iterations DEFAULT 1.
  Status check_mac(ByteView mac_data, ByteView content) {
    der::Reader reader(mac_data);
    const auto info = reader.content(der::kSequence);
    const auto salt = reader.content(der::kOctetString);
    if (!info || !salt) return malformed();
    std::size_t iterations = 1;
    if (!reader.at_end()) {
      const auto count = reader.content(der::kInteger);
      if (!count) return malformed();
      iterations = number_of(*count);
    }
    der::Reader info_reader(*info);
    const auto algorithm = info_reader.content(der::kSequence);
    const auto expected = info_reader.content(der::kOctetString);
    if (!algorithm || !expected || iterations == 0 || iterations > kMaxIterations) {
      return malformed();
    }
    der::Reader algorithm_reader(*algorithm);
    const auto oid = algorithm_reader.content(der::kObjectIdentifier);
    if (!oid) return malformed();
    const std::string hex = to_hex(*oid);
    const auto known = std::find_if(kMacAlgorithms.begin(), kMacAlgorithms.end(),
                                    [&hex](const MacAlgorithm& one) { return one.oid == hex; });
    if (known == kMacAlgorithms.end()) {
      return fail(Code::kUnsupported, std::string(kPlace), "has a MAC of an unknown algorithm");
    }
    // An empty password is two zero octets to some writers and nothing to others.
    bmp_password_ = bmp(password_);
    for (const bool nothing : {false, true}) {
      if (nothing && !password_.empty()) break;
      if (nothing) bmp_password_ = SecretBytes();
      auto key = mac_key(*known, *salt, bmp_password_.view(), iterations);
      if (!key) return forward(key);
      auto mac = hmac_of(*known, key->view(), content);
      if (!mac) return forward(mac);
      if (ct_equal(mac->view(), *expected)) return {};
    }
    return fail(Code::kDenied, std::string(kPlace),
                "the password is wrong (or the file is damaged)");
  }

  Result<SecretBytes> hmac_of(const MacAlgorithm& mac, ByteView key, ByteView data) const {
    auto handle = secrets_.import(key, mac.hmac, CKA_SIGN);
    if (!handle) return forward(handle);
    SecretBytes out(mac.output);
    SECItem parameters = {siBuffer, nullptr, 0};
    SECItem result = {siBuffer, out.writable().data(), static_cast<unsigned int>(out.size())};
    const SECItem input = item_of(data);
    if (PK11_SignWithSymKey(handle->get(), mac.hmac, &parameters, &result, &input) != SECSuccess) {
      return nss_failure(Code::kCrypto, std::string(kPlace));
    }
    return out;
  }

  Status read_content_info(ByteView info) {
    der::Reader reader(info);
    const auto type = reader.content(der::kObjectIdentifier);
    if (!type) return malformed();
    if (to_hex(*type) == kData) {
      auto data = data_of(info);
      if (!data) return forward(data);
      return read_bags(*data);
    }
    if (to_hex(*type) != kEncryptedData) {
      return fail(Code::kUnsupported, std::string(kPlace), "holds a part of an unknown kind");
    }
    // EncryptedData ::= version, EncryptedContentInfo ::= type, algorithm, [0] content.
    const auto wrapped = reader.content(der::context(0, true));
    const auto data = wrapped ? der::only(*wrapped, der::kSequence) : std::nullopt;
    if (!data) return malformed();
    der::Reader data_reader(*data);
    const auto version = data_reader.content(der::kInteger);
    const auto encrypted = data_reader.content(der::kSequence);
    if (!version || !encrypted) return malformed();
    der::Reader content(*encrypted);
    const auto content_type = content.content(der::kObjectIdentifier);
    const auto algorithm = content.next();
    const auto text = content.next();
    if (!content_type || !algorithm || !text || text->tag != der::context(0, false)) {
      return malformed();
    }
    auto plain = decrypt(algorithm->whole, text->content);
    if (!plain) return forward(plain);
    return read_bags(plain->view());
  }

  // SafeContents ::= SEQUENCE OF SafeBag ::= id, [0] value, attributes OPTIONAL.
  Status read_bags(ByteView safe_contents) {
    const auto sequence = der::only(safe_contents, der::kSequence);
    if (!sequence) return malformed();
    der::Reader reader(*sequence);
    while (!reader.at_end()) {
      const auto bag = reader.content(der::kSequence);
      if (!bag) return malformed();
      der::Reader fields(*bag);
      const auto id = fields.content(der::kObjectIdentifier);
      const auto value = fields.content(der::context(0, true));
      if (!id || !value || certificates.size() + keys.size() >= kMaxBags) return malformed();
      if (auto done = read_bag(to_hex(*id), *value); !done) return done;
    }
    return {};
  }

  Status read_bag(const std::string& id, ByteView value) {
    if (id == kKeyBag) {
      keys.emplace_back(value);
      return {};
    }
    if (id == kShroudedKeyBag) {  // EncryptedPrivateKeyInfo ::= algorithm, encryptedData
      const auto info = der::only(value, der::kSequence);
      if (!info) return malformed();
      der::Reader reader(*info);
      const auto algorithm = reader.next();
      const auto text = reader.content(der::kOctetString);
      if (!algorithm || !text) return malformed();
      auto plain = decrypt(algorithm->whole, *text);
      if (!plain) return forward(plain);
      keys.push_back(std::move(*plain));
      return {};
    }
    if (id != kCertBag) return {};  // CRLs and secrets are nothing to us
    const auto bag = der::only(value, der::kSequence);
    if (!bag) return malformed();
    der::Reader reader(*bag);
    const auto type = reader.content(der::kObjectIdentifier);
    const auto wrapped = reader.content(der::context(0, true));
    const auto octets = wrapped ? der::only(*wrapped, der::kOctetString) : std::nullopt;
    if (!type || !octets || to_hex(*type) != kX509Certificate) return malformed();
    auto certificate = decode_certificate(*octets);
    if (!certificate) {
      return fail(certificate.error().code, std::string(kPlace),
                  "holds a certificate that " + certificate.error().detail);
    }
    certificates.push_back(std::move(*certificate));
    return {};
  }

  // Password-based decryption as the AlgorithmIdentifier says.
  Result<SecretBytes> decrypt(ByteView algorithm, ByteView text) {
    const ArenaPtr arena(PORT_NewArena(DER_DEFAULT_CHUNKSIZE));
    SECAlgorithmID id{};
    const SECItem encoded = item_of(algorithm);
    if (!arena || SEC_QuickDERDecodeItem(arena.get(), &id, SEC_ASN1_GET(SECOID_AlgorithmIDTemplate),
                                         &encoded) != SECSuccess) {
      return malformed();
    }
    // PBES2 takes the password's own octets, the older schemes its BMPString.
    const bool pbes2 = to_hex(view_of(id.algorithm)) == kPbes2;
    SECItem password = item_of(pbes2 ? as_bytes(password_) : bmp_password_.view());
    const SymKeyPtr key(PK11_PBEKeyGen(secrets_.slot(), &id, &password, PR_FALSE, nullptr));
    SECItem* made = nullptr;
    const CK_MECHANISM_TYPE mechanism =
        key ? PK11_GetPBECryptoMechanism(&id, &made, &password) : CKM_INVALID_MECHANISM;
    const ItemPtr parameters(made);
    if (mechanism == CKM_INVALID_MECHANISM) {
      return fail(Code::kUnsupported, std::string(kPlace),
                  "is encrypted in a way that is not supported: " + nss_error());
    }
    SecretBytes plain(text.size());
    unsigned int length = 0;
    if (PK11_Decrypt(key.get(), PK11_GetPadMechanism(mechanism), parameters.get(),
                     plain.writable().data(), &length, static_cast<unsigned int>(plain.size()),
                     text.data(), static_cast<unsigned int>(text.size())) != SECSuccess) {
      return fail(Code::kInvalid, std::string(kPlace), "cannot be decrypted: " + nss_error());
    }
    return plain.slice(0, length);
  }

  const Secrets& secrets_;
  std::string_view password_;
  SecretBytes bmp_password_;
};

}  // namespace

Result<Credential> credential_from_pkcs12(const Secrets& secrets, ByteView bytes,
                                          std::string_view password, WallTime now) {
  Decoder decoder(secrets, password);
  if (auto done = decoder.read(bytes); !done) return forward(done);
  const std::string place(kPlace);
  if (decoder.keys.size() != 1) {
    return fail(Code::kInvalid, place,
                fmt::format("holds {} private keys; one is wanted", decoder.keys.size()));
  }
  auto key = import_key(secrets, decoder.keys.front().view(), decoder.certificates);
  if (!key) {
    return fail(Code::kInvalid, place, "holds a key that cannot be used: " + key.error().detail);
  }
  return make_credential(std::move(decoder.certificates), std::move(*key), place, place, now);
}

}  // namespace espalier::ike::crypto::nss
