// The provider of wasi:http/outgoing-handler: pooled connections of its own, on each worker. A request leaves
// from the host that runs the provider; where that is the component's own host, from its own worker.
//
// Settings of a link (or, as default, of the provider):
//
//   allowed_hosts   HOST, HOST:PORT, *.NAME, ADDRESS/BITS or *, separated by commas; without it, every host,
//   and
//                   none where it is empty
#pragma once

#include <memory>

#include "capability/provider.h"

namespace wattle::providers {

// "http-client"
std::unique_ptr<capability::ProviderFactory> http_client_factory();

}  // namespace wattle::providers
