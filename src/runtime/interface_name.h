// Names of imports and exports with versions: "ns:package/interface@1.2.3", and which versions can stand for
// each other.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace wattle::runtime {

struct InterfaceName {
  std::string_view base;     // "ns:package/interface"
  std::string_view version;  // empty: none
};
InterfaceName split_version(std::string_view name);

// What versions must have in common: "1" of 1.2.3, "0.2" of 0.2.3, the whole of 0.0.3 and of pre-releases.
// Clause: component-model Explainer.md "canonical interface names" (canonversion); semver.
std::string_view version_track(std::string_view version);
// Whether `left` is the later version of one track: numbers are compared as numbers.
bool is_later_version(std::string_view left, std::string_view right);

// How many single characters have to change; at most `limit`, which is returned for anything further off.
size_t edit_distance(std::string_view left, std::string_view right, size_t limit);

// "\"a\", \"b\" and 3 more": the names nearest to `name`, best first; "nothing" where there are none.
std::string nearest_names(std::string_view name, std::vector<std::string> names);

}  // namespace wattle::runtime
