// Packages as WIT text.
#pragma once

#include <span>
#include <string>

#include "wit/package.h"

namespace wattle::wit {

// One package after the other: the first as the file's own ("package a:b;"), the others in braces, so that
// the text stands alone. Parsing it gives the packages back. What is marked as unsupported appears as a
// comment.
std::string to_wit(std::span<const Package> packages);
std::string to_wit(const Package& package);

// One interface or world: "interface types { ... }". Interfaces of `package` are named without it.
std::string to_wit(const Interface& interface, const PackageName& package);
std::string to_wit(const World& world, const PackageName& package);

// A name as WIT writes it: with % where it is a keyword.
std::string wit_identifier(std::string_view name);

}  // namespace wattle::wit
