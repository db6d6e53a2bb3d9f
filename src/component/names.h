// Names of imports, exports, and labels inside types.
//
// Clauses: component-model Explainer.md "Import and Export Definitions" (grammar), "Name Uniqueness";
// Semantic Versioning 2.0.0 for versions. The url=, integrity=, locked-dep= and unlocked-dep= forms are those
// of the Explainer before they moved to attributes; components in the wild carry them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace wattle::component {

// Words of lower-case or acronyms of upper-case letters and digits, joined by hyphens, a letter first:
// "is-XML".
bool is_kebab_case(std::string_view label);
// "is-XML" -> "is-xml": two labels are strongly unique if these differ.
std::string lower_case(std::string_view text);

struct ExternName {
  enum class Kind : uint8_t {
    label,            // "a-b"
    constructor,      // "[constructor]r"
    method,           // "[method]r.m"
    static_function,  // "[static]r.m"
    interface,        // "ns:package/interface@version"
    url,
    hash,
    dependency,
  };
  Kind kind = Kind::label;
  std::string_view text;      // the whole name
  std::string_view resource;  // constructor, method, static_function: "r"
  std::string_view version;   // interface: behind the @, else empty
  bool has_version = false;
};

// Views into `text`. The error says what about it is wrong, without naming the import or export.
Result<ExternName> parse_extern_name(std::string_view text, uint64_t offset);

// What must differ between any two imports (or exports) of one scope.
std::string canonical_name(const ExternName& name);

// Whether `text` is a semantic version ("1.2.3-rc.1+build"); the error says why not.
Result<void> check_semantic_version(std::string_view text, uint64_t offset);

}  // namespace wattle::component
