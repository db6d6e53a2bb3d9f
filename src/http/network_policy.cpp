#include "http/network_policy.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

#include "http/client.h"
#include "http/error.h"

namespace wattle::http {

namespace {

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& letter : lower)
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  if (!lower.empty() && lower.back() == '.') lower.pop_back();
  return lower;
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 253 && std::all_of(text.begin(), text.end(), [](char letter) {
    return (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9') || letter == '-' ||
           letter == '.' || letter == '_' || static_cast<unsigned char>(letter) >= 0x80;
  });
}

template <class Number>
std::optional<Number> parse_number(std::string_view text, uint32_t most) {
  uint32_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > most) return std::nullopt;
  return static_cast<Number>(value);
}

// HOST and PORT of an entry; the port is empty where there is none.
std::pair<std::string_view, std::string_view> split_port(std::string_view entry) {
  if (!entry.empty() && entry.front() == '[') {
    const size_t end = entry.find(']');
    if (end == entry.npos) return {entry, {}};
    std::string_view rest = entry.substr(end + 1);
    if (rest.empty()) return {entry, {}};
    const size_t colon = rest.rfind(':');
    if (colon == rest.npos) return {entry, {}};
    return {entry.substr(0, end + 1 + colon), rest.substr(colon + 1)};
  }
  const size_t colon = entry.rfind(':');
  if (colon == entry.npos || entry.find(':') != colon) return {entry, {}};
  return {entry.substr(0, colon), entry.substr(colon + 1)};
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  std::string copy(text);
  IpAddress address;
  if (inet_pton(AF_INET, copy.c_str(), address.bytes.data()) == 1) return address;
  address.is_v6 = true;
  if (inet_pton(AF_INET6, copy.c_str(), address.bytes.data()) == 1) return address;
  return std::nullopt;
}

IpAddress IpAddress::unmapped() const {
  static constexpr std::array<uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (!is_v6 || !std::equal(kMapped.begin(), kMapped.end(), bytes.begin())) return *this;
  IpAddress v4;
  std::copy_n(bytes.begin() + 12, 4, v4.bytes.begin());
  return v4;
}

std::string IpAddress::to_string() const {
  char text[INET6_ADDRSTRLEN] = {};
  inet_ntop(is_v6 ? AF_INET6 : AF_INET, bytes.data(), text, sizeof text);
  return text;
}

bool NetworkPolicy::Entry::matches_name(std::string_view lower) const {
  if (kind == Kind::any) return true;
  if (kind == Kind::name) return lower == name;
  return kind == Kind::subdomains && lower.size() > name.size() + 1 && lower.ends_with(name) &&
         lower[lower.size() - name.size() - 1] == '.';
}

bool NetworkPolicy::Entry::matches_address(const IpAddress& address) const {
  if (kind == Kind::any) return true;
  if (kind != Kind::network || network.is_v6 != address.is_v6) return false;
  for (uint32_t bit = 0; bit < prefix_bits; bit += 8) {
    const uint32_t kept = std::min<uint32_t>(8, prefix_bits - bit);
    const uint8_t mask = static_cast<uint8_t>(0xff << (8 - kept));
    if ((network.bytes[bit / 8] & mask) != (address.bytes[bit / 8] & mask)) return false;
  }
  return true;
}

Result<void> NetworkPolicy::allow(std::string_view text) {
  auto refuse = [&](std::string_view why) {
    return failure(Error(ErrorCode::invalid_argument, fmt::format("'{}' allows nothing: {}", text, why))
                       .with_remedy("write HOST:PORT, ADDRESS/BITS:PORT, *.NAME:PORT, or * for everything"));
  };
  Entry entry;
  auto [host, port] = split_port(text);
  if (port.data() != nullptr && port != "*") {
    entry.port = parse_number<uint16_t>(port, 65535);
    if (!entry.port) return refuse("the port is not a number up to 65535");
  }
  std::string_view bits;
  if (const size_t slash = host.find('/'); slash != host.npos) {
    bits = host.substr(slash + 1);
    host = host.substr(0, slash);
  }
  std::string_view bare = host;
  if (bare.size() > 2 && bare.front() == '[' && bare.back() == ']') bare = bare.substr(1, bare.size() - 2);
  if (auto address = IpAddress::parse(bare)) {
    entry.kind = Entry::Kind::network;
    entry.network = address->unmapped();
    const uint32_t most = entry.network.is_v6 ? 128 : 32;
    entry.prefix_bits = most;
    if (bits.data() != nullptr) {
      auto wanted = parse_number<uint32_t>(bits, most);
      if (!wanted) return refuse("the prefix length is out of range");
      entry.prefix_bits = *wanted;
    }
  } else if (bits.data() != nullptr) {
    return refuse("only an address has a prefix length");
  } else if (host != "*") {
    entry.kind = host.starts_with("*.") ? Entry::Kind::subdomains : Entry::Kind::name;
    entry.name = lower_case(host.starts_with("*.") ? host.substr(2) : host);
    if (!is_name(entry.name)) return refuse("the host is neither a name nor an address");
  }
  entries_.push_back(std::move(entry));
  return {};
}

bool NetworkPolicy::allows(const IpAddress& given, uint16_t port) const {
  const IpAddress address = given.unmapped();
  auto [first, last] = resolved_.equal_range(address);
  return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    if (!entry.matches_port(port)) return false;
    return entry.matches_address(address) ||
           std::any_of(first, last, [&](const auto& found) { return entry.matches_name(found.second); });
  });
}

bool NetworkPolicy::allows_name(std::string_view name) const {
  const std::string lower = lower_case(name);
  return std::any_of(entries_.begin(), entries_.end(),
                     [&](const Entry& entry) { return entry.matches_name(lower); });
}

bool NetworkPolicy::allows_host(std::string_view host, uint16_t port) const {
  std::string_view bare = host;
  if (bare.size() > 2 && bare.front() == '[' && bare.back() == ']') bare = bare.substr(1, bare.size() - 2);
  if (auto address = IpAddress::parse(bare)) return allows(*address, port);
  const std::string lower = lower_case(host);
  return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return entry.matches_port(port) && entry.matches_name(lower);
  });
}

bool NetworkPolicy::allows_bind(const IpAddress& given, uint16_t port) const {
  const IpAddress address = given.unmapped();
  return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return entry.matches_port(port) && entry.matches_address(address);
  });
}

void NetworkPolicy::note_resolved(std::string_view name, const IpAddress& given) {
  const IpAddress address = given.unmapped();
  std::string lower = lower_case(name);
  auto [first, last] = resolved_.equal_range(address);
  if (std::any_of(first, last, [&](const auto& found) { return found.second == lower; })) return;
  if (resolved_.size() >= 4096) resolved_.erase(resolved_.begin());
  resolved_.emplace(address, std::move(lower));
}

Result<void> check_allowed(const NetworkPolicy& policy, const Endpoint& endpoint) {
  if (policy.allows_host(endpoint.host, endpoint.port)) return {};
  const auto address = IpAddress::parse(endpoint.address.address().to_string());
  if (address && policy.allows(*address, endpoint.port)) return {};
  return failure(http_error(ErrorCase::http_request_denied,
                            fmt::format("the guest may not reach {}:{}", endpoint.host, endpoint.port)));
}

}  // namespace wattle::http
