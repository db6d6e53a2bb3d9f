// wasmcloud:messaging on NATS: components publish and ask through a link to the provider, and handle what a
// link from the provider to them subscribes to.
//
// Settings of either link (or, as defaults, of the provider):
//
//   cluster_uris, ...     see providers/nats_connection.h
//   timeout_ms            of one publish; and of one call of a handler. 10000
//
// Settings of a link to a component:
//
//   subscriptions         patterns with commas; SUBJECT|QUEUE names a queue group. Without one, the
//   subscription is
//                         in a queue group of the link's own: each message is handled once, by whichever
//                         worker and host
//   consumers             JSON: [{"stream": "ORDERS", "consumer": "billing", "max_messages": 16}], JetStream
//                         consumers, made if they are missing. A message is acknowledged when the handler has
//                         taken it; after an error it comes again, later each time
//   max_concurrency       messages of one subscription that a worker handles at the same time; 32
#pragma once

#include <memory>

#include "capability/provider.h"

namespace wattle::providers {

// "messaging-nats"
std::unique_ptr<capability::ProviderFactory> messaging_nats_factory();

}  // namespace wattle::providers
