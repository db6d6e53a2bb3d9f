// Reads a core module as far as the component around it needs: its imports and exports with their types, and
// the structure of its sections. Function bodies and initialisers are left to the engine.
//
// Clauses: core specification 5.5 (modules).
#pragma once

#include "component/core_type.h"
#include "component/reader.h"

namespace wattle::component {

// Takes a whole module, header included. Refuses malformed sections, unknown indices in imports and exports,
// and, as components demand, two imports of the same name.
Result<std::shared_ptr<const CoreModuleType>> decode_core_module(Reader reader);

}  // namespace wattle::component
