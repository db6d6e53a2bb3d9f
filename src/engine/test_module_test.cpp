#include "engine/test_module.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace wattle::engine::testing {
namespace {

[[noreturn]] void give_up(std::string_view what) {
  fmt::print(stderr, "{}\n", what);
  std::abort();
}

}  // namespace

std::vector<uint8_t> assemble(std::string_view text) {
  char directory[] = "/tmp/wattle-assemble-XXXXXX";
  if (mkdtemp(directory) == nullptr) give_up("no temporary directory");
  const std::string source = std::string(directory) + "/module.wat";
  const std::string binary = std::string(directory) + "/module.wasm";
  std::ofstream(source) << text;
  if (std::system(("wat2wasm --enable-multi-memory --enable-threads " + source + " -o " + binary).c_str()) !=
      0)
    give_up("wat2wasm failed");
  std::ifstream file(binary, std::ios::binary);
  std::vector<uint8_t> bytes{std::istreambuf_iterator<char>(file), {}};
  std::filesystem::remove_all(directory);
  return bytes;
}

const std::string& cache_directory() {
  struct Directory {
    Directory() {
      if (mkdtemp(path.data()) == nullptr) give_up("no temporary directory");
    }
    ~Directory() { std::filesystem::remove_all(path); }
    std::string path = "/tmp/wattle-engine-XXXXXX";
  };
  static const Directory directory;
  return directory.path;
}

void start_engine() {
  if (auto started = start({.cache_directory = cache_directory()}); !started)
    give_up(started.error().full_message());
}

std::shared_ptr<const Module> compile(std::string_view text, const CompileOptions& options) {
  start_engine();
  auto module = Module::compile(assemble(text), options);
  if (!module) give_up(module.error().full_message());
  return *module;
}

}  // namespace wattle::engine::testing
