// What a fuzz target defines: one run over one input. It must neither crash nor hang, whatever the
// bytes.
#pragma once

#include <cstdint>
#include <span>

void fuzz_one(std::span<const std::uint8_t> input);
