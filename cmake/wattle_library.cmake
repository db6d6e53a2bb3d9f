# What nearly every file includes is read once for tests and for the sanitizers' builds, where reading it anew is a good
# part of the time. The libraries of the release build go without: there optimising is what takes long, g++ 12 takes what it
# inlines from a precompiled header for the project's own code, and warns; and a file that forgets an include does not pass.
function(precompiled NAME)
  file(CONFIGURE OUTPUT "${CMAKE_BINARY_DIR}/${NAME}.cpp" CONTENT "")
  add_library(${NAME} OBJECT "${CMAKE_BINARY_DIR}/${NAME}.cpp")
  target_compile_options(${NAME} PRIVATE ${ARGN})
  target_precompile_headers(${NAME} PRIVATE "${CMAKE_SOURCE_DIR}/cmake/precompiled.h")
endfunction()

# How they are linked shows in the header, so every test that reads it links them.
set(TEST_LIBRARIES GTest::gtest GTest::gmock fmt::fmt Boost::json Boost::container Boost::context)
precompiled(wattle_precompiled_for_tests -O0)
target_link_libraries(wattle_precompiled_for_tests PRIVATE ${TEST_LIBRARIES})
target_precompile_headers(wattle_precompiled_for_tests PRIVATE <gmock/gmock.h> <gtest/gtest.h>)

# The sanitizers' builds optimise only what the fuzzers spend their time in: the rest compiles in half the time without.
if(WATTLE_SANITIZE)
  if(WATTLE_SANITIZE STREQUAL "address")
    set(FUZZER_COVERAGE -fsanitize=fuzzer-no-link)
  endif()
  set(OPTIMISED_FOLDERS base wit component nats wrpc)
  precompiled(wattle_precompiled_optimised ${FUZZER_COVERAGE})
  precompiled(wattle_precompiled ${FUZZER_COVERAGE} -O0)
endif()

# Unit tests are in `all` of the sanitizers' builds; the release build has them as a target of their own.
add_custom_target(unit_tests)

# wattle_test_sources(TARGET): for programs that test: half the time to compile, and what is measured lies in libraries.
function(wattle_test_sources TARGET)
  target_compile_options(${TARGET} PRIVATE -O0)
  set_target_properties(${TARGET} PROPERTIES UNITY_BUILD OFF)  # fixtures of the same name in several files are usual
  if(WATTLE_SANITIZE STREQUAL "address")
    target_compile_options(${TARGET} PRIVATE -fno-sanitize=undefined)
  endif()
  target_link_libraries(${TARGET} PRIVATE ${TEST_LIBRARIES})
  target_precompile_headers(${TARGET} REUSE_FROM wattle_precompiled_for_tests)
endfunction()

# wattle_library(NAME DEPENDS folder... LIBRARIES target... ALONE file...)
#
# One folder is one static library: every x.cpp beside this list belongs to it, every x_test.cpp goes into the
# folder's test program NAME_test. DEPENDS names other folders, exactly as the table in docs/architecture.md
# allows; tests/style checks the includes against the same table. ALONE names files that are not compiled together with
# others (CMAKE_UNITY_BUILD), since their own names would meet those of others.
function(wattle_library NAME)
  cmake_parse_arguments(ARG "" "" "DEPENDS;LIBRARIES;TEST_LIBRARIES;ALONE" ${ARGN})
  file(GLOB SOURCES CONFIGURE_DEPENDS *.cpp)
  set(TESTS ${SOURCES})
  list(FILTER SOURCES EXCLUDE REGEX "_test\\.cpp$|/main\\.cpp$")  # main.cpp is a program's, which links the library
  list(FILTER TESTS INCLUDE REGEX "_test\\.cpp$")
  list(TRANSFORM ARG_DEPENDS PREPEND "wattle_" OUTPUT_VARIABLE DEPENDS)

  set_source_files_properties(${ARG_ALONE} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)

  if(SOURCES)
    add_library(wattle_${NAME} STATIC ${SOURCES})
    set(SCOPE PUBLIC)
  else()
    add_library(wattle_${NAME} INTERFACE)
    set(SCOPE INTERFACE)
  endif()
  target_include_directories(wattle_${NAME} ${SCOPE} "${CMAKE_SOURCE_DIR}/src")
  target_link_libraries(wattle_${NAME} ${SCOPE} ${DEPENDS} ${ARG_LIBRARIES})

  if(SOURCES AND WATTLE_SANITIZE)
    target_compile_options(wattle_${NAME} PRIVATE ${FUZZER_COVERAGE})
    if(NAME IN_LIST OPTIMISED_FOLDERS)
      target_precompile_headers(wattle_${NAME} REUSE_FROM wattle_precompiled_optimised)
    else()
      target_compile_options(wattle_${NAME} PRIVATE -O0)
      target_precompile_headers(wattle_${NAME} REUSE_FROM wattle_precompiled)
    endif()
  endif()

  if(TESTS)
    add_executable(${NAME}_test ${TESTS})
    target_link_libraries(${NAME}_test PRIVATE wattle_${NAME} ${ARG_TEST_LIBRARIES} GTest::gtest_main)
    wattle_test_sources(${NAME}_test)
    add_test(NAME ${NAME} COMMAND ${NAME}_test WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}")
    set_tests_properties(${NAME} PROPERTIES TIMEOUT 300 LABELS unit)
    add_dependencies(unit_tests ${NAME}_test)
    if(NOT WATTLE_SANITIZE)
      set_target_properties(${NAME}_test PROPERTIES EXCLUDE_FROM_ALL ON)
    endif()
    if(WATTLE_SANITIZE STREQUAL "address")
      set_tests_properties(${NAME} PROPERTIES ENVIRONMENT
        "LSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/sanitizers/leaks.txt:print_suppressions=0")
    endif()
  endif()
endfunction()
