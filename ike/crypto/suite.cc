#include "ike/crypto/suite.h"

#include <algorithm>
#include <array>
#include <span>

#include <fmt/format.h>

namespace espalier::ike::crypto {
namespace {

// The first spelling of a value is the canonical one.
template <typename T>
struct Keyword {
  std::string_view text;
  T value;
};

constexpr std::array kEncrKeywords = {
    Keyword<EncrSpec>{"aes128gcm16", {EncrId::kAesGcm16, 128}},
    Keyword<EncrSpec>{"aes192gcm16", {EncrId::kAesGcm16, 192}},
    Keyword<EncrSpec>{"aes256gcm16", {EncrId::kAesGcm16, 256}},
    Keyword<EncrSpec>{"aes128", {EncrId::kAesCbc, 128}},
    Keyword<EncrSpec>{"aes192", {EncrId::kAesCbc, 192}},
    Keyword<EncrSpec>{"aes256", {EncrId::kAesCbc, 256}},
    Keyword<EncrSpec>{"chacha20poly1305", {EncrId::kChaCha20Poly1305, 256}},
    // strongSwan's other spellings, then libreswan's.
    Keyword<EncrSpec>{"aes128gcm128", {EncrId::kAesGcm16, 128}},
    Keyword<EncrSpec>{"aes192gcm128", {EncrId::kAesGcm16, 192}},
    Keyword<EncrSpec>{"aes256gcm128", {EncrId::kAesGcm16, 256}},
    Keyword<EncrSpec>{"aes_gcm128", {EncrId::kAesGcm16, 128}},
    Keyword<EncrSpec>{"aes_gcm192", {EncrId::kAesGcm16, 192}},
    Keyword<EncrSpec>{"aes_gcm256", {EncrId::kAesGcm16, 256}},
    Keyword<EncrSpec>{"aes_gcm_128", {EncrId::kAesGcm16, 128}},
    Keyword<EncrSpec>{"aes_gcm_192", {EncrId::kAesGcm16, 192}},
    Keyword<EncrSpec>{"aes_gcm_256", {EncrId::kAesGcm16, 256}},
    Keyword<EncrSpec>{"aes_cbc_128", {EncrId::kAesCbc, 128}},
    Keyword<EncrSpec>{"aes_cbc_192", {EncrId::kAesCbc, 192}},
    Keyword<EncrSpec>{"aes_cbc_256", {EncrId::kAesCbc, 256}},
    Keyword<EncrSpec>{"chacha20_poly1305", {EncrId::kChaCha20Poly1305, 256}},
};

constexpr std::array kPrfKeywords = {
    Keyword<PrfId>{"prfsha256", PrfId::kHmacSha2_256},
    Keyword<PrfId>{"prfsha384", PrfId::kHmacSha2_384},
    Keyword<PrfId>{"prfsha512", PrfId::kHmacSha2_512},
};

constexpr std::array kIntegKeywords = {
    Keyword<IntegId>{"sha256", IntegId::kHmacSha2_256_128},
    Keyword<IntegId>{"sha384", IntegId::kHmacSha2_384_192},
    Keyword<IntegId>{"sha512", IntegId::kHmacSha2_512_256},
    Keyword<IntegId>{"sha2_256", IntegId::kHmacSha2_256_128},
    Keyword<IntegId>{"sha2_384", IntegId::kHmacSha2_384_192},
    Keyword<IntegId>{"sha2_512", IntegId::kHmacSha2_512_256},
};

constexpr std::array kDhKeywords = {
    Keyword<DhId>{"curve25519", DhId::kCurve25519}, Keyword<DhId>{"ecp256", DhId::kEcp256},
    Keyword<DhId>{"ecp384", DhId::kEcp384},         Keyword<DhId>{"ecp521", DhId::kEcp521},
    Keyword<DhId>{"modp2048", DhId::kModp2048},     Keyword<DhId>{"modp3072", DhId::kModp3072},
    Keyword<DhId>{"modp4096", DhId::kModp4096},     Keyword<DhId>{"x25519", DhId::kCurve25519},
    Keyword<DhId>{"dh14", DhId::kModp2048},         Keyword<DhId>{"dh15", DhId::kModp3072},
    Keyword<DhId>{"dh16", DhId::kModp4096},         Keyword<DhId>{"dh19", DhId::kEcp256},
    Keyword<DhId>{"dh20", DhId::kEcp384},           Keyword<DhId>{"dh21", DhId::kEcp521},
    Keyword<DhId>{"dh31", DhId::kCurve25519},
};

// How many leading entries of each table are canonical, which is what errors list.
constexpr std::size_t kEncrCanonical = 7;
constexpr std::size_t kPrfCanonical = 3;
constexpr std::size_t kIntegCanonical = 3;
constexpr std::size_t kDhCanonical = 7;

template <typename T, std::size_t N>
const T* find(const std::array<Keyword<T>, N>& table, std::string_view text) {
  const auto at = std::find_if(table.begin(), table.end(),
                               [text](const Keyword<T>& keyword) { return keyword.text == text; });
  return at == table.end() ? nullptr : &at->value;
}

template <typename T, std::size_t N>
std::string canonical(const std::array<Keyword<T>, N>& table, const T& value) {
  const auto at = std::find_if(table.begin(), table.end(), [&value](const Keyword<T>& keyword) {
    return keyword.value == value;
  });
  return at == table.end() ? "unknown" : std::string(at->text);
}

template <typename T, std::size_t N>
std::string listing(const std::array<Keyword<T>, N>& table, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) {
    if (i != 0) text += ", ";
    text += table[i].text;
  }
  return text;
}

template <typename T>
void join(std::string& text, const std::vector<T>& values) {
  for (const T& value : values) {
    if (!text.empty()) text += '-';
    text += to_string(value);
  }
}

template <typename T>
bool add(std::vector<T>& to, const T& value) {
  if (std::find(to.begin(), to.end(), value) != to.end()) return false;
  to.push_back(value);
  return true;
}

struct Words {
  std::vector<EncrSpec> encr;
  std::vector<PrfId> prf;
  std::vector<IntegId> integ;
  std::vector<DhId> dh;
};

enum class Kind { kIke, kEsp };

std::string allowed(Kind kind) {
  std::string text = "ciphers " + listing(kEncrKeywords, kEncrCanonical) + "; integrity " +
                     listing(kIntegKeywords, kIntegCanonical);
  if (kind == Kind::kIke) {
    text += "; PRF " + listing(kPrfKeywords, kPrfCanonical) + "; key exchange " +
            listing(kDhKeywords, kDhCanonical);
  }
  return text;
}

Result<Words> sort_words(std::string_view keywords, Kind kind) {
  Words words;
  std::string_view rest = keywords;
  while (true) {
    const std::size_t dash = rest.find('-');
    const std::string_view word = rest.substr(0, dash);
    bool fresh = true;
    if (const EncrSpec* encr = find(kEncrKeywords, word)) {
      fresh = add(words.encr, *encr);
    } else if (const PrfId* prf = find(kPrfKeywords, word); prf && kind == Kind::kIke) {
      fresh = add(words.prf, *prf);
    } else if (const IntegId* integ = find(kIntegKeywords, word)) {
      fresh = add(words.integ, *integ);
    } else if (const DhId* dh = find(kDhKeywords, word); dh && kind == Kind::kIke) {
      fresh = add(words.dh, *dh);
    } else if (find(kPrfKeywords, word) || find(kDhKeywords, word)) {
      return fail(Code::kInvalid, {},
                  fmt::format("\"{}\" does not belong into an ESP proposal (allowed: {}); whether "
                              "a Child SA has a key "
                              "exchange of its own is said by pfs",
                              word, allowed(kind)));
    } else if (word.empty()) {
      return fail(Code::kInvalid, {},
                  fmt::format("\"{}\" has an empty keyword; allowed: {}", keywords, allowed(kind)));
    } else {
      return fail(Code::kInvalid, {},
                  fmt::format("unknown algorithm \"{}\"; allowed: {}", word, allowed(kind)));
    }
    if (!fresh)
      return fail(Code::kInvalid, {}, fmt::format("\"{}\" names {} twice", keywords, word));
    if (dash == std::string_view::npos) return words;
    rest.remove_prefix(dash + 1);
  }
}

// RFC 7296 section 3.3: a proposal's ciphers are AEADs, then without integrity, or none of them is.
Status check_ciphers(std::string_view keywords, const Words& words, bool integ_is_prf) {
  if (words.encr.empty()) {
    return fail(Code::kInvalid, {},
                fmt::format("\"{}\" names no cipher; allowed: {}", keywords,
                            listing(kEncrKeywords, kEncrCanonical)));
  }
  const bool aead = is_aead(words.encr.front().id);
  for (const EncrSpec& spec : words.encr) {
    if (is_aead(spec.id) != aead) {
      return fail(
          Code::kInvalid, {},
          fmt::format(
              "\"{}\" mixes {} and {}: a cipher with integrity of its own and one without cannot "
              "stand in one proposal; write two",
              keywords, to_string(words.encr.front()), to_string(spec)));
    }
  }
  if (!aead && words.integ.empty()) {
    return fail(
        Code::kInvalid, {},
        fmt::format("\"{}\" names no integrity algorithm, which {} needs; allowed: {}", keywords,
                    to_string(words.encr.front()), listing(kIntegKeywords, kIntegCanonical)));
  }
  if (aead && !words.integ.empty() && !integ_is_prf) {
    return fail(
        Code::kInvalid, {},
        fmt::format("\"{}\": {} brings its own integrity, so {} has no place beside it", keywords,
                    to_string(words.encr.front()), to_string(words.integ.front())));
  }
  return {};
}

PrfId prf_of(IntegId id) {
  switch (id) {
    case IntegId::kHmacSha2_384_192:
      return PrfId::kHmacSha2_384;
    case IntegId::kHmacSha2_512_256:
      return PrfId::kHmacSha2_512;
    case IntegId::kHmacSha2_256_128:
    case IntegId::kNone:
      break;
  }
  return PrfId::kHmacSha2_256;
}

// FIPS 140 approves these: AES by FIPS 197, the curves by SP 800-186, the MODP groups by SP 800-56A
// appendix D. Every PRF and integrity algorithm that has a keyword is HMAC with SHA-2.
bool approved(EncrSpec spec) {
  return spec.id != EncrId::kChaCha20Poly1305;
}
bool approved(DhId id) {
  return id != DhId::kCurve25519;
}

template <typename T, std::size_t N>
Status all_approved(const std::vector<T>& values, const std::array<Keyword<T>, N>& table,
                    std::size_t count) {
  const auto bad = std::find_if_not(values.begin(), values.end(),
                                    [](const T& value) { return approved(value); });
  if (bad == values.end()) return {};
  std::string others;
  for (const Keyword<T>& keyword : std::span(table).first(count)) {
    if (!approved(keyword.value)) continue;
    others += (others.empty() ? "" : ", ") + std::string(keyword.text);
  }
  return fail(Code::kInvalid, {},
              fmt::format("{} is not allowed in FIPS mode; allowed: {}", to_string(*bad), others));
}

}  // namespace

