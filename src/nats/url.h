// Where a NATS server is: "nats://host", "tls://user:password@host:4222", "nats://token@host", "host:port".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace wattle::nats {

inline constexpr uint16_t kDefaultPort = 4222;

struct Url {
  std::string host;  // a name or an address, IPv6 without brackets
  uint16_t port = kDefaultPort;
  bool tls = false;
  std::string user;
  std::string password;
  std::string token;  // user information without a colon

  bool same_place(const Url& other) const { return host == other.host && port == other.port; }
  // "nats://host:4222", without credentials: for people and logs.
  std::string text() const;
};

// Several may stand in one text, with commas between them. Refused (invalid_argument): another scheme, no
// host, a port that is none. The message shows no credentials.
Result<std::vector<Url>> parse_urls(std::string_view text);

}  // namespace wattle::nats
