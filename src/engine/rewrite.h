// Rewrites a valid core module before V8 compiles it, so that the engine can do what V8's interface cannot:
//  - its memory becomes an import, which the store makes: that bounds how far it may grow;
//  - memories after the first go, and what is done to them becomes calls (multi_memory.h);
//  - its mutable globals get shadows, and two functions that save to them and restore from them.
// In a module with one memory nothing that it refers to by index moves: everything new comes last in its
// index space. Custom sections go, except for names where those still hold.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/core_binary.h"
#include "engine/multi_memory.h"

namespace wattle::engine {

// Goes into the keys of the code cache: change it with what rewrite() gives.
inline constexpr uint32_t kRewritingVersion = 2;

// The module that new imports come from.
inline constexpr std::string_view kReservedModule = "wattle:engine";

struct Rewritten {
  std::vector<uint8_t> bytes;
  std::string memory_import;                // its name in kReservedModule; empty: no memory of its own
  std::string save_export, restore_export;  // functions without parameters; empty: no mutable globals
  std::optional<MemoryFacts> memories;      // of a module with more than one
};

// Precondition: V8 found the module, or its projection to one memory, valid. Anything else gives bytes that
// V8 refuses, or worse: a valid module that was not valid before.
Rewritten rewrite(const CoreModule& module);

}  // namespace wattle::engine
