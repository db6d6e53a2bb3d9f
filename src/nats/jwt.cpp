#include "nats/jwt.h"

#include <sodium.h>

#include <array>
#include <boost/json.hpp>
#include <chrono>

namespace wattle::nats {
namespace {

namespace json = boost::json;

constexpr int kVersion = 2;
constexpr int kUnlimited = -1;

std::string base64url(std::string_view bytes) {
  constexpr int kVariant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
  std::string text(sodium_base64_encoded_len(bytes.size(), kVariant), '\0');
  sodium_bin2base64(text.data(), text.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                    bytes.size(), kVariant);
  text.pop_back();  // the terminator
  return text;
}

// An id of the token: of its content, so that equal ones have the same.
std::string token_id(std::string_view claims) {
  std::array<unsigned char, crypto_hash_sha256_BYTES> hash;
  crypto_hash_sha256(hash.data(), reinterpret_cast<const unsigned char*>(claims.data()), claims.size());
  return base64url({reinterpret_cast<const char*>(hash.data()), hash.size()});
}

std::string signed_token(const KeyPair& issuer, std::string_view subject, std::string_view name,
                         json::object what) {
  json::object claims{
      {"iat",
       std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
           .count()},
      {"iss", issuer.public_key()},
      {"name", name},
      {"sub", subject},
  };
  what["version"] = kVersion;
  claims["nats"] = std::move(what);
  claims["jti"] = token_id(json::serialize(claims));
  return sign_jwt(issuer, R"({"typ":"JWT","alg":"ed25519-nkey"})", json::serialize(claims));
}

json::object permission(const std::vector<std::string>& allowed, const std::vector<std::string>& denied) {
  json::object object;
  if (!allowed.empty()) object["allow"] = json::array(allowed.begin(), allowed.end());
  if (!denied.empty()) object["deny"] = json::array(denied.begin(), denied.end());
  return object;
}

}  // namespace

std::string sign_jwt(const KeyPair& key, std::string_view header, std::string_view claims) {
  const std::string text = base64url(header) + "." + base64url(claims);
  const auto signature = key.sign(text);
  return text + "." + base64url({reinterpret_cast<const char*>(signature.data()), signature.size()});
}

std::string operator_jwt(const KeyPair& operator_key, std::string_view name,
                         std::string_view system_account) {
  return signed_token(operator_key, operator_key.public_key(), name,
                      {{"type", "operator"}, {"system_account", system_account}});
}

std::string account_jwt(const KeyPair& operator_key, std::string_view account, std::string_view name,
                        bool jetstream) {
  json::object limits{{"subs", kUnlimited},    {"data", kUnlimited},    {"payload", kUnlimited},
                      {"imports", kUnlimited}, {"exports", kUnlimited}, {"wildcards", true},
                      {"conn", kUnlimited},    {"leaf", kUnlimited}};
  if (jetstream)
    for (const char* limit : {"mem_storage", "disk_storage", "streams", "consumer"})
      limits[limit] = kUnlimited;
  return signed_token(operator_key, account, name, {{"type", "account"}, {"limits", std::move(limits)}});
}

std::string user_jwt(const KeyPair& account_key, std::string_view user, const UserGrants& grants) {
  json::object what{{"type", "user"},
                    {"pub", permission(grants.publish, grants.publish_denied)},
                    {"sub", permission(grants.subscribe, grants.subscribe_denied)},
                    {"subs", kUnlimited},
                    {"data", kUnlimited},
                    {"payload", kUnlimited}};
  if (grants.may_answer) what["resp"] = {{"max", kUnlimited}, {"ttl", 0}};
  return signed_token(account_key, user, grants.name, std::move(what));
}

std::string credentials_text(std::string_view user_jwt, const KeyPair& user) {
  std::string text = "-----BEGIN NATS USER JWT-----\n";
  text += user_jwt;
  text += "\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n";
  text += user.seed();
  text += "\n------END USER NKEY SEED------\n";
  return text;
}

}  // namespace wattle::nats
