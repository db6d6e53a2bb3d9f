// wasi:blobstore on NATS JetStream object stores: a container is an object store, laid out as every NATS
// client lays them out.
//
// Settings of a link (or, as defaults, of the provider):
//
//   num_replicas, storage_type, max_age   of containers that are made: 1, file, for ever (in seconds)
//   compression                           of containers that are made, by the server; false. nats-server does
//                                         so from 2.10 on; that an older one does not, the log tells
//   max_write_wait                        of writing an object, in seconds; as transfer_timeout_ms
//   cluster_uri, ...                      see providers/nats_connection.h
//   containers, alias_NAME, ...           see providers/blobstore_provider.h
//
// Containers are named with letters, digits, "-" and "_". A range is read by reading the object from its
// beginning; of what is read whole, size and SHA-256 are checked.
#pragma once

#include <memory>

#include "capability/provider.h"

namespace wattle::providers {

// "blobstore-nats"
std::unique_ptr<capability::ProviderFactory> blobstore_nats_factory();

}  // namespace wattle::providers
