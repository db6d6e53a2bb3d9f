// For the tests of this folder: guests from build/guests, and calls on a worker's fiber.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "async/fiber.h"
#include "engine/engine.h"
#include "runtime/runtime.h"

namespace wattle::runtime::testing {

inline std::vector<uint8_t> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// A guest that tools/guests builds; tests run in the repository's folder.
inline std::shared_ptr<const Component> load_guest(const std::string& name) {
  auto started = engine::start({});
  if (!started) ADD_FAILURE() << started.error().full_message();
  auto loaded = Component::load(read_file("build/guests/" + name + ".wasm"), {});
  if (!loaded)
    ADD_FAILURE() << name << ": " << loaded.error().full_message() << " (run tools/guests " << name << ")";
  return loaded ? *loaded : nullptr;
}

// Runs `body` on a fiber of a worker of its own.
inline void on_fiber(const std::function<void()>& body) {
  async::Worker worker;
  worker.spawn(body);
  worker.run();
}

inline std::string text_of(const Error& error) {
  return error.remedy().empty() ? error.full_message() : error.full_message() + " | " + error.remedy();
}

}  // namespace wattle::runtime::testing
