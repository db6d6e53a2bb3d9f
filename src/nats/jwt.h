// Who may do what on a NATS server, as the JWTs that it trusts: an operator signs accounts, an account signs
// users. A server that is configured with the operator and the account lets in every user whom the account's
// key has signed, so whoever holds that key makes users without asking the server.
//
//   const auto account = KeyPair::generate(KeyKind::account);
//   const auto user = KeyPair::generate(KeyKind::user);
//   const auto jwt = user_jwt(account, user.public_key(), {.name = "shop-kv", .subscribe = {"shop.>"}});
//   write(path, credentials_text(jwt, user));
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "nats/nkey.h"

namespace wattle::nats {

// The token of `header` and `claims`, which are JSON texts (RFC 7515, compact form), signed with ed25519.
std::string sign_jwt(const KeyPair& key, std::string_view header, std::string_view claims);

// `system_account`: the public key of the account whose users see the server itself.
std::string operator_jwt(const KeyPair& operator_key, std::string_view name, std::string_view system_account);

// An account without limits, with JetStream where that is said. `account`: its public key.
std::string account_jwt(const KeyPair& operator_key, std::string_view account, std::string_view name,
                        bool jetstream);

struct UserGrants {
  std::string name{};
  // Patterns of subjects. Empty lists allow everything; what is denied wins.
  std::vector<std::string> publish{};
  std::vector<std::string> subscribe{};
  std::vector<std::string> publish_denied{};
  std::vector<std::string> subscribe_denied{};
  // May answer what it is asked, wherever the answer goes.
  bool may_answer = false;
};
// `user`: its public key.
std::string user_jwt(const KeyPair& account_key, std::string_view user, const UserGrants& grants);

// A credentials file: see credentials.h.
std::string credentials_text(std::string_view user_jwt, const KeyPair& user);

}  // namespace wattle::nats
