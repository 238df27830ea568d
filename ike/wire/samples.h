// Well-formed payloads of every kind and malformed ones, for the tests and the seeds of the fuzz
// corpora.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "ike/wire/message.h"

namespace espalier::ike::wire {

struct Sample {
  std::string name;    // of the corpus file
  std::string parser;  // of the fuzz target: "sa", "ts", "notify", …
  Payload payload;
};

[[nodiscard]] std::vector<Sample> sample_payloads();

// A payload's body with a length, count or value that lies, and the field that is to be blamed.
struct MalformedSample {
  PayloadType type{};
  Bytes body;
  std::string where;  // below the exchange: "TSi.selector[0].end_port"
  Code code{};
};

[[nodiscard]] std::vector<MalformedSample> malformed_payloads();

// Octets from hexadecimal that may hold spaces.
[[nodiscard]] Bytes octets(std::string_view hex);

// Bytes 0, 1, 2, … or `first`, `first` + 1, …
[[nodiscard]] Bytes counting(std::size_t size, std::uint8_t first = 0);

// An IKE_SA_INIT request and an (unencrypted) list of what an IKE_AUTH request holds.
[[nodiscard]] Message sample_ike_sa_init();
[[nodiscard]] std::vector<Payload> sample_ike_auth();

}  // namespace espalier::ike::wire
