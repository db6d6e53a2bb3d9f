// wasi:keyvalue on NATS JetStream key-value buckets.
//
// Settings of a link (or, as defaults, of the provider):
//
//   bucket                      the JetStream bucket that the bucket "default" stands for; "default". Other
//                               buckets stand for those of their own names (see nats_names.h)
//   enable_bucket_auto_create   whether a bucket that is missing is made; true
//   num_replicas                of buckets that it makes; 1
//   storage_type                of buckets that it makes: file or memory; file
//   max_age                     of values in them, in seconds; for ever
//   cluster_uri, ...            see providers/nats_connection.h
//   buckets, timeout_ms         see providers/key_value_provider.h
//
// Values are bounded by the server's max_payload (1 MiB, unless it is set otherwise). Listing reads the names
// of all keys of the bucket and hands them out page by page.
//
// Watching uses one durable consumer for each link, which all hosts share: each change is told once, in
// order, and again if a component's host fails. Of changes made while no provider watched for 10 minutes,
// none.
#pragma once

#include <memory>

#include "capability/provider.h"

namespace wattle::providers {

// "keyvalue-nats"
std::unique_ptr<capability::ProviderFactory> keyvalue_nats_factory();

}  // namespace wattle::providers
