#include "host/claims.h"

#include <sodium.h>

#include <array>
#include <chrono>

#include "lattice/json_fields.h"
#include "nats/nkey.h"

namespace wattle::host {
namespace {

using boost::json::object;

constexpr size_t kHeaderBytes = 8;  // magic and version
constexpr size_t kTokenBytesMax = 64 * 1024;

// Unsigned LEB128 of at most 5 bytes.
std::optional<uint32_t> take_number(std::span<const uint8_t>& bytes) {
  uint64_t number = 0;
  for (size_t i = 0; i < 5 && i < bytes.size(); ++i) {
    number |= uint64_t{bytes[i] & 0x7Fu} << (7 * i);
    if ((bytes[i] & 0x80u) != 0) continue;
    bytes = bytes.subspan(i + 1);
    if (number > UINT32_MAX) return {};
    return static_cast<uint32_t>(number);
  }
  return {};
}

// The contents of a custom section that holds a token; nothing for any other one.
std::optional<std::string_view> token_in(std::span<const uint8_t> section) {
  const auto length = take_number(section);
  if (!length || *length > section.size()) return {};
  const std::string_view name(reinterpret_cast<const char*>(section.data()), *length);
  if (name != "wasmcloud_jwt" && name != "jwt") return {};
  section = section.subspan(*length);
  return std::string_view(reinterpret_cast<const char*>(section.data()), section.size());
}

struct Found {
  std::string_view token;
  std::string hash;  // of everything but the token's sections
};

std::string hexadecimal(crypto_hash_sha256_state& state) {
  std::array<unsigned char, crypto_hash_sha256_BYTES> hash;
  crypto_hash_sha256_final(&state, hash.data());
  std::string text;
  for (const unsigned char byte : hash) text += fmt::format("{:02X}", byte);
  return text;
}

// Goes through the sections at the top. Nothing for what is no WebAssembly: that is found out elsewhere.
std::optional<Found> find_token(std::span<const uint8_t> binary) {
  if (binary.size() < kHeaderBytes) return {};
  Found found;
  crypto_hash_sha256_state state;
  crypto_hash_sha256_init(&state);
  crypto_hash_sha256_update(&state, binary.data(), kHeaderBytes);
  binary = binary.subspan(kHeaderBytes);
  while (!binary.empty()) {
    const std::span<const uint8_t> begin = binary;
    const uint8_t id = binary[0];
    binary = binary.subspan(1);
    const auto size = take_number(binary);
    if (!size || *size > binary.size()) return {};
    const auto token = id == 0 ? token_in(binary.first(*size)) : std::nullopt;
    binary = binary.subspan(*size);
    if (token)
      found.token = *token;
    else
      crypto_hash_sha256_update(&state, begin.data(), begin.size() - binary.size());
  }
  if (found.token.empty()) return {};
  found.hash = hexadecimal(state);
  return found;
}

Result<std::string> decode_base64_url(std::string_view text) {
  std::string bytes(text.size(), '\0');
  size_t length = 0;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), text.data(),
                        text.size(), nullptr, &length, nullptr,
                        sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0)
    return failure(ErrorCode::malformed, "a token is not base64");
  bytes.resize(length);
  return bytes;
}

// The wascap part, whose fields have other names than those that are shown.
struct Wascap {
  std::string name{};
  std::string hash{};
  std::vector<std::string> tags{};
  std::optional<int64_t> revision{};
  std::string version{};
  std::string call_alias{};
  lattice::StringMap target_hashes{};  // of a provider's
};

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const Wascap&) {
  fields.optional("name", self.name);
  fields.optional("hash", self.hash);
  fields.optional("tags", self.tags);
  fields.optional("rev", self.revision);
  fields.optional("ver", self.version);
  fields.optional("call_alias", self.call_alias);
  fields.optional("target_hashes", self.target_hashes);
}

struct Token {
  std::string issuer{};
  std::string subject{};
  std::optional<int64_t> expires_s{};
  std::optional<int64_t> not_before_s{};
  Wascap wascap{};
};

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const Token&) {
  fields.required("iss", self.issuer);
  fields.required("sub", self.subject);
  fields.optional("exp", self.expires_s);
  fields.optional("nbf", self.not_before_s);
  fields.optional("wascap", self.wascap);
}

// As v1 shows times: seconds since 1970.
std::string human(const std::optional<int64_t>& seconds) {
  return seconds ? std::to_string(*seconds) : "never";
}

// `what`: "the component's token", for messages.
Result<Token> verify_token(std::string_view token, int64_t now_s, std::string_view what) {
  const size_t first = token.find('.');
  const size_t second = token.find('.', first == std::string_view::npos ? first : first + 1);
  if (token.size() > kTokenBytesMax || second == std::string_view::npos)
    return failure(ErrorCode::malformed, "{} is no JWT", what);
  WATTLE_TRY(const std::string payload, decode_base64_url(token.substr(first + 1, second - first - 1)));
  WATTLE_TRY(const std::string signature, decode_base64_url(token.substr(second + 1)));
  WATTLE_TRY(Token claims, lattice::read_json<Token>(payload, what));
  WATTLE_TRY(const bool signed_by_issuer, nats::verify(claims.issuer, token.substr(0, second), signature));
  if (!signed_by_issuer)
    return failure(ErrorCode::permission_denied, "{} is not signed by its issuer {}", what, claims.issuer);
  if (claims.expires_s && *claims.expires_s <= now_s)
    return failure(ErrorCode::permission_denied, "{} has expired at {} s", what, human(claims.expires_s));
  if (claims.not_before_s && *claims.not_before_s > now_s)
    return failure(ErrorCode::permission_denied, "{} is not valid before {} s", what,
                   human(claims.not_before_s));
  return claims;
}

lattice::ComponentClaims shown(const Token& claims) {
  return {.issuer = claims.issuer,
          .subject = claims.subject,
          .name = claims.wascap.name,
          .call_alias = claims.wascap.call_alias,
          .revision = claims.wascap.revision.value_or(0),
          .version = claims.wascap.version,
          .tags = claims.wascap.tags,
          .not_before_human = human(claims.not_before_s),
          .expires_human = human(claims.expires_s)};
}

}  // namespace

Result<lattice::ComponentClaims> parse_token(std::string_view token, int64_t now_s, std::string_view hash) {
  WATTLE_TRY(const Token claims, verify_token(token, now_s, "the component's token"));
  if (!hash.empty() && !claims.wascap.hash.empty() && claims.wascap.hash != hash)
    return failure(ErrorCode::permission_denied, "the component's token was made for another binary");
  return shown(claims);
}

Result<ProviderClaims> parse_provider_token(std::string_view token, int64_t now_s) {
  WATTLE_TRY(const Token claims, verify_token(token, now_s, "the provider's token"));
  return ProviderClaims{shown(claims), claims.wascap.target_hashes};
}

std::optional<std::string> read_token(std::span<const uint8_t> binary) {
  const auto found = find_token(binary);
  return found ? std::optional(std::string(found->token)) : std::nullopt;
}

Result<std::optional<lattice::ComponentClaims>> read_claims(std::span<const uint8_t> binary) {
  const auto found = find_token(binary);
  if (!found) return std::optional<lattice::ComponentClaims>();
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  WATTLE_TRY(
      auto claims,
      parse_token(found->token, std::chrono::duration_cast<std::chrono::seconds>(now).count(), found->hash));
  return claims;
}

}  // namespace wattle::host
