// Key exchange against published vectors, between two of us, and against bad values.
#include "ike/crypto/nss/key_exchange.h"

#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ike/crypto/nss/modp_groups.h"
#include "ike/crypto/nss/testing/shared_provider.h"
#include "ike/crypto/nss/testing/vectors.h"

namespace espalier::ike::crypto::nss {
namespace {

using testing::HasSubstr;

std::vector<DhId> groups() {
  std::vector<DhId> all = {DhId::kModp2048, DhId::kModp3072, DhId::kModp4096,
                           DhId::kEcp256,   DhId::kEcp384,   DhId::kEcp521};
  if (!shared_provider().fips()) all.push_back(DhId::kCurve25519);
  return all;
}

Bytes der(std::uint8_t tag, ByteView content) {
  Bytes out = {tag};
  if (content.size() < 128) {
    out.push_back(static_cast<std::uint8_t>(content.size()));
  } else if (content.size() < 256) {
    out.insert(out.end(), {0x81, static_cast<std::uint8_t>(content.size())});
  } else {
    out.insert(out.end(), {0x82, static_cast<std::uint8_t>(content.size() >> 8),
                           static_cast<std::uint8_t>(content.size())});
  }
  append(out, content);
  return out;
}

Bytes joined(std::initializer_list<Bytes> parts) {
  Bytes all;
  for (const Bytes& part : parts) append(all, part);
  return all;
}

CK_ATTRIBUTE attribute(CK_ATTRIBUTE_TYPE type, const void* value, std::size_t size) {
  return {type, const_cast<void*>(value), static_cast<CK_ULONG>(size)};
}

// NSS has no import for a Diffie-Hellman key but the raw object.
PrivateKeyPtr modp_key(DhId group, const Bytes& number, const Bytes& value) {
  static std::uint8_t serial = 0;
  const std::array<std::uint8_t, 5> id = {'m', 'o', 'd', 'p', ++serial};
  const CK_OBJECT_CLASS object_class = CKO_PRIVATE_KEY;
  const CK_KEY_TYPE key_type = CKK_DH;
  const CK_BBOOL yes = CK_TRUE;
  const std::uint8_t base = 2;
  const Bytes prime = *modp_prime(group);
  const std::array attributes = {
      attribute(CKA_CLASS, &object_class, sizeof object_class),
      attribute(CKA_KEY_TYPE, &key_type, sizeof key_type),
      attribute(CKA_DERIVE, &yes, sizeof yes),
      attribute(CKA_ID, id.data(), id.size()),
      attribute(CKA_PRIME, prime.data(), prime.size()),
      attribute(CKA_BASE, &base, 1),
      attribute(CKA_VALUE, number.data(), number.size()),
      attribute(CKA_NSS_DB, value.data(), value.size()),
  };
  const SlotPtr slot(PK11_GetInternalSlot());
  PK11GenericObject* object = PK11_CreateGenericObject(
      slot.get(), attributes.data(), static_cast<int>(attributes.size()), PR_FALSE);
  EXPECT_NE(object, nullptr) << nss_error();
  SECItem id_item = item_of(id);
  PrivateKeyPtr key(PK11_FindKeyByKeyID(slot.get(), &id_item, nullptr));
  PK11_DestroyGenericObject(object);
  EXPECT_NE(key, nullptr) << nss_error();
  return key;
}

// An ECP or curve25519 key by way of PKCS #8.
PrivateKeyPtr curve_key(DhId group, const Bytes& number, const Bytes& value) {
  const std::string curve = group == DhId::kEcp256   ? "2a8648ce3d030107"
                            : group == DhId::kEcp384 ? "2b81040022"
                            : group == DhId::kEcp521 ? "2b81040023"
                                                     : "2b06010401da470f01";
  Bytes point;
  if (group != DhId::kCurve25519) point.push_back(0x04);
  append(point, value);
  const Bytes algorithm =
      joined({der(0x06, *from_hex("2a8648ce3d0201")), der(0x06, *from_hex(curve))});
  const Bytes key = der(0x30, joined({der(0x02, Bytes{1}), der(0x04, number),
                                      der(0xa1, der(0x03, joined({Bytes{0}, point})))}));
  const Bytes pkcs8 =
      der(0x30, joined({der(0x02, Bytes{0}), der(0x30, algorithm), der(0x04, key)}));
  SECItem item = item_of(pkcs8);
  SECKEYPrivateKey* handle = nullptr;
  const SlotPtr slot(PK11_GetInternalSlot());
  EXPECT_EQ(PK11_ImportDERPrivateKeyInfoAndReturnKey(slot.get(), &item, nullptr, nullptr, PR_FALSE,
                                                     PR_FALSE, KU_KEY_AGREEMENT, &handle, nullptr),
            SECSuccess)
      << nss_error();
  return PrivateKeyPtr(handle);
}

std::shared_ptr<const NssKeyPair> key_pair_of(DhId group, const Bytes& number, const Bytes& value) {
  return std::make_shared<const NssKeyPair>(
      group, value,
      modp_prime(group) ? modp_key(group, number, value) : curve_key(group, number, value));
}

Result<SecretBytes> derive(const std::shared_ptr<const KeyPair>& own, const Bytes& peer) {
  Outcome outcome = shared_provider().run(DeriveShared{own, peer});
  if (auto* error = std::get_if<Error>(&outcome)) return tl::unexpected(*error);
  return std::move(std::get<SharedMade>(outcome).shared);
}

std::shared_ptr<const KeyPair> generate(DhId group) {
  Outcome outcome = shared_provider().run(GenerateKeyPair{group});
  EXPECT_TRUE(std::holds_alternative<KeyPairMade>(outcome));
  return std::get<KeyPairMade>(outcome).pair;
}

TEST(KeyExchange, GivesRfc5903sAndRfc7748sSecrets) {
  if (shared_provider().fips()) GTEST_SKIP() << "no private key comes in plain";
  for (const Vector& vector : read_vectors("ecdh.txt")) {
    const DhId group = *find_dh(vector["group"][0]);
    auto i = derive(key_pair_of(group, vector["i"], vector["gi"]), vector["gr"]);
    ASSERT_TRUE(i) << vector.name() << " " << i.error().to_string();
    EXPECT_EQ(to_hex(i->view()), to_hex(vector["shared"])) << vector.name();
    if (!vector.has("r")) continue;
    auto r = derive(key_pair_of(group, vector["r"], vector["gr"]), vector["gi"]);
    ASSERT_TRUE(r);
    EXPECT_EQ(to_hex(r->view()), to_hex(vector["shared"])) << vector.name();
  }
}

TEST(KeyExchange, GivesRfc3526sSecretsWithLeadingZeros) {
  if (shared_provider().fips()) GTEST_SKIP() << "no private key comes in plain";
  for (const Vector& vector : read_vectors("modp.txt")) {
    const DhId group = *find_dh(vector["group"][0]);
    EXPECT_EQ(to_hex(*modp_prime(group)), to_hex(vector["prime"])) << vector.name();
    auto shared = derive(key_pair_of(group, vector["private"], vector["public"]), vector["peer"]);
    ASSERT_TRUE(shared) << vector.name() << " " << shared.error().to_string();
    EXPECT_EQ(to_hex(shared->view()), to_hex(vector["shared"])) << vector.name();
  }
}

TEST(KeyExchange, TwoSidesAgreeInEveryGroup) {
  for (const DhId group : groups()) {
    const auto i = generate(group);
    ASSERT_TRUE(i);
    EXPECT_EQ(i->public_value().size(), public_size(group));
    Outcome r = shared_provider().run(GenerateAndDerive{group, i->public_value()});
    ASSERT_TRUE(std::holds_alternative<SharedMade>(r)) << to_string(group);
    const auto& made = std::get<SharedMade>(r);
    EXPECT_EQ(made.own_public.size(), public_size(group));
    auto shared = derive(i, made.own_public);
    ASSERT_TRUE(shared) << shared.error().to_string();
    EXPECT_EQ(shared->size(), shared_size(group));
    EXPECT_TRUE(ct_equal(shared->view(), made.shared.view())) << to_string(group);
    EXPECT_NE(generate(group)->public_value(), i->public_value()) << to_string(group);
  }
}

TEST(KeyExchange, RefusesValuesOfTheWrongLength) {
  for (const DhId group : groups()) {
    const auto own = generate(group);
    for (const std::size_t size :
         {std::size_t{0}, public_size(group) - 1, public_size(group) + 1}) {
      auto shared = derive(own, Bytes(size, 9));
      ASSERT_FALSE(shared);
      EXPECT_EQ(shared.error().code, Code::kInvalid);
      EXPECT_THAT(shared.error().detail, HasSubstr(to_string(group)));
      Outcome outcome = shared_provider().run(GenerateAndDerive{group, Bytes(size, 9)});
      EXPECT_EQ(std::get<Error>(outcome).code, Code::kInvalid);
    }
  }
}

// RFC 6989 section 2.1: r is in 1 < r < p - 1.
TEST(KeyExchange, RefusesModpValuesOutsideTheGroup) {
  for (const DhId group : {DhId::kModp2048, DhId::kModp3072, DhId::kModp4096}) {
    const auto own = generate(group);
    const Bytes prime = *modp_prime(group);
    Bytes one(prime.size());
    one.back() = 1;
    Bytes minus_one = prime;
    --minus_one.back();
    Bytes plus_one = prime;  // the last octets are ff
    for (auto octet = plus_one.rbegin(); ++*octet == 0;) ++octet;
    for (const Bytes& bad :
         {Bytes(prime.size()), one, minus_one, prime, plus_one, Bytes(prime.size(), 0xff)}) {
      auto shared = derive(own, bad);
      ASSERT_FALSE(shared) << to_hex(bad);
      EXPECT_EQ(shared.error().code, Code::kInvalid);
    }
    Bytes two(prime.size());
    two.back() = 2;
    EXPECT_TRUE(derive(own, two));
  }
}

// RFC 6989 section 2.3: the point is on the curve.
TEST(KeyExchange, RefusesPointsOffTheCurve) {
  for (const DhId group : {DhId::kEcp256, DhId::kEcp384, DhId::kEcp521}) {
    const auto own = generate(group);
    Bytes off = own->public_value();
    off.back() ^= 1;
    Bytes large(public_size(group), 0xff);
    for (const Bytes& bad : {off, Bytes(public_size(group)), large}) {
      auto shared = derive(own, bad);
      ASSERT_FALSE(shared) << to_string(group) << " " << to_hex(bad);
      EXPECT_EQ(shared.error().code, Code::kInvalid);
    }
  }
}

// RFC 7748 section 6.1 and RFC 8031 section 2.2: the points of low order give zero.
TEST(KeyExchange, RefusesCurve25519PointsOfLowOrder) {
  if (shared_provider().fips()) GTEST_SKIP() << "no curve25519";
  const auto own = generate(DhId::kCurve25519);
  for (const char* low : {
           "0000000000000000000000000000000000000000000000000000000000000000",
           "0100000000000000000000000000000000000000000000000000000000000000",
           "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
           "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
           "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
           "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
           "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
           "0000000000000000000000000000000000000000000000000000000000000080",
           "0100000000000000000000000000000000000000000000000000000000000080",
           "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
       }) {
    auto shared = derive(own, *from_hex(low));
    ASSERT_FALSE(shared) << low;
    EXPECT_EQ(shared.error().code, Code::kInvalid);
  }
}

TEST(KeyExchange, RefusesAMissingOrUnknownKeyPair) {
  EXPECT_EQ(derive(nullptr, Bytes(32, 9)).error().code, Code::kInternal);
  EXPECT_EQ(std::get<Error>(shared_provider().run(GenerateKeyPair{DhId::kNone})).code,
            Code::kUnsupported);
  EXPECT_EQ(std::get<Error>(shared_provider().run(GenerateAndDerive{DhId::kNone, {}})).code,
            Code::kUnsupported);
}

TEST(KeyExchange, RunsOnSeveralThreadsAtOnce) {
  if (shared_provider().fips()) GTEST_SKIP() << "no curve25519";
  std::vector<std::thread> threads;
  std::array<bool, 4> agreed{};
  for (std::size_t t = 0; t < agreed.size(); ++t) {
    threads.emplace_back([&agreed, t] {
      bool all = true;
      for (int n = 0; n < 20; ++n) {
        const auto own = generate(DhId::kCurve25519);
        Outcome other =
            shared_provider().run(GenerateAndDerive{DhId::kCurve25519, own->public_value()});
        const auto& made = std::get<SharedMade>(other);
        auto shared = derive(own, made.own_public);
        all = all && shared && ct_equal(shared->view(), made.shared.view());
      }
      agreed[t] = all;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(agreed, testing::Each(true));
}

}  // namespace
}  // namespace espalier::ike::crypto::nss
