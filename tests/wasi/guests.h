// For the tests of this folder: guests from build/guests, linked against WASI.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "runtime/runtime.h"
#include "wasi/add_to.h"

namespace wattle::wasi {

// Loaded and linked once for all tests, since compiling takes a while. Null, with a failure, if it does not
// load.
inline std::shared_ptr<const runtime::LinkedComponent> guest(const std::string& name) {
  static std::map<std::string, std::shared_ptr<const runtime::LinkedComponent>> loaded;
  auto& linked = loaded[name];
  if (linked) return linked;
  if (auto started = engine::start({}); !started) ADD_FAILURE() << started.error().full_message();
  std::ifstream file("build/guests/" + name + ".wasm", std::ios::binary);
  std::vector<uint8_t> bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  auto component = runtime::Component::load(std::move(bytes), {});
  if (!component) {
    ADD_FAILURE() << name << ": " << component.error().full_message() << " (run tools/guests " << name << ")";
    return nullptr;
  }
  runtime::Linker linker;
  add_to(linker);
  auto result = linker.link(*component);
  if (!result) {
    ADD_FAILURE() << name << ": " << result.error().full_message();
    return nullptr;
  }
  linked = *result;
  return linked;
}

}  // namespace wattle::wasi