std::optional<EncrSpec> find_encr(std::uint16_t id, std::optional<std::uint16_t> key_bits) {
  switch (static_cast<EncrId>(id)) {
    case EncrId::kAesCbc:
    case EncrId::kAesGcm16:
      if (key_bits != 128 && key_bits != 192 && key_bits != 256) return std::nullopt;
      return EncrSpec{static_cast<EncrId>(id), *key_bits};
    case EncrId::kChaCha20Poly1305:
      if (key_bits) return std::nullopt;
      return EncrSpec{EncrId::kChaCha20Poly1305, 256};
  }
  return std::nullopt;
}

std::optional<PrfId> find_prf(std::uint16_t id) {
  const auto known = static_cast<PrfId>(id);
  return key_size(known) != 0 ? std::optional(known) : std::nullopt;
}

std::optional<IntegId> find_integ(std::uint16_t id) {
  const auto known = static_cast<IntegId>(id);
  return known == IntegId::kNone || key_size(known) != 0 ? std::optional(known) : std::nullopt;
}

std::optional<DhId> find_dh(std::uint16_t id) {
  const auto known = static_cast<DhId>(id);
  return known == DhId::kNone || public_size(known) != 0 ? std::optional(known) : std::nullopt;
}

std::optional<HashId> find_hash(std::uint16_t id) {
  const auto known = static_cast<HashId>(id);
  return known == HashId::kIdentity || output_size(known) != 0 ? std::optional(known)
                                                               : std::nullopt;
}

