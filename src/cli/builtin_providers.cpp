#include "cli/builtin_providers.h"

#include "providers/blobstore_fs/blobstore_fs.h"
#include "providers/blobstore_nats/blobstore_nats.h"
#include "providers/blobstore_s3/blobstore_s3.h"
#include "providers/http_client/http_client.h"
#include "providers/http_server/http_server.h"
#include "providers/keyvalue_memory/keyvalue_memory.h"
#include "providers/keyvalue_nats/keyvalue_nats.h"
#include "providers/keyvalue_postgres/keyvalue_postgres.h"
#include "providers/keyvalue_redis/keyvalue_redis.h"
#include "providers/messaging_nats/messaging_nats.h"
#include "providers/secrets_file/secrets_file.h"
#include "providers/secrets_nats/secrets_nats.h"
#include "providers/sqldb_postgres/sqldb_postgres.h"

namespace wattle::cli {

BuiltinProviders::BuiltinProviders() {
  factories_.push_back(std::make_unique<providers::http_server::HttpServerFactory>());
  factories_.push_back(providers::keyvalue_memory_factory());
  factories_.push_back(providers::keyvalue_nats_factory());
  factories_.push_back(providers::keyvalue_redis_factory());
  factories_.push_back(providers::keyvalue_postgres_factory());
  factories_.push_back(providers::blobstore_fs_factory());
  factories_.push_back(providers::blobstore_nats_factory());
  factories_.push_back(providers::blobstore_s3_factory());
  factories_.push_back(providers::messaging_nats_factory());
  factories_.push_back(providers::http_client_factory());
  factories_.push_back(providers::sqldb_postgres_factory());
  factories_.push_back(providers::secrets_file_factory());
  factories_.push_back(providers::secrets_nats_factory());
}

std::vector<capability::ProviderFactory*> BuiltinProviders::factories() const {
  std::vector<capability::ProviderFactory*> factories;
  for (const auto& factory : factories_) factories.push_back(factory.get());
  return factories;
}

}  // namespace wattle::cli
