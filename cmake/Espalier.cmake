# How the house is built: one library target per folder with declared PUBLIC and PRIVATE dependencies.
#
#   espalier_library(ike_wire SOURCES reader.cc … PUBLIC espalier::base PRIVATE …)   -> target espalier_ike_wire, alias espalier::ike_wire
#   espalier_test(ike_wire_test SOURCES a_test.cc … DEPS espalier::ike_wire LABELS unit)
#   espalier_fuzz(header_fuzz SOURCES header_fuzz.cc CORPUS corpus/header DEPS espalier::ike_wire)
#   espalier_program(espalier-agent SOURCES main.cc DEPS …)                          -> build/<preset>/bin/espalier-agent

add_library(espalier_build_flags INTERFACE)
target_compile_features(espalier_build_flags INTERFACE cxx_std_20)
target_compile_options(espalier_build_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor -Wold-style-cast
  -Wcast-qual -Woverloaded-virtual -Wimplicit-fallthrough
  # GCC 12 sees uninitialized members in every std::optional it has inlined (GCC bug 80635).
  $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized> -Werror -fno-strict-aliasing -fstack-protector-strong)
target_compile_definitions(espalier_build_flags INTERFACE _GLIBCXX_ASSERTIONS)
target_include_directories(espalier_build_flags INTERFACE ${PROJECT_SOURCE_DIR})

function(espalier_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(espalier_${name} STATIC ${ARG_SOURCES})
  add_library(espalier::${name} ALIAS espalier_${name})
  target_link_libraries(espalier_${name} PUBLIC espalier_build_flags ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE})
  set_property(GLOBAL APPEND PROPERTY ESPALIER_LIBRARIES espalier_${name})
  foreach(dep IN LISTS ARG_PUBLIC)
    set_property(GLOBAL APPEND PROPERTY ESPALIER_EDGES "${name} PUBLIC ${dep}")
  endforeach()
  foreach(dep IN LISTS ARG_PRIVATE)
    set_property(GLOBAL APPEND PROPERTY ESPALIER_EDGES "${name} PRIVATE ${dep}")
  endforeach()
endfunction()

add_custom_target(programs)  # what users run: all that espalier_program() declares

function(espalier_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE espalier_build_flags ${ARG_DEPS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
  add_dependencies(programs ${name})
endfunction()

function(espalier_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;LABELS;ENVIRONMENT" ${ARGN})
  if(NOT BUILD_TESTING)
    return()
  endif()
  if(NOT ARG_LABELS)
    set(ARG_LABELS unit)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE espalier_build_flags ${ARG_DEPS} espalier::source_dir GTest::gmock GTest::gtest_main)
  add_test(NAME ${name} COMMAND ${name} --gtest_brief=1)
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}" ENVIRONMENT "${ARG_ENVIRONMENT}")
endfunction()

# Under the fuzz preset the target is a libFuzzer program; under every other preset it replays its corpus as a test.
function(espalier_fuzz name)
  cmake_parse_arguments(ARG "" "CORPUS" "SOURCES;DEPS" ${ARGN})
  if(NOT BUILD_TESTING)
    return()
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE espalier_build_flags espalier::fuzz_driver ${ARG_DEPS})
  if(ESPALIER_FUZZ)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  else()
    add_test(NAME ${name}_corpus COMMAND ${name} ${CMAKE_CURRENT_SOURCE_DIR}/${ARG_CORPUS})
    set_tests_properties(${name}_corpus PROPERTIES LABELS "fuzz-corpus")
  endif()
endfunction()