bool has_key_length_attribute(EncrId id) {
  return id == EncrId::kAesCbc || id == EncrId::kAesGcm16;
}

bool is_aead(EncrId id) {
  return id == EncrId::kAesGcm16 || id == EncrId::kChaCha20Poly1305;
}

std::size_t key_size(EncrSpec spec) {
  return spec.key_bits / 8U;
}

std::size_t salt_size(EncrId id) {
  return is_aead(id) ? 4 : 0;
}

std::size_t keymat_size(EncrSpec spec) {
  return key_size(spec) + salt_size(spec.id);
}

std::size_t iv_size(EncrId id) {
  switch (id) {
    case EncrId::kAesCbc:
      return 16;
    case EncrId::kAesGcm16:
    case EncrId::kChaCha20Poly1305:
      return 8;
  }
  return 0;
}

std::size_t block_size(EncrId id) {
  return id == EncrId::kAesCbc ? 16 : 1;
}

std::size_t icv_size(EncrId id, IntegId integ) {
  if (is_aead(id)) return 16;
  return key_size(integ) / 2;  // RFC 4868: truncated to half the hash
}

std::size_t key_size(IntegId id) {
  switch (id) {
    case IntegId::kNone:
      return 0;
    case IntegId::kHmacSha2_256_128:
      return 32;
    case IntegId::kHmacSha2_384_192:
      return 48;
    case IntegId::kHmacSha2_512_256:
      return 64;
  }
  return 0;
}

