// The two suites name some rules in different words: the component-model scripts in the specification's, the
// wasm-tools scripts in that tool's. This table says which words of wattle's count as the same rule.
#pragma once

#include <string_view>

namespace wattle::conformance {

// Whether a refusal with `message` is for the rule that a script describes with `text`.
bool names_rule(std::string_view message, std::string_view text);

}  // namespace wattle::conformance
