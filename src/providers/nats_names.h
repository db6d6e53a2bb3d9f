// Names of buckets and keys as NATS takes them.
//
// A key stands as it is, but bytes that NATS does not take, and "=", are written "=XX" (hexadecimal), and so
// is a "." at the beginning, at the end or behind another. The empty key is "=_". A bucket's name stands as
// it is if it is of letters, digits, "-" and "_"; else it is "x_" and its base64 for URLs.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace wattle::providers {

std::string nats_key(std::string_view key);
// Nothing: no key is written so.
std::optional<std::string> key_of_nats_key(std::string_view nats_key);
std::string nats_bucket(std::string_view bucket);

}  // namespace wattle::providers
