// Credentials files, as `nsc` and wasmCloud write them: a user's JWT and the seed that signs for it, each
// between a BEGIN and an END line. And files that hold a bare seed.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "nats/nkey.h"

namespace wattle::nats {

struct Credentials {
  std::string jwt;
  KeyPair key;
};

// Refused (malformed): no JWT, or no user's seed in `text`. Messages never show what the text holds.
Result<Credentials> parse_credentials(std::string_view text);

// What may stand for the secret in a file's text: the seed alone, or within a credentials file.
Result<KeyPair> parse_seed_file(std::string_view text);

// A file with a secret. Refused: one that cannot be read (not_found, permission_denied), one of more than
// 64 KiB. Sets `others_can_read` when its mode lets more than its owner read it. Blocks.
Result<std::string> read_secret_file(const std::string& path, bool& others_can_read);

}  // namespace wattle::nats
