// Core modules for tests, written as text.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"

namespace wattle::engine::testing {

// Assembles WebAssembly text with wat2wasm; ends the test program if that fails.
std::vector<uint8_t> assemble(std::string_view text);
// The module of this text, compiled by an engine with default options.
std::shared_ptr<const Module> compile(std::string_view text, const CompileOptions& options = {});
// Starts the engine if it does not run yet, with a code cache of its own.
void start_engine();
// Where that is.
const std::string& cache_directory();

}  // namespace wattle::engine::testing
