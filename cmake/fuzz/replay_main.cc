// Replays a corpus folder through a fuzz target, and each input cut short and with single bytes
// changed, so that ordinary test runs exercise every parser without libFuzzer. Fails when the
// folder holds nothing.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "cmake/fuzz/fuzz_one.h"

int main(int argc, char** argv) {
  std::size_t inputs = 0;
  for (int i = 1; i < argc; ++i) {
    std::error_code error;
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(argv[i], error)) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    for (const auto& path : files) {
      std::ifstream file(path, std::ios::binary);
      std::vector<std::uint8_t> bytes((std::istreambuf_iterator<char>(file)),
                                      std::istreambuf_iterator<char>());
      ++inputs;
      fuzz_one(bytes);
      const std::size_t step = std::max<std::size_t>(1, bytes.size() / 256);
      for (std::size_t at = 0; at < bytes.size(); at += step) {
        fuzz_one({bytes.data(), at});
        for (const unsigned flip : {0x01U, 0x80U, 0xffU}) {
          const std::uint8_t kept = bytes[at];
          bytes[at] = static_cast<std::uint8_t>(kept ^ flip);
          fuzz_one(bytes);
          bytes[at] = kept;
        }
      }
    }
  }
  std::printf("replayed %zu inputs\n", inputs);
  return inputs == 0 ? 1 : 0;
}
