// The provider of wasi:http/outgoing-handler. Requests leave from the host that the component runs on,
// through that worker's pooled connections; a link to this provider is what allows them.
//
//   allowed_hosts   of the link's target config: HOST, HOST:PORT, *.NAME, ADDRESS/BITS or *, separated by
//                   commas; without it, every host
#pragma once

#include <memory>

#include "capability/provider.h"

namespace wattle::providers {

std::unique_ptr<capability::ProviderFactory> http_client_factory();

}  // namespace wattle::providers
