// A manifest as JSON, which is how wadm's clients get it.
#pragma once

#include <boost/json.hpp>
#include <string_view>

#include "base/result.h"

namespace wattle::manager {

// The document of `text` that declares an application, with `version` as its annotation. Numbers that JSON
// cannot hold become texts. Refused: invalid.
Result<boost::json::object> manifest_json(std::string_view text, std::string_view version);

}  // namespace wattle::manager
