// What a provider's process may do on the bus: listen on its own subjects, call components, answer. It reads
// no bucket and sends no control request.
#pragma once

#include <string>
#include <string_view>

#include "host/provider_processes.h"
#include "nats/jwt.h"

namespace wattle::host {

// `provider_xkey`: the public key that it is told of its links under. Subscribing to every inbox with NATS's
// common prefix is among it, since v1's providers take such; hosts and the command line have others
// (lattice::kInboxPrefix).
nats::UserGrants provider_grants(std::string_view lattice, std::string_view provider_id,
                                 std::string_view provider_xkey);

// With a user of its own, signed by the account's key.
ProviderConnection provider_connection(std::string url, const nats::KeyPair& account_key,
                                       std::string_view lattice, std::string_view provider_id,
                                       std::string_view provider_xkey);

}  // namespace wattle::host
