// The version that --version, status and metrics show. Kept equal to CMakeLists.txt's
// project(VERSION) by CMake.
#pragma once

#include <string_view>

namespace espalier::runtime {

inline constexpr std::string_view kVersion = ESPALIER_VERSION;

}  // namespace espalier::runtime
