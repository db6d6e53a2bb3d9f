# wattle_library(NAME DEPENDS folder... LIBRARIES target...)
#
# One folder is one static library: every x.cpp beside this list belongs to it, every x_test.cpp goes into the
# folder's test program NAME_test. DEPENDS names other folders, exactly as the table in docs/architecture.md
# allows; tests/style checks the includes against the same table.
function(wattle_library NAME)
  cmake_parse_arguments(ARG "" "" "DEPENDS;LIBRARIES;TEST_LIBRARIES" ${ARGN})
  file(GLOB SOURCES CONFIGURE_DEPENDS *.cpp)
  set(TESTS ${SOURCES})
  list(FILTER SOURCES EXCLUDE REGEX "_test\\.cpp$|/main\\.cpp$")  # main.cpp is a program's, which links the library
  list(FILTER TESTS INCLUDE REGEX "_test\\.cpp$")
  list(TRANSFORM ARG_DEPENDS PREPEND "wattle_" OUTPUT_VARIABLE DEPENDS)

  if(SOURCES)
    add_library(wattle_${NAME} STATIC ${SOURCES})
    set(SCOPE PUBLIC)
  else()
    add_library(wattle_${NAME} INTERFACE)
    set(SCOPE INTERFACE)
  endif()
  target_include_directories(wattle_${NAME} ${SCOPE} "${CMAKE_SOURCE_DIR}/src")
  target_link_libraries(wattle_${NAME} ${SCOPE} ${DEPENDS} ${ARG_LIBRARIES})

  if(TESTS AND NOT WATTLE_FUZZ)
    add_executable(${NAME}_test ${TESTS})
    target_compile_options(${NAME}_test PRIVATE -O0) # half the time to compile; what is measured lies in the library
    target_link_libraries(${NAME}_test PRIVATE wattle_${NAME} ${ARG_TEST_LIBRARIES} GTest::gtest GTest::gmock GTest::gtest_main)
    add_test(NAME ${NAME} COMMAND ${NAME}_test WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}")
    set_tests_properties(${NAME} PROPERTIES TIMEOUT 300)
    if(WATTLE_SANITIZE STREQUAL "address")
      set_tests_properties(${NAME} PROPERTIES ENVIRONMENT
        "LSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/sanitizers/leaks.txt:print_suppressions=0")
    endif()
  endif()
endfunction()
