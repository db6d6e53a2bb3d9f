// Functions that do to a memory what one instruction does. V8 lets a module have one memory only; where a
// module has more, what it does to the others becomes calls of these. They are in a module of ours, which is
// instantiated once for each such memory.
#pragma once

#include <optional>
#include <string>

#include "engine/core_writer.h"
#include "engine/instruction.h"

namespace wattle::engine {

struct AccessFunction {
  std::string name;  // its export
  // The instruction's own; an access takes its static offset as the last parameter.
  Signature signature;
};

// What takes the place of an access, memory.size, .grow, .fill, or .copy within one memory. Nothing if there
// is no such instruction.
std::optional<AccessFunction> access_function(const Instruction& instruction);

// The module that exports all of them. It imports the memory as "" "memory", whatever its limits.
Bytes access_module();

}  // namespace wattle::engine
