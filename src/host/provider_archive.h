// Provider archives, wasmCloud v1's PAR: a tar, perhaps gzipped, of a token (claims.jwt) and one program for
// each architecture, whose hashes the token names.
//
//   if (is_provider_archive(bytes)) {
//     WATTLE_TRY(auto provider, read_provider_archive(bytes, {.target = own_target(), .now_s = now}));
//     write(path, provider.program);
//   }
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "host/claims.h"

namespace wattle::host {

// Whether the bytes begin as a tar or a gzip does.
bool is_provider_archive(std::string_view bytes);

struct ArchiveOptions {
  std::string target;                    // "x86_64-linux"
  int64_t now_s = 0;                     // since 1970
  size_t bytes_max = size_t{512} << 20;  // unpacked
};

struct ArchivedProvider {
  std::string program;
  lattice::ComponentClaims claims;
};

// The program for `target`. Every error says what is wrong and what to do. Refused: malformed (no archive, or
// one that is damaged or cut short, or without a token), permission_denied (a token that is not its issuer's,
// has expired or is not valid yet; a program that is not the one the token was made for), unsupported (no
// program for `target`), memory_exceeded.
Result<ArchivedProvider> read_provider_archive(std::string_view bytes, const ArchiveOptions& options);

// Of this machine: "x86_64-linux".
std::string own_target();

}  // namespace wattle::host
