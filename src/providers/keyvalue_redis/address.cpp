#include "providers/keyvalue_redis/address.h"

#include <charconv>
#include <optional>

namespace wattle::providers::redis {
namespace {

tl::unexpected<Error> refuse(std::string_view why) {
  return failure(Error(ErrorCode::invalid_argument, fmt::format("the URL of the Redis server {}", why))
                     .with_remedy("write redis://HOST:PORT, redis://USER:PASSWORD@HOST:PORT/DATABASE, or "
                                  "rediss:// for TLS"));
}

std::optional<std::string> decode(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    uint8_t byte = 0;
    if (text.size() - i < 3) return std::nullopt;
    const auto [end, problem] = std::from_chars(text.data() + i + 1, text.data() + i + 3, byte, 16);
    if (problem != std::errc() || end != text.data() + i + 3) return std::nullopt;
    out += static_cast<char>(byte);
    i += 2;
  }
  return out;
}

template <class Number>
bool read_number(std::string_view text, Number& number) {
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  return problem == std::errc() && end == text.data() + text.size();
}

}  // namespace

std::string Address::text() const {
  const bool brackets = host.find(':') != std::string::npos;
  return fmt::format("{}://{}{}{}:{}/{}", tls ? "rediss" : "redis", brackets ? "[" : "", host,
                     brackets ? "]" : "", port, database);
}

Result<Address> parse_address(std::string_view url) {
  Address address;
  const size_t scheme_end = url.find("://");
  if (scheme_end == std::string_view::npos) return refuse("has no scheme");
  const std::string_view scheme = url.substr(0, scheme_end);
  if (scheme == "rediss" || scheme == "valkeys") {
    address.tls = true;
  } else if (scheme != "redis" && scheme != "valkey") {
    return refuse("has a scheme that is none of redis, rediss, valkey, valkeys");
  }
  url.remove_prefix(scheme_end + 3);
  if (const size_t query = url.find_first_of("?#"); query != std::string_view::npos)
    return refuse("has options, of which it can have none");
  if (const size_t slash = url.find('/'); slash != std::string_view::npos) {
    const std::string_view database = url.substr(slash + 1);
    if (!database.empty() && !read_number(database, address.database))
      return refuse("names a database that is no number");
    url = url.substr(0, slash);
  }
  if (const size_t at = url.rfind('@'); at != std::string_view::npos) {
    const std::string_view who = url.substr(0, at);
    const size_t colon = who.find(':');
    const auto user = decode(who.substr(0, colon));
    const auto password =
        decode(colon == std::string_view::npos ? std::string_view() : who.substr(colon + 1));
    if (!user || !password) return refuse("has credentials that are badly encoded");
    address.user = *user;
    address.password = *password;
    url.remove_prefix(at + 1);
  }
  const size_t bracket = url.starts_with('[') ? url.find(']') : 0;
  if (bracket == std::string_view::npos) return refuse("has an address without end");
  if (const size_t colon = url.find(':', bracket); colon != std::string_view::npos) {
    if (!read_number(url.substr(colon + 1), address.port) || address.port == 0)
      return refuse("has a port that is not between 1 and 65535");
    url = url.substr(0, colon);
  }
  if (url.starts_with('[')) url = url.substr(1, bracket - 1);
  if (url.empty()) return refuse("has no host");
  address.host = url;
  return address;
}

}  // namespace wattle::providers::redis
