// How the providers on PostgreSQL are connected, by wasmCloud's names:
//
//   POSTGRES_HOST, POSTGRES_PORT, POSTGRES_USERNAME, POSTGRES_DATABASE
//                            127.0.0.1, 5432, postgres, postgres
//   POSTGRES_PASSWORD        better a secret than a config
//   POSTGRES_TLS_REQUIRED    true: nothing goes over a connection without TLS; false
//   POSTGRES_TLS_CA_FILE     PEM with the roots to trust; the server's certificate is then verified
//   POSTGRES_POOL_SIZE       connections of one link on one worker; 4
#pragma once

#include <memory>

#include "capability/provider.h"
#include "postgres/pool.h"
#include "providers/settings.h"

namespace wattle::providers {

// Refused: invalid_argument. Does not connect.
Result<std::shared_ptr<postgres::Pool>> make_postgres_pool(const capability::ProviderContext& context,
                                                           const Settings& settings);

}  // namespace wattle::providers
