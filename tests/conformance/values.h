// Values as the conformance scripts write them, and as components take them.
#pragma once

#include <boost/json.hpp>
#include <optional>
#include <vector>

#include "base/result.h"
#include "runner.h"
#include "wit/value.h"

namespace wattle::conformance {

// A script's value as one of `type`. Refuses what does not fit the type.
Result<wit::Value> to_value(const boost::json::value& json, const wit::TypeRef& type);
// Arguments for a function.
Result<std::vector<wit::Value>> to_values(const boost::json::array& json, const wit::FunctionType& type);
// A script's value as text, whatever its type.
std::string to_text(const boost::json::value& json);

// Judges a result against the expected ones of the script.
Outcome compare(const std::optional<wit::Value>& result, const boost::json::array& expected,
                const wit::FunctionType& type);

}  // namespace wattle::conformance
