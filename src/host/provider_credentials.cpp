#include "host/provider_credentials.h"

#include "lattice/names.h"

namespace wattle::host {

nats::UserGrants provider_grants(std::string_view lattice, std::string_view provider_id,
                                 std::string_view provider_xkey) {
  const std::string own = lattice::provider_subject(lattice, provider_id, ">");
  const std::string inboxes = "_INBOX.>";
  return {.name = std::string(provider_id),
          .publish = {lattice::call_prefix(lattice, "*") + ".wrpc.>", own, inboxes},
          .subscribe = {lattice::call_prefix(lattice, provider_id) + ".wrpc.>", own,
                        lattice::provider_subject(lattice, provider_xkey, ">"), inboxes},
          .may_answer = true};
}

ProviderConnection provider_connection(std::string url, const nats::KeyPair& account_key,
                                       std::string_view lattice, std::string_view provider_id,
                                       std::string_view provider_xkey) {
  const auto user = nats::KeyPair::generate(nats::KeyKind::user);
  return {.url = std::move(url),
          .user_jwt = nats::user_jwt(account_key, user.public_key(),
                                     provider_grants(lattice, provider_id, provider_xkey)),
          .user_seed = user.seed()};
}

}  // namespace wattle::host
