# What wattle is built from. All of it comes from Debian; tools/install puts it there.

find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS context json)
find_package(OpenSSL 3.0 REQUIRED)
find_package(GTest REQUIRED)
find_package(spdlog REQUIRED)
find_package(fmt REQUIRED)
find_path(TL_EXPECTED_INCLUDE tl/expected.hpp REQUIRED)
find_path(CLI11_INCLUDE CLI/CLI.hpp REQUIRED)
find_library(NGHTTP2_LIBRARY nghttp2 REQUIRED)
find_library(SODIUM_LIBRARY sodium REQUIRED)
find_path(YAML_INCLUDE yaml.h REQUIRED)
find_library(YAML_LIBRARY yaml REQUIRED)
find_package(SQLite3 3.34 REQUIRED)
find_package(ZLIB REQUIRED)
find_package(PostgreSQL 15 REQUIRED)

# V8 comes inside libnode. Where Debian's package cannot be installed beside another nodejs, tools/install
# unpacks it into .deps/libnode instead.
find_path(V8_INCLUDE v8.h
  PATHS "${CMAKE_SOURCE_DIR}/.deps/libnode/usr/include/node" /usr/include/node NO_DEFAULT_PATH REQUIRED)
find_library(NODE_LIBRARY node
  PATHS "${CMAKE_SOURCE_DIR}/.deps/libnode/usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}"
        "/usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}" NO_DEFAULT_PATH REQUIRED)
get_filename_component(NODE_LIBRARY_DIR "${NODE_LIBRARY}" DIRECTORY)
add_library(wattle_v8 INTERFACE)
target_include_directories(wattle_v8 SYSTEM INTERFACE "${V8_INCLUDE}")
target_link_libraries(wattle_v8 INTERFACE "${NODE_LIBRARY}" Threads::Threads)
target_link_options(wattle_v8 INTERFACE "-Wl,-rpath,${NODE_LIBRARY_DIR}" "-Wl,--allow-shlib-undefined")

set(BOOST_DEFINITIONS BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_BOOST_COROUTINE BOOST_BEAST_USE_STD_STRING_VIEW)
add_compile_definitions(${BOOST_DEFINITIONS})
