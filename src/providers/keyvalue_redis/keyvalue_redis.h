// wasi:keyvalue on Redis, or Valkey.
//
// Settings of a link (or, as defaults, of the provider):
//
//   URL                             redis://[USER:PASSWORD@]HOST:PORT[/DATABASE]; rediss:// for TLS. Better a
//                                   secret than a config. redis://127.0.0.1:6379
//   BACKEND_CONNECTION_TIMEOUT_MS   of one attempt to connect; 3000
//   tls_ca_file                     PEM with the roots to trust, for rediss://
//   ignore_bucket_names             true: every bucket is the bucket "default", as wasmCloud's provider has
//   it buckets, timeout_ms             see providers/key_value_provider.h
//
// Keys of the bucket "default" are Redis's keys as they are, so that what other programs wrote is found;
// those of another bucket begin with "wattle:BUCKET:". Listing sees strings only, and a key may come twice
// while Redis resizes its table. The server must be one server, not Redis Cluster.
//
// Watching uses keyspace notifications, which the provider turns on (CONFIG SET notify-keyspace-events) where
// it may. A lease in Redis lets one watcher of each link tell the component, whichever host it is on; changes
// while the connection is cut are not told.
#pragma once

#include <memory>

#include "capability/provider.h"

namespace wattle::providers {

// "keyvalue-redis"
std::unique_ptr<capability::ProviderFactory> keyvalue_redis_factory();

}  // namespace wattle::providers
