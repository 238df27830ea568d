// Well-formed payloads of every kind, for the tests and the seeds of the fuzz corpora.
#pragma once

#include <string>
#include <vector>

#include "ike/wire/message.h"

namespace espalier::ike::wire {

struct Sample {
  std::string name;    // of the corpus file
  std::string parser;  // of the fuzz target: "sa", "ts", "notify", …
  Payload payload;
};

[[nodiscard]] std::vector<Sample> sample_payloads();

// Bytes 0, 1, 2, … or `first`, `first` + 1, …
[[nodiscard]] Bytes counting(std::size_t size, std::uint8_t first = 0);

// An IKE_SA_INIT request and an (unencrypted) list of what an IKE_AUTH request holds.
[[nodiscard]] Message sample_ike_sa_init();
[[nodiscard]] std::vector<Payload> sample_ike_auth();

}  // namespace espalier::ike::wire
