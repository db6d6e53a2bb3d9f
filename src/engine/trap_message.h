// V8's texts for what went wrong in a guest, in the words of the core specification.
#pragma once

#include <string>

#include "base/result.h"

namespace wattle::engine {

// `text`: an exception as text, "RuntimeError: unreachable". Code trap.
Error trap_error_of(const std::string& text);
// What instantiation threw: unlinkable for imports that do not fit, else a trap.
Error instantiation_error_of(const std::string& text);

}  // namespace wattle::engine
