// Which peers a guest may reach, and where it may listen: nothing, unless an entry allows it.
//
//   NetworkPolicy policy;
//   WATTLE_CHECK(policy.allow("example.com:443"));
//   WATTLE_CHECK(policy.allow("*.example.org:*"));
//   WATTLE_CHECK(policy.allow("10.0.0.0/8:5432"));
//   WATTLE_CHECK(policy.allow("[::1]:8080"));
//   WATTLE_CHECK(policy.allow("*"));
//
// A name in an entry allows looking it up, and connecting to the addresses that the lookup returned to the
// guest, on the entry's port. Names match without regard to case; "*." stands for one or more labels in
// front.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

struct sockaddr_storage;

namespace wattle::http {

struct Endpoint;

// An IP address; IPv4 ones lie in the first four bytes.
struct IpAddress {
  bool is_v6 = false;
  std::array<uint8_t, 16> bytes{};
  auto operator<=>(const IpAddress&) const = default;

  static std::optional<IpAddress> parse(std::string_view text);
  // An IPv4-mapped IPv6 address as the IPv4 address that it stands for; others as they are.
  IpAddress unmapped() const;
  std::string to_string() const;
};

class NetworkPolicy {
 public:
  // HOST:PORT, HOST (any port) or "*". HOST is a name, *.NAME, an address (IPv6 in brackets), ADDRESS/BITS or
  // "*"; PORT is a number or "*". Refused: anything else (invalid_argument).
  Result<void> allow(std::string_view entry);
  bool empty() const { return entries_.empty(); }

  // Whether a connection or datagram may go to this address. IPv4-mapped addresses count as IPv4. Allowed
  // too: an address that `note_resolved` tied to an allowed name.
  bool allows(const IpAddress& address, uint16_t port) const;
  bool allows_name(std::string_view name) const;
  // For HTTP, whose peer is a name or an address as text.
  bool allows_host(std::string_view host, uint16_t port) const;
  // Any entry at all for this local address: who may listen.
  bool allows_bind(const IpAddress& address, uint16_t port) const;

  // Remembers that an allowed name was found at this address. At most 4096; the oldest in order go first.
  void note_resolved(std::string_view name, const IpAddress& address);

 private:
  struct Entry {
    enum class Kind : uint8_t { any, name, subdomains, network } kind = Kind::any;
    std::string name;  // lower case
    IpAddress network;
    uint32_t prefix_bits = 0;
    std::optional<uint16_t> port;
    bool matches_port(uint16_t wanted) const { return !port || *port == wanted; }
    bool matches_name(std::string_view lower) const;
    bool matches_address(const IpAddress& address) const;
  };
  std::vector<Entry> entries_;
  std::multimap<IpAddress, std::string> resolved_;
};

// Whether a request may go there: by the name that it gives, or by the address that this turned out to have.
// Refused: ErrorCase::http_request_denied.
Result<void> check_allowed(const NetworkPolicy& policy, const Endpoint& endpoint);

}  // namespace wattle::http
