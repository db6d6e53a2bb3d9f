// Rewrites a valid core module before V8 compiles it, so that the engine can do what V8's interface cannot:
//  - its memory becomes an import, which the store makes: that bounds how far it may grow;
//  - its mutable globals get shadows, and two functions that save to them and restore from them.
// Nothing that a valid module refers to by index moves: everything new comes last in its index space. Custom
// sections go, except for names.
#pragma once

#include <string>
#include <vector>

#include "engine/core_binary.h"

namespace wattle::engine {

// Goes into the keys of the code cache: change it with what rewrite() gives.
inline constexpr uint32_t kRewritingVersion = 1;

// The module that new imports come from.
inline constexpr std::string_view kReservedModule = "wattle:engine";

struct Rewritten {
  std::vector<uint8_t> bytes;
  std::string memory_import;                // its name in kReservedModule; empty: no memory of its own
  std::string save_export, restore_export;  // functions without parameters; empty: no mutable globals
};

// Precondition: V8 found the module valid. Anything else gives bytes that V8 refuses, or worse: a valid
// module that was not valid before.
Rewritten rewrite(const CoreModule& module);

}  // namespace wattle::engine
