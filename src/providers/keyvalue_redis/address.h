// Where a Redis server is, and who we are there: "redis://user:password@host:6379/2", "rediss://..." with
// TLS.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace wattle::providers::redis {

struct Address {
  std::string host = "127.0.0.1";
  uint16_t port = 6379;
  bool tls = false;
  std::string user;
  std::string password;
  uint32_t database = 0;

  bool operator==(const Address&) const = default;
  // "redis://host:6379/2", without credentials: for people and logs.
  std::string text() const;
};

// Also valkey:// and valkeys://. User and password may be percent-encoded. Refused (invalid_argument):
// anything else; the message shows no credentials.
Result<Address> parse_address(std::string_view url);

}  // namespace wattle::providers::redis
