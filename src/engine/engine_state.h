// What start() left behind, for the rest of the engine.
#pragma once

#include <v8-platform.h>

#include <string>

#include "engine/engine.h"

namespace wattle::engine {

bool started();
Error not_started();
// Precondition of the rest: started().
v8::Platform& platform();
const std::string& engine_flags();
const EngineOptions& engine_options();

}  // namespace wattle::engine
