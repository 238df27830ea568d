// The key schedule over the NSS provider, against NIST's vectors and independently computed ones.
#include "ike/crypto/key_schedule.h"

#include <gtest/gtest.h>

#include "ike/crypto/nss/testing/shared_provider.h"
#include "ike/crypto/nss/testing/vectors.h"

namespace espalier::ike::crypto::nss {
namespace {

std::uint64_t number_of(ByteView bytes) {
  std::uint64_t number = 0;
  for (const std::uint8_t byte : bytes) number = number << 8 | byte;
  return number;
}

IkeKeyInput input_of(const Vector& vector) {
  return {vector["ni"], vector["nr"], number_of(vector["spi_i"]), number_of(vector["spi_r"])};
}

// The keys back in the order in which RFC 7296 section 2.14 cuts them.
Bytes stream_of(const IkeKeys& keys) {
  Bytes stream;
  for (const SecretBytes* key : {&keys.sk_d, &keys.i.integ_key, &keys.r.integ_key, &keys.i.encr_key,
                                 &keys.r.encr_key, &keys.sk_pi, &keys.sk_pr}) {
    append(stream, key->view());
  }
  return stream;
}

Bytes stream_of(const ChildKeys& keys) {
  Bytes stream;
  for (const SecretBytes* key :
       {&keys.i_to_r.encr, &keys.i_to_r.integ, &keys.r_to_i.encr, &keys.r_to_i.integ}) {
    append(stream, key->view());
  }
  return stream;
}

std::string head(const Bytes& bytes, std::size_t length) {
  return to_hex(ByteView(bytes).first(length));
}

const std::array kSuites = {
    std::pair(EncrSpec{EncrId::kAesGcm16, 256}, IntegId::kNone),
    std::pair(EncrSpec{EncrId::kAesGcm16, 128}, IntegId::kNone),
    std::pair(EncrSpec{EncrId::kChaCha20Poly1305, 256}, IntegId::kNone),
    std::pair(EncrSpec{EncrId::kAesCbc, 256}, IntegId::kHmacSha2_256_128),
    std::pair(EncrSpec{EncrId::kAesCbc, 128}, IntegId::kHmacSha2_512_256),
};

TEST(KeySchedule, GivesNistsKeyingMaterial) {
  for (const Vector& vector : read_vectors("nist_ikev2_kdf.txt")) {
    const PrfId prf = *find_prf(vector["prf"][0]);
    for (const auto& [encr, integ] : kSuites) {
      auto keys = derive_ike_keys(shared_provider(), {encr, prf, integ, DhId::kEcp256},
                                  input_of(vector), vector["gir"]);
      ASSERT_TRUE(keys) << keys.error().to_string();
      const Bytes stream = stream_of(*keys);
      EXPECT_EQ(to_hex(stream), head(vector["dkm"], stream.size()));

      auto child = derive_child_keys(shared_provider(), prf, keys->sk_d.view(), {encr, integ},
                                     vector["ni"], vector["nr"], {});
      ASSERT_TRUE(child);
      const Bytes keymat = stream_of(*child);
      EXPECT_EQ(to_hex(keymat), head(vector["keymat"], keymat.size()));

      auto pfs = derive_child_keys(shared_provider(), prf, keys->sk_d.view(), {encr, integ},
                                   vector["ni"], vector["nr"], vector["gir_new"]);
      ASSERT_TRUE(pfs);
      EXPECT_EQ(to_hex(stream_of(*pfs)), head(vector["keymat_pfs"], keymat.size()));
    }
  }
}

TEST(KeySchedule, GivesNistsSeeds) {
  for (const Vector& vector : read_vectors("nist_ikev2_kdf.txt")) {
    const PrfId prf = *find_prf(vector["prf"][0]);
    Bytes nonces = vector["ni"];
    append(nonces, vector["nr"]);
    const std::array<ByteView, 1> first = {vector["gir"]};
    auto seed = shared_provider().prf(prf, nonces, first);
    ASSERT_TRUE(seed) << vector.name() << " " << seed.error().to_string();
    EXPECT_EQ(to_hex(seed->view()), to_hex(vector["skeyseed"])) << vector.name();

    const ByteView sk_d = ByteView(vector["dkm"]).first(key_size(prf));
    const std::array<ByteView, 2> again = {vector["gir_new"], nonces};
    auto rekeyed = shared_provider().prf(prf, sk_d, again);
    ASSERT_TRUE(rekeyed);
    EXPECT_EQ(to_hex(rekeyed->view()), to_hex(vector["skeyseed_rekeyed"])) << vector.name();
  }
}

TEST(KeySchedule, GivesIndependentlyComputedKeysForEveryPrfAndSuite) {
  for (const Vector& vector : read_vectors("key_schedule.txt")) {
    const PrfId prf = *find_prf(vector["prf"][0]);
    for (const auto& [encr, integ] : kSuites) {
      const IkeSuite suite{encr, prf, integ, DhId::kCurve25519};
      auto keys = derive_ike_keys(shared_provider(), suite, input_of(vector), vector["gir"]);
      ASSERT_TRUE(keys);
      EXPECT_EQ(keys->i.encr, encr);
      EXPECT_EQ(keys->r.integ, integ);
      EXPECT_EQ(keys->r.encr_key.size(), keymat_size(encr));
      const Bytes stream = stream_of(*keys);
      EXPECT_EQ(to_hex(stream), head(vector["dkm"], stream.size()));

      auto rekeyed = derive_rekeyed_ike_keys(shared_provider(), prf, keys->sk_d.view(), suite,
                                             input_of(vector), vector["gir_new"]);
      ASSERT_TRUE(rekeyed);
      EXPECT_EQ(to_hex(stream_of(*rekeyed)), head(vector["dkm_rekeyed"], stream.size()));

      auto child = derive_child_keys(shared_provider(), prf, keys->sk_d.view(), {encr, integ},
                                     vector["ni"], vector["nr"], {});
      ASSERT_TRUE(child);
      EXPECT_EQ(to_hex(stream_of(*child)), head(vector["keymat"], stream_of(*child).size()));
      auto pfs = derive_child_keys(shared_provider(), prf, keys->sk_d.view(), {encr, integ},
                                   vector["ni"], vector["nr"], vector["gir_new"]);
      ASSERT_TRUE(pfs);
      EXPECT_EQ(to_hex(stream_of(*pfs)), head(vector["keymat_pfs"], stream_of(*pfs).size()));
    }
  }
}

TEST(KeySchedule, MixesThePpkIntoThreeKeysOnly) {
  for (const Vector& vector : read_vectors("key_schedule.txt")) {
    const PrfId prf = *find_prf(vector["prf"][0]);
    const IkeSuite suite{{EncrId::kAesGcm16, 256}, prf, IntegId::kNone, DhId::kCurve25519};
    auto plain = derive_ike_keys(shared_provider(), suite, input_of(vector), vector["gir"]);
    auto mixed = derive_ike_keys(shared_provider(), suite, input_of(vector), vector["gir"]);
    ASSERT_TRUE(mixed && plain);
    ASSERT_TRUE(mix_ppk(shared_provider(), prf, vector["ppk"], *mixed));
    EXPECT_EQ(to_hex(mixed->sk_d.view()), to_hex(vector["sk_d_ppk"]));
    for (const auto& [before, after] :
         {std::pair(&plain->sk_pi, &mixed->sk_pi), std::pair(&plain->sk_pr, &mixed->sk_pr)}) {
      const std::array<ByteView, 1> seed = {before->view()};
      EXPECT_EQ(
          to_hex(after->view()),
          to_hex(shared_provider().prf_plus(prf, vector["ppk"], seed, before->size())->view()));
    }
    EXPECT_EQ(to_hex(mixed->i.encr_key.view()), to_hex(plain->i.encr_key.view()));
    EXPECT_EQ(to_hex(mixed->r.encr_key.view()), to_hex(plain->r.encr_key.view()));
  }
}

TEST(PskAuth, IsRfc7296Section215) {
  for (const Vector& vector : read_vectors("key_schedule.txt")) {
    const Bytes& signed_octets = vector["signed"];
    const std::array<ByteView, 2> pieces = {ByteView(signed_octets).first(100),
                                            ByteView(signed_octets).subspan(100)};
    auto auth = psk_auth(shared_provider(), *find_prf(vector["prf"][0]), vector["secret"], pieces);
    ASSERT_TRUE(auth);
    EXPECT_EQ(to_hex(auth->view()), to_hex(vector["auth"]));
  }
}

TEST(MacedId, IsThePrfOfTheIdsBody) {
  const Bytes sk_p(32, 3);
  const Bytes id = {2, 0, 0, 0, 'a'};
  const std::array<ByteView, 1> data = {id};
  EXPECT_EQ(to_hex(maced_id(shared_provider(), PrfId::kHmacSha2_256, sk_p, id)->view()),
            to_hex(shared_provider().prf(PrfId::kHmacSha2_256, sk_p, data)->view()));
}

}  // namespace
}  // namespace espalier::ike::crypto::nss
