// Versions and the names that carry them: "wasi:http", "wasi:http/types@0.2.0". What is compatible with what.
//
// Clauses: Semantic Versioning 2.0 (precedence, clause 11); component-model Explainer.md "Import and Export
// Definitions" (interfacename, canonversion).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace wattle::wit {

struct Version {
  uint64_t major = 0;
  uint64_t minor = 0;
  uint64_t patch = 0;
  std::string prerelease;  // "rc.1", without the hyphen
  std::string build;       // "2024", without the plus; no part in precedence

  // Same text. Use compare() for precedence.
  bool operator==(const Version&) const = default;
};

// Refuses what is not a full semantic version: "1.2", "01.2.3", "1.2.3-".
Result<Version> parse_version(std::string_view text);
// How many characters at the start of `text` are a semantic version; 0: none.
size_t version_length(std::string_view text);
std::string to_string(const Version& version);

// Negative, zero or positive: `left` precedes, equals or follows `right`.
int compare(const Version& left, const Version& right);

// The versions that are compatible with this one share its track: "1", "0.2", "0.0.3" (canonversion). A
// pre-release is compatible with nothing else: its track is itself.
std::string version_track(const Version& version);

// Whether a host that offers `offered` may satisfy an import of `wanted`: both on one track. The offered one
// may be older: the import then succeeds if all it names is there, which the linker checks item by item.
bool is_compatible(const Version& offered, const Version& wanted);

struct PackageName {
  std::string space;  // "wasi"
  std::string name;   // "http"
  std::optional<Version> version;
  bool operator==(const PackageName&) const = default;
};
std::string to_string(const PackageName& name);
std::string unversioned(const PackageName& name);  // "wasi:http"

struct InterfaceName {
  PackageName package;
  std::string interface;
  bool operator==(const InterfaceName&) const = default;
};
// Refuses what is not "space:package/interface" with or without "@version".
Result<InterfaceName> parse_interface_name(std::string_view text);
std::string to_string(const InterfaceName& name);

// The name that all compatible versions share: "wasi:http/types@0.2" for "wasi:http/types@0.2.6". Look it up
// when the exact name is not offered.
std::string alternate_name(const InterfaceName& name);

// From when on an item is there: what @since, @unstable and @deprecated say.
struct Gate {
  std::optional<Version> since;
  std::string unstable;  // feature; empty: not unstable
  std::optional<Version> deprecated;
};

// Kebab-case words (component-model "label"): "a", "a-1b", "HTTP-get"; each word in one case, the first
// starting with a letter.
bool is_label(std::string_view text);

}  // namespace wattle::wit
