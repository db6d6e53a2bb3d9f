// wasi:keyvalue in a table of PostgreSQL.
//
// Settings of a link (or, as defaults, of the provider):
//
//   table                 its name, perhaps with a schema before it; wattle_key_value. It is made when it is
//                         missing
//   POSTGRES_HOST, ...    see providers/postgres_settings.h
//   buckets, timeout_ms   see providers/key_value_provider.h
//
// The table has the columns bucket (text), key and value (bytea), and digest, which PostgreSQL computes;
// other programs may read and write it. Its comment says its format; one of a later format is refused.
//
// Watching puts a trigger on the table, which tells every change, whoever makes it, by NOTIFY; from then on a
// write costs a little more. One of all watchers of a link, on whichever host, tells the component; changes
// while its connection is cut are not told.
#pragma once

#include <memory>

#include "capability/provider.h"

namespace wattle::providers {

// "keyvalue-postgres"
std::unique_ptr<capability::ProviderFactory> keyvalue_postgres_factory();

}  // namespace wattle::providers
