// One call of a function of a component that runs somewhere in a lattice. Like every caller it needs a link:
// one is put for as long as the call takes, from a source of its own.
#pragma once

#include <string>
#include <vector>

#include "cli/function_name.h"
#include "cli/lattice_session.h"
#include "wit/type.h"
#include "wit/value.h"

namespace wattle::cli {

struct RemoteFunction {
  std::string interface;  // as the component exports it, with its version
  std::string function;
  wit::FunctionType type;
};

// What `name` means for the component with this id, by its image. Refused: not_found (no such component, no
// such function), unsupported (an image that cannot be read from here).
Result<RemoteFunction> find_remote_function(Lattice& lattice, const std::string& component_id,
                                            const FunctionName& name);

// Within the fiber's deadline. Refused: what the callee answers, and as wrpc::Client::invoke.
Result<std::optional<wit::Value>> call_remote(Lattice& lattice, const std::string& component_id,
                                              const RemoteFunction& function, const wit::Values& arguments);

}  // namespace wattle::cli