std::size_t key_size(PrfId id) {
  switch (id) {
    case PrfId::kHmacSha2_256:
      return 32;
    case PrfId::kHmacSha2_384:
      return 48;
    case PrfId::kHmacSha2_512:
      return 64;
  }
  return 0;
}

// RFC 7296 section 3.4: modp values are as long as the prime; RFC 5903 section 7: x | y; RFC 8031
// section 3.
std::size_t public_size(DhId id) {
  switch (id) {
    case DhId::kNone:
      return 0;
    case DhId::kModp2048:
      return 256;
    case DhId::kModp3072:
      return 384;
    case DhId::kModp4096:
      return 512;
    case DhId::kEcp256:
      return 64;
    case DhId::kEcp384:
      return 96;
    case DhId::kEcp521:
      return 132;
    case DhId::kCurve25519:
      return 32;
  }
  return 0;
}

// RFC 5903 section 7: the shared secret of an ECP group is x alone.
std::size_t shared_size(DhId id) {
  switch (id) {
    case DhId::kEcp256:
    case DhId::kEcp384:
    case DhId::kEcp521:
      return public_size(id) / 2;
    case DhId::kNone:
    case DhId::kModp2048:
    case DhId::kModp3072:
    case DhId::kModp4096:
    case DhId::kCurve25519:
      break;
  }
  return public_size(id);
}

std::size_t output_size(HashId id) {
  switch (id) {
    case HashId::kSha2_256:
      return 32;
    case HashId::kSha2_384:
      return 48;
    case HashId::kSha2_512:
      return 64;
    case HashId::kIdentity:
      return 0;
  }
  return 0;
}

