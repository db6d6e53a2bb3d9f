#include "providers/blobstore_s3/signature.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include <algorithm>

namespace wattle::providers::s3 {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

std::string hexadecimal(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) fmt::format_to(std::back_inserter(text), "{:02x}", static_cast<uint8_t>(c));
  return text;
}

std::string hmac(std::string_view key, std::string_view text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int bytes = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest, &bytes);
  return {reinterpret_cast<const char*>(digest), bytes};
}

}  // namespace

std::string encode(std::string_view text, bool keep_slashes) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~' || (c == '/' && keep_slashes);
    if (plain) {
      out += c;
    } else {
      fmt::format_to(std::back_inserter(out), "%{:02X}", static_cast<uint8_t>(c));
    }
  }
  return out;
}

std::string sha256_hex(std::string_view bytes) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest);
  return hexadecimal({reinterpret_cast<const char*>(digest), sizeof digest});
}

std::string canonical_query(std::vector<std::pair<std::string, std::string>> query) {
  for (auto& [name, value] : query) {
    name = encode(name);
    value = encode(value);
  }
  std::ranges::sort(query);
  std::string text;
  for (const auto& [name, value] : query) {
    if (!text.empty()) text += '&';
    text.append(name).append("=").append(value);
  }
  return text;
}

std::string authorization(const ToSign& request, const Credentials& credentials, std::string_view region,
                          std::string_view time) {
  std::string headers;
  std::string names;
  for (const auto& [name, value] : request.headers) {
    headers.append(name).append(":").append(value).append("\n");
    if (!names.empty()) names += ';';
    names += name;
  }
  const std::string canonical =
      fmt::format("{}\n{}\n{}\n{}\n{}\n{}", request.method, request.path, canonical_query(request.query),
                  headers, names, request.payload_sha256);
  const std::string_view day = time.substr(0, 8);
  const std::string scope = fmt::format("{}/{}/s3/aws4_request", day, region);
  const std::string to_sign = fmt::format("{}\n{}\n{}\n{}", kAlgorithm, time, scope, sha256_hex(canonical));
  std::string key = "AWS4" + credentials.secret_access_key;
  for (const std::string_view part : {day, region, std::string_view("s3"), std::string_view("aws4_request")})
    key = hmac(key, part);
  return fmt::format("{} Credential={}/{}, SignedHeaders={}, Signature={}", kAlgorithm,
                     credentials.access_key_id, scope, names, hexadecimal(hmac(key, to_sign)));
}

}  // namespace wattle::providers::s3
