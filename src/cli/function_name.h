// The name of an exported function as it is written on the command line.
//
//   ns:package/interface@1.0.0.function          an interface's function
//   ns:package/interface.[method]resource.name   a resource's method
//   function                                     one that the component itself exports
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace wattle::cli {

struct FunctionName {
  std::string interface;  // empty: the component's own
  std::string function;
};

// Also takes "#" between interface and function, as core export names have it. Refuses with invalid_argument.
Result<FunctionName> parse_function_name(std::string_view text);

}  // namespace wattle::cli
