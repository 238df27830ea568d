// The seeds of the fuzz corpora are what our encoder writes today, and the malformed samples. With
// ESPALIER_WRITE_CORPUS=1 in the environment the files are written instead of compared; run it
// after an intended change of the encoder or of the samples.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include <gtest/gtest.h>

#include "ike/wire/encode.h"
#include "ike/wire/fragment.h"
#include "ike/wire/samples.h"
#include "ike/wire/writer.h"
#include "tests/source_dir.h"

namespace espalier::ike::wire {
namespace {

namespace fs = std::filesystem;

using Corpus = std::map<std::string, Bytes>;  // by "target/name"

std::string parser_of(PayloadType type) {
  for (const Sample& sample : sample_payloads()) {
    if (type_of(sample.payload) == type) return sample.parser;
  }
  return "unknown";
}

void add_payloads(Corpus& corpus) {
  for (const Sample& sample : sample_payloads()) {
    corpus[sample.parser + "/" + sample.name] = encode_body(sample.payload).value();
  }
  std::map<std::string, int> numbers;
  for (const MalformedSample& sample : malformed_payloads()) {
    const std::string parser = parser_of(sample.type);
    corpus[parser + "/malformed_" + std::to_string(numbers[parser]++)] = sample.body;
  }
}

Bytes encrypted_message(bool fragment) {
  Header header = sample_ike_sa_init().header;
  header.spi_r = 0x1112131415161718;
  header.exchange = ExchangeType::kIkeAuth;
  header.message_id = 1;
  const Bytes body = counting(80);
  Bytes datagram = fragment ? encode_skf_prefix(header, PayloadType::kIdi, 1, 2, 80).value()
                            : encode_sk_prefix(header, PayloadType::kIdi, 80).value();
  append(datagram, body);
  return datagram;
}

Bytes chain_of(const std::vector<Payload>& payloads) {
  const EncodedPayloads encoded = encode_payloads(payloads).value();
  Bytes bytes = {static_cast<std::uint8_t>(encoded.first)};
  append(bytes, pad_plaintext(encoded.bytes, 16));
  return bytes;
}

void add_messages(Corpus& corpus) {
  const Bytes init = encode_clear(sample_ike_sa_init()).value();
  Message empty;
  empty.header = sample_ike_sa_init().header;
  empty.header.response = true;
  empty.header.exchange = ExchangeType::kInformational;
  corpus["header/empty_informational"] = encode_clear(empty).value();
  corpus["header/longer_than_the_datagram"] = to_bytes(ByteView(init).first(kHeaderSize));
  Bytes version = encode_clear(empty).value();
  version[17] = 0x31;
  corpus["header/version_3_1"] = version;
  version[17] = 0x10;
  corpus["header/version_1_0"] = version;

  corpus["clear_message/ike_sa_init"] = init;
  corpus["clear_message/sk"] = encrypted_message(false);
  corpus["clear_message/skf"] = encrypted_message(true);
  Bytes critical = init;
  critical[16] = 200;
  critical[29] = 0x80;
  corpus["clear_message/critical_unknown"] = critical;

  corpus["payload_chain/ike_auth"] = chain_of(sample_ike_auth());
  corpus["payload_chain/empty"] = chain_of({});
  corpus["payload_chain/two_nonces"] = chain_of({Nonce{counting(16)}, Nonce{counting(16)}});
  corpus["payload_chain/vendors"] = chain_of(std::vector<Payload>(kMaxPayloads, VendorId{}));
}

void add_identities(Corpus& corpus) {
  int number = 0;
  for (const char* text :
       {"192.0.2.1", "2001:db8::1", "user@example.org", "@@user", "gw.example.org", "@gw",
        "@#6e6f6465", "C=CH, O=espalier, CN=node-1", "%any", "%null", "keyid:#00ff", "fqdn:a=b",
        "asn1dn:#3000", "ipv6:::", "fe80::zz"}) {
    corpus["identification/text_" + std::to_string(number++)] = to_bytes(as_bytes(text));
  }
}

void add_fragment(Writer& script, std::uint16_t number, std::uint16_t total, std::uint8_t first,
                  std::uint16_t size) {
  script.u16(number);
  script.u16(total);
  script.u8(first);
  script.u16(size);
}

void add_reassemblies(Corpus& corpus) {
  Writer in_order;
  for (std::uint16_t i = 1; i <= 3; ++i) add_fragment(in_order, i, 3, i == 1 ? 35 : 0, 500);
  corpus["reassembly/in_order"] = in_order.take().value();
  Writer smaller;
  add_fragment(smaller, 1, 2, 35, 1200);
  add_fragment(smaller, 3, 3, 0, 400);
  add_fragment(smaller, 2, 2, 0, 1200);
  add_fragment(smaller, 1, 3, 35, 400);
  add_fragment(smaller, 2, 3, 0, 400);
  corpus["reassembly/cut_smaller_meanwhile"] = smaller.take().value();
  Writer too_much;
  for (std::uint16_t i = 1; i <= 4; ++i) add_fragment(too_much, i, 4, 0, 0x6000);
  corpus["reassembly/too_much"] = too_much.take().value();
  Writer numbers;
  add_fragment(numbers, 0, 1, 35, 10);
  add_fragment(numbers, 2, 1, 35, 10);
  add_fragment(numbers, 1, 65535, 35, 10);
  corpus["reassembly/numbers_that_cannot_be"] = numbers.take().value();
}

TEST(Corpus, SeedsAreWhatTheEncoderWrites) {
  Corpus corpus;
  add_payloads(corpus);
  add_messages(corpus);
  add_identities(corpus);
  add_reassemblies(corpus);
  const bool write = std::getenv("ESPALIER_WRITE_CORPUS") != nullptr;
  const fs::path root = fs::path(espalier::source_dir()) / "ike/wire/corpus";
  for (const auto& [name, bytes] : corpus) {
    const fs::path path = root / name;
    if (write) {
      fs::create_directories(path.parent_path());
      std::ofstream(path, std::ios::binary)
          .write(reinterpret_cast<const char*>(bytes.data()),
                 static_cast<std::streamsize>(bytes.size()));
    }
    std::ifstream file(path, std::ios::binary);
    ASSERT_TRUE(file) << path;
    const Bytes stored((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    EXPECT_EQ(to_hex(stored), to_hex(bytes)) << name;
  }
}

}  // namespace
}  // namespace espalier::ike::wire
