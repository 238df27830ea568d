// PRF, prf+, hashes, seal and open through the port, against published vectors.
#include <gtest/gtest.h>

#include "ike/crypto/nss/testing/shared_provider.h"
#include "ike/crypto/nss/testing/vectors.h"

namespace espalier::ike::crypto::nss {
namespace {

SkKeys keys_of(EncrSpec encr, IntegId integ, ByteView encr_key, ByteView integ_key = {}) {
  return {encr, integ, SecretBytes(encr_key), SecretBytes(integ_key)};
}

std::uint64_t number_of(ByteView bytes) {
  std::uint64_t number = 0;
  for (const std::uint8_t byte : bytes) number = number << 8 | byte;
  return number;
}

TEST(Prf, GivesRfc4231sAndRfc4868sMacs) {
  for (const Vector& vector : read_vectors("hmac_sha2.txt")) {
    const Bytes& data = vector["data"];
    const std::array<ByteView, 1> whole = {data};
    const std::array<ByteView, 3> parts = {ByteView(data).first(3), ByteView{},
                                           ByteView(data).subspan(3)};
    for (const PrfId id : {PrfId::kHmacSha2_256, PrfId::kHmacSha2_384, PrfId::kHmacSha2_512}) {
      const Bytes& mac = vector["mac" + std::to_string(static_cast<int>(id))];
      auto one = shared_provider().prf(id, vector["key"], whole);
      if (shared_provider().fips() && vector["key"].size() < key_size(id) / 2) {
        EXPECT_FALSE(one) << "FIPS 198 section 3: half the hash's length at least";
        continue;
      }
      ASSERT_TRUE(one) << one.error().to_string();
      EXPECT_EQ(to_hex(one->view()), to_hex(mac)) << vector.name();
      auto many = shared_provider().prf(id, vector["key"], parts);
      ASSERT_TRUE(many);
      EXPECT_EQ(to_hex(many->view()), to_hex(mac)) << vector.name();
    }
  }
}

TEST(Integ, IsRfc4868sAuthenticator) {
  for (const Vector& vector : read_vectors("rfc4868_auth.txt")) {
    const IntegId integ = *find_integ(vector["integ"][0]);
    EXPECT_EQ(vector["key"].size(), key_size(integ)) << vector.name();
    const std::array<ByteView, 1> data = {vector["data"]};
    auto mac = shared_provider().prf(*find_prf(vector["prf"][0]), vector["key"], data);
    ASSERT_TRUE(mac) << mac.error().to_string();
    EXPECT_EQ(to_hex(mac->view()), to_hex(vector["mac"])) << vector.name();
    EXPECT_EQ(to_hex(mac->view().first(icv_size(EncrId::kAesCbc, integ))), to_hex(vector["icv"]))
        << vector.name();
  }
}

TEST(Prf, TakesAnEmptyKey) {
  // HMAC_SHA256("", "") as RFC 2104 defines it, by: openssl dgst -sha256 -mac HMAC -macopt
  // hexkey:00
  if (shared_provider().fips()) GTEST_SKIP() << "not in FIPS mode";
  auto mac = shared_provider().prf(PrfId::kHmacSha2_256, {}, {});
  ASSERT_TRUE(mac) << mac.error().to_string();
  EXPECT_EQ(to_hex(mac->view()),
            "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(PrfPlus, StopsAt255Blocks) {
  const Bytes key(32, 1);
  EXPECT_TRUE(shared_provider().prf_plus(PrfId::kHmacSha2_256, key, {}, 255 * 32));
  auto beyond = shared_provider().prf_plus(PrfId::kHmacSha2_256, key, {}, 255 * 32 + 1);
  ASSERT_FALSE(beyond);
  EXPECT_EQ(beyond.error().code, Code::kInvalid);
  EXPECT_TRUE(shared_provider().prf_plus(PrfId::kHmacSha2_256, key, {}, 0)->empty());
}

TEST(Hash, GivesFips180sAbc) {
  // FIPS 180-4, the examples with "abc".
  const std::array<ByteView, 2> abc = {as_bytes("a"), as_bytes("bc")};
  EXPECT_EQ(to_hex(*shared_provider().hash(HashId::kSha2_256, abc)),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(to_hex(*shared_provider().hash(HashId::kSha2_384, abc)),
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
            "8086072ba1e7cc2358baeca134c825a7");
  EXPECT_EQ(to_hex(*shared_provider().hash(HashId::kSha2_512, abc)),
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
            "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
  EXPECT_EQ(to_hex(*shared_provider().sha1(abc)), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(shared_provider().hash(HashId::kIdentity, abc).error().code, Code::kUnsupported);
}

TEST(Random, DoesNotRepeat) {
  std::array<std::uint8_t, 32> a{};
  std::array<std::uint8_t, 32> b{};
  ASSERT_TRUE(shared_provider().random(a));
  ASSERT_TRUE(shared_provider().random(b));
  EXPECT_NE(a, b);
  EXPECT_TRUE(shared_provider().random({}));
}

TEST(Aead, SealsAndOpensPublishedVectors) {
  for (const Vector& vector : read_vectors("aead.txt")) {
    Bytes key = vector["key"];
    const EncrSpec encr{static_cast<EncrId>(vector["encr"][0]),
                        static_cast<std::uint16_t>(key.size() * 8)};
    append(key, vector["salt"]);
    const SkKeys keys = keys_of(encr, IntegId::kNone, key);
    Bytes body = vector["iv"];
    append(body, vector["text"]);
    append(body, vector["icv"]);

    auto sealed = shared_provider().seal(keys, number_of(vector["iv"]), vector["associated"],
                                         vector["plain"]);
    ASSERT_TRUE(sealed) << sealed.error().to_string();
    EXPECT_EQ(to_hex(*sealed), to_hex(body)) << vector.name();
    auto opened = shared_provider().open(keys, vector["associated"], body);
    ASSERT_TRUE(opened) << opened.error().to_string();
    EXPECT_EQ(to_hex(*opened), to_hex(vector["plain"])) << vector.name();
  }
}

class Cbc : public testing::TestWithParam<const char*> {};

TEST_P(Cbc, OpensWhatOthersSealed) {
  for (const Vector& vector : read_vectors(GetParam())) {
    const EncrSpec encr{EncrId::kAesCbc, static_cast<std::uint16_t>(number_of(vector["bits"]))};
    const IntegId integ = *find_integ(vector["integ"][0]);
    const SkKeys keys = keys_of(encr, integ, vector["key"], vector["integ_key"]);
    auto opened = shared_provider().open(keys, vector["associated"], vector["body"]);
    ASSERT_TRUE(opened) << opened.error().to_string();
    EXPECT_EQ(to_hex(*opened), to_hex(vector["plain"])) << vector.name();

    auto sealed = shared_provider().seal(keys, 1, vector["associated"], vector["plain"]);
    ASSERT_TRUE(sealed);
    EXPECT_EQ(sealed->size(), vector["body"].size());
    EXPECT_EQ(to_hex(*shared_provider().open(keys, vector["associated"], *sealed)),
              to_hex(vector["plain"]));
    auto again = shared_provider().seal(keys, 1, vector["associated"], vector["plain"]);
    EXPECT_NE(to_hex(*again), to_hex(*sealed)) << "the IV must be unpredictable";
  }
}

// Of OpenSSL; of NIST SP 800-38A.
INSTANTIATE_TEST_SUITE_P(Files, Cbc, testing::Values("cbc_hmac.txt", "nist_cbc.txt"));

class EverySuite : public testing::TestWithParam<SkKeys (*)()> {};

SkKeys gcm() {
  return keys_of({EncrId::kAesGcm16, 256}, IntegId::kNone, Bytes(36, 7));
}
SkKeys chacha() {
  return keys_of({EncrId::kChaCha20Poly1305, 256}, IntegId::kNone, Bytes(36, 7));
}
SkKeys cbc_sha256() {
  return keys_of({EncrId::kAesCbc, 256}, IntegId::kHmacSha2_256_128, Bytes(32, 7), Bytes(32, 8));
}
SkKeys cbc_sha512() {
  return keys_of({EncrId::kAesCbc, 128}, IntegId::kHmacSha2_512_256, Bytes(16, 7), Bytes(64, 8));
}

INSTANTIATE_TEST_SUITE_P(Seal, EverySuite, testing::Values(gcm, chacha, cbc_sha256, cbc_sha512));

TEST_P(EverySuite, RefusesEveryChangedBit) {
  const SkKeys keys = GetParam()();
  const Bytes head(32, 0x2e);
  const Bytes plain(48, 0x55);
  auto body = shared_provider().seal(keys, 1, head, plain);
  ASSERT_TRUE(body) << body.error().to_string();
  for (std::size_t i = 0; i < body->size(); ++i) {
    Bytes changed = *body;
    changed[i] ^= 0x10;
    auto opened = shared_provider().open(keys, head, changed);
    ASSERT_FALSE(opened) << "octet " << i;
    EXPECT_EQ(opened.error().code, Code::kDenied);
  }
  for (std::size_t i = 0; i < head.size(); ++i) {
    Bytes changed = head;
    changed[i] ^= 0x01;
    EXPECT_FALSE(shared_provider().open(keys, changed, *body)) << "octet " << i;
  }
  EXPECT_FALSE(shared_provider().open(keys, ByteView(head).first(31), *body));
  EXPECT_TRUE(shared_provider().open(keys, head, *body));
}

TEST_P(EverySuite, RefusesWhatIsCutShort) {
  const SkKeys keys = GetParam()();
  const Bytes head(32, 0x2e);
  auto body = shared_provider().seal(keys, 1, head, Bytes(32, 0x55));
  ASSERT_TRUE(body);
  for (std::size_t length = 0; length < body->size(); ++length) {
    auto opened = shared_provider().open(keys, head, ByteView(*body).first(length));
    ASSERT_FALSE(opened) << length;
    EXPECT_NE(opened.error().code, Code::kInternal) << length;
  }
}

TEST_P(EverySuite, RefusesKeysOfTheWrongLength) {
  SkKeys keys = GetParam()();
  keys.encr_key = keys.encr_key.slice(1, keys.encr_key.size() - 1);
  EXPECT_EQ(shared_provider().seal(keys, 1, {}, Bytes(16)).error().code, Code::kInternal);
  EXPECT_EQ(shared_provider().open(keys, {}, Bytes(80)).error().code, Code::kInternal);
}

TEST_P(EverySuite, RefusesUnpaddedPlaintext) {
  const SkKeys keys = GetParam()();
  EXPECT_FALSE(shared_provider().seal(keys, 1, {}, {}));
  EXPECT_EQ(shared_provider().seal(keys, 1, {}, Bytes(15)).has_value(), is_aead(keys.encr.id));
}

TEST(Aead, CounterIsTheExplicitIv) {
  auto body = shared_provider().seal(gcm(), 0x0102030405060708, {}, Bytes(1));
  ASSERT_TRUE(body);
  EXPECT_EQ(to_hex(ByteView(*body).first(8)), "0102030405060708");
}

}  // namespace
}  // namespace espalier::ike::crypto::nss
