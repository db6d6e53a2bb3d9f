#include "providers/postgres_settings.h"

namespace wattle::providers {

Result<std::shared_ptr<postgres::Pool>> make_postgres_pool(const capability::ProviderContext& context,
                                                           const Settings& settings) {
  postgres::Options options;
  options.host = settings.text("POSTGRES_HOST", options.host);
  WATTLE_TRY(const uint64_t port, settings.number("POSTGRES_PORT", options.port, 1, 65535));
  options.port = static_cast<uint16_t>(port);
  options.user = settings.text("POSTGRES_USERNAME", options.user);
  options.password = settings.text("POSTGRES_PASSWORD");
  options.database = settings.text("POSTGRES_DATABASE", options.database);
  WATTLE_TRY(const bool tls_required, settings.flag("POSTGRES_TLS_REQUIRED", false));
  options.ca_file = settings.text("POSTGRES_TLS_CA_FILE");
  if (tls_required) options.tls_mode = "require";
  if (!options.ca_file.empty()) options.tls_mode = "verify-full";
  options.application = "wattle " + context.provider_id;
  WATTLE_TRY(const uint64_t size, settings.number("POSTGRES_POOL_SIZE", 4, 1, 100));
  return std::make_shared<postgres::Pool>(context.worker, context.blocking, std::move(options), size);
}

}  // namespace wattle::providers
