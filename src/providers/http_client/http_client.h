// The provider of wasi:http/outgoing-handler: pooled connections of its own, on each worker. A request leaves
// from the host that runs the provider; where that is the component's own host, from its own worker.
//
// Settings of a link (or, as default, of the provider):
//
//   allowed_hosts       HOST, HOST:PORT, *.NAME, ADDRESS/BITS or *, separated by commas; without it, every
//                       host, and none where it is empty
//
// Settings of the provider:
//
//   load_native_certs   whether the system's roots are trusted; true
//   load_webpki_certs   whether the Web's are; true. wattle brings none of its own: the system's stand for
//                       them, and are trusted where either of the two is true
//   ssl_certs_file      PEM file with roots that are trusted beside those, or alone
//
// The file is read when the provider starts, and with each new config. Refused: one without certificates;
// none, where both of the others are false.
#pragma once

#include <memory>

#include "capability/provider.h"

namespace wattle::providers {

// "http-client"
std::unique_ptr<capability::ProviderFactory> http_client_factory();

}  // namespace wattle::providers
