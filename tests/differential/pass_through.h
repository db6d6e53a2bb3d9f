// Components that hand values on: for every function type one import and one export, and a core module
// between them that calls the one from the other without looking. Whatever arrives at either end differently
// from how it was sent was changed by lifting or lowering.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "component/component.h"
#include "wit/type.h"

namespace wattle::differential {

inline constexpr const char* kHostInterface = "test:pass/host";

// Function i is imported as kHostInterface "f<i>" and exported as "pass<i>".
std::vector<uint8_t> pass_through(const std::vector<wit::FunctionType>& functions,
                                  component::StringEncoding encoding);

// As many of these in a row as there are encodings, inside one component, each calling the one before it and
// the first the host: strings are transcoded between them.
std::vector<uint8_t> pass_through_chain(const std::vector<wit::FunctionType>& functions,
                                        std::span<const component::StringEncoding> encodings);

}  // namespace wattle::differential
