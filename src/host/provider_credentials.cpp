#include "host/provider_credentials.h"

#include "lattice/names.h"

namespace wattle::host {

nats::UserGrants provider_grants(std::string_view lattice, std::string_view provider_id,
                                 std::string_view provider_xkey) {
  const std::string own = lattice::provider_subject(lattice, provider_id, ">");
  const std::string inboxes = "_INBOX.>";
  nats::UserGrants grants{.name = std::string(provider_id),
                          .publish = {own, inboxes, fmt::format("{}.>", lattice::kInboxPrefix)},
                          .subscribe = {own, lattice::provider_subject(lattice, provider_xkey, ">"), inboxes},
                          .may_answer = true};
  // Calls, and that their caller gives up: of anybody from here, of us by anybody.
  for (const char* what : {".wrpc.>", ".wattle.cancel"}) {
    grants.publish.push_back(lattice::call_prefix(lattice, "*") + what);
    grants.subscribe.push_back(lattice::call_prefix(lattice, provider_id) + what);
    grants.subscribe.push_back(lattice::host_call_prefix(lattice, "*", provider_id) + what);
  }
  return grants;
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
