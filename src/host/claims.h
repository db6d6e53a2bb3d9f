// What a signed component says about itself: a JWT in its custom section "wasmcloud_jwt", as wasmCloud v1's
// tools put it there. Signing is read, never required. And what a provider's archive says: see
// provider_archive.h.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "lattice/control_types.h"

namespace wattle::host {

// The claims of the binary's token, whose signature holds. Nothing: it has no token. Refused: malformed (a
// token that cannot be read), permission_denied (a signature that is not the issuer's; a token that is not
// valid yet, or no longer; a hash that is another binary's).
Result<std::optional<lattice::ComponentClaims>> read_claims(std::span<const uint8_t> binary);

// The token of which read_claims() tells; not looked at.
std::optional<std::string> read_token(std::span<const uint8_t> binary);

// The same of a token by itself, at `now_s` seconds since 1970. `hash`: of the binary around it, upper-case
// hexadecimal SHA-256; empty: not compared.
Result<lattice::ComponentClaims> parse_token(std::string_view token, int64_t now_s, std::string_view hash);

// A provider's token, under the same conditions.
struct ProviderClaims {
  lattice::ComponentClaims shown;
  lattice::StringMap target_hashes;  // "x86_64-linux" -> upper-case hexadecimal SHA-256 of that program
};
Result<ProviderClaims> parse_provider_token(std::string_view token, int64_t now_s);

}  // namespace wattle::host
