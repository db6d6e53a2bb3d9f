// wasmcloud:postgres: queries and prepared statements on a PostgreSQL server.
//
// Settings of a link (or, as defaults, of the provider):
//
//   POSTGRES_HOST, ...   see providers/postgres_settings.h
//   timeout_ms           of one call, beside the caller's deadline; 30000
//   max_result_bytes     of the rows of one query; 67108864
//
// Every call may get another of the link's connections: a transaction is written into one query-batch. One
// that is left open is rolled back. A prepared statement's token holds the statement, so that it is good
// wherever the next call arrives.
//
// Strings (text, varchar, name) take the type that the statement wants, such as that of an enum; every other
// value has the type that its case says. Of types that have no case, PostgreSQL's text comes back as `text`.
#pragma once

#include <memory>

#include "capability/provider.h"

namespace wattle::providers {

// "sqldb-postgres"
std::unique_ptr<capability::ProviderFactory> sqldb_postgres_factory();

}  // namespace wattle::providers
