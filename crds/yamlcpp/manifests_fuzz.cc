// A whole manifest file, from its bytes to objects.
#include "cmake/fuzz/fuzz_one.h"
#include "crds/yamlcpp/manifest_folder.h"

void fuzz_one(std::span<const std::uint8_t> input) {
  const std::string_view text(reinterpret_cast<const char*>(input.data()), input.size());
  const espalier::crds::FileReading reading = espalier::crds::read_manifests(text, "fuzz.yaml");
  (void)espalier::crds::check_together(reading.objects);
}