Result<IkeProposal> parse_ike_proposal(std::string_view keywords) {
  auto words = sort_words(keywords, Kind::kIke);
  if (!words) return forward(words);
  // Beside an AEAD both strongSwan and libreswan read an integrity keyword as the PRF's hash.
  const bool integ_is_prf = words->prf.empty();
  if (auto ok = check_ciphers(keywords, *words, integ_is_prf); !ok) return forward(ok);
  if (words->prf.empty()) {
    for (const IntegId id : words->integ) words->prf.push_back(prf_of(id));
  }
  if (words->prf.empty()) {
    return fail(Code::kInvalid, {},
                fmt::format("\"{}\" names no PRF; allowed: {}", keywords,
                            listing(kPrfKeywords, kPrfCanonical)));
  }
  if (words->dh.empty()) {
    return fail(Code::kInvalid, {},
                fmt::format("\"{}\" names no key exchange; allowed: {}", keywords,
                            listing(kDhKeywords, kDhCanonical)));
  }
  if (is_aead(words->encr.front().id)) words->integ.clear();
  return IkeProposal{std::move(words->encr), std::move(words->prf), std::move(words->integ),
                     std::move(words->dh)};
}

Result<EspProposal> parse_esp_proposal(std::string_view keywords) {
  auto words = sort_words(keywords, Kind::kEsp);
  if (!words) return forward(words);
  if (auto ok = check_ciphers(keywords, *words, false); !ok) return forward(ok);
  return EspProposal{std::move(words->encr), std::move(words->integ), {}};
}

std::string to_string(EncrSpec spec) {
  return canonical(kEncrKeywords, spec);
}
std::string to_string(PrfId id) {
  return canonical(kPrfKeywords, id);
}
std::string to_string(IntegId id) {
  return id == IntegId::kNone ? "none" : canonical(kIntegKeywords, id);
}
std::string to_string(DhId id) {
  return id == DhId::kNone ? "none" : canonical(kDhKeywords, id);
}

std::string to_string(HashId id) {
  switch (id) {
    case HashId::kSha2_256:
      return "SHA2-256";
    case HashId::kSha2_384:
      return "SHA2-384";
    case HashId::kSha2_512:
      return "SHA2-512";
    case HashId::kIdentity:
      return "identity";
  }
  return "unknown";
}

std::string to_string(const IkeSuite& suite) {
  IkeProposal proposal{{suite.encr}, {suite.prf}, {}, {suite.dh}};
  if (suite.integ != IntegId::kNone) proposal.integ.push_back(suite.integ);
  return to_string(proposal);
}

std::string to_string(const EspSuite& suite) {
  EspProposal proposal{{suite.encr}, {}, {}};
  if (suite.integ != IntegId::kNone) proposal.integ.push_back(suite.integ);
  return to_string(proposal);
}

std::string to_string(const IkeProposal& proposal) {
  std::string text;
  join(text, proposal.encr);
  join(text, proposal.integ);
  join(text, proposal.prf);
  join(text, proposal.dh);
  return text;
}

std::string to_string(const EspProposal& proposal) {
  std::string text;
  join(text, proposal.encr);
  join(text, proposal.integ);
  join(text, proposal.dh);
  return text;
}

std::vector<IkeProposal> default_ike_proposals(bool fips) {
  IkeProposal proposal{{{EncrId::kAesGcm16, 256}},
                       {PrfId::kHmacSha2_384},
                       {},
                       {DhId::kCurve25519, DhId::kEcp384, DhId::kEcp256}};
  if (fips) proposal.dh.erase(proposal.dh.begin());
  return {proposal};
}

std::vector<EspProposal> default_esp_proposals(bool /*fips*/) {
  return {EspProposal{{{EncrId::kAesGcm16, 256}, {EncrId::kAesGcm16, 128}}, {}, {}}};
}

Status check_fips(const IkeProposal& proposal) {
  return check_fips(EspProposal{proposal.encr, proposal.integ, proposal.dh});
}

Status check_fips(const EspProposal& proposal) {
  if (auto status = all_approved(proposal.encr, kEncrKeywords, kEncrCanonical); !status) {
    return status;
  }
  return all_approved(proposal.dh, kDhKeywords, kDhCanonical);
}

}  // namespace espalier::ike::crypto
