// Walks the instructions of a core module and tells what they could change for good.
#pragma once

#include "engine/core_binary.h"

namespace wattle::engine {

// Whether no function that can run after start-up changes a table or drops a segment, so that memories and
// globals are all that a call can change. A function can run after start-up if it is exported, in an element
// segment, referenced, or called by one that can. False also where an instruction is not known here.
bool changes_only_memory_and_globals(const CoreModule& module);

}  // namespace wattle::engine
