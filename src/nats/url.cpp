#include "nats/url.h"

#include <algorithm>
#include <charconv>

namespace wattle::nats {
namespace {

std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// %XX as the byte that it stands for; anything else as it is.
std::string decode_percent(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned byte = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 3, byte, 16).ptr == text.data() + i + 3) {
      out += static_cast<char>(byte);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

// Of a name or an IPv4 address, or of an IPv6 address with its zone.
bool is_host(char c, bool bracketed) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
         c == '_' || (bracketed && (c == ':' || c == '%'));
}

Result<Url> parse_url(std::string_view text) {
  Url url;
  const size_t at = text.rfind('@');
  const size_t scheme_end = text.find("://");
  // What is shown in a refusal: everything but the user information.
  const std::string shown(at == std::string_view::npos ? text : text.substr(at + 1));
  const auto refuse = [&](std::string_view why) {
    return failure(Error(ErrorCode::invalid_argument, fmt::format("\"{}\" is no NATS URL: {}", shown, why))
                       .with_remedy("write nats://HOST:PORT, or tls://HOST:PORT"));
  };
  if (scheme_end != std::string_view::npos) {
    const std::string_view scheme = text.substr(0, scheme_end);
    if (scheme == "tls") {
      url.tls = true;
    } else if (scheme != "nats") {
      return refuse("the scheme is neither nats nor tls");
    }
  }
  std::string_view place = text.substr(scheme_end == std::string_view::npos ? 0 : scheme_end + 3);
  if (const size_t user_end = place.rfind('@'); user_end != std::string_view::npos) {
    const std::string_view user = place.substr(0, user_end);
    const size_t colon = user.find(':');
    if (colon == std::string_view::npos) {
      url.token = decode_percent(user);
    } else {
      url.user = decode_percent(user.substr(0, colon));
      url.password = decode_percent(user.substr(colon + 1));
    }
    place.remove_prefix(user_end + 1);
  }
  if (!place.empty() && place.back() == '/') place.remove_suffix(1);

  std::string_view port;
  const bool bracketed = place.starts_with('[');
  if (bracketed) {
    const size_t close = place.find(']');
    if (close == std::string_view::npos) return refuse("a bracket is not closed");
    if (place.substr(0, close).find(':') == std::string_view::npos)
      return refuse("what stands in brackets is no IPv6 address");
    url.host = place.substr(1, close - 1);
    port = place.substr(close + 1);
    if (!port.empty() && port.front() != ':') return refuse("something stands behind the bracket");
  } else {
    const size_t colon = place.rfind(':');
    url.host = place.substr(0, colon);
    if (colon != std::string_view::npos) port = place.substr(colon);
  }
  if (url.host.empty() || !std::ranges::all_of(url.host, [&](char c) { return is_host(c, bracketed); }))
    return refuse("there is no host name in it");
  if (!port.empty()) {
    port.remove_prefix(1);
    const auto [end, problem] = std::from_chars(port.data(), port.data() + port.size(), url.port);
    if (problem != std::errc() || end != port.data() + port.size() || url.port == 0)
      return refuse("the port is not between 1 and 65535");
  }
  return url;
}

}  // namespace

std::string Url::text() const {
  const bool bracketed = host.find(':') != std::string::npos;
  return fmt::format("{}://{}{}{}:{}", tls ? "tls" : "nats", bracketed ? "[" : "", host, bracketed ? "]" : "",
                     port);
}

Result<std::vector<Url>> parse_urls(std::string_view text) {
  std::vector<Url> urls;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    WATTLE_TRY(Url url, parse_url(trim(text.substr(0, comma))));
    urls.push_back(std::move(url));
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
  }
  return urls;
}

}  // namespace wattle::nats
