#include "cli/secret_backends.h"

#include <unistd.h>

#include "nats/nkey.h"
#include "providers/secrets_file/secret_folder.h"
#include "providers/secrets_nats/backend.h"

namespace wattle::cli {
namespace {

using providers::SecretFolder;
using providers::secrets::SealedBucket;

constexpr std::string_view kSubjectBase = "wasmcloud.secrets";

}  // namespace

SecretBackends::SecretBackends(async::Worker& worker, async::OffloadPool& blocking, Connection connection,
                               std::string host_token)
    : worker_(worker),
      blocking_(blocking),
      connection_(std::move(connection)),
      host_token_(std::move(host_token)) {}

SecretBackends::~SecretBackends() {
  if (bus_ != nullptr) bus_->close();
}

std::shared_ptr<providers::NatsConnection> SecretBackends::bus() {
  if (bus_ != nullptr) return bus_;
  providers::NatsSettings settings;
  settings.options.urls = {connection_.url};
  settings.options.credentials_file = connection_.credentials_file;
  bus_ = std::make_shared<providers::NatsConnection>(worker_, blocking_, nullptr, "wattle secrets",
                                                     std::move(settings));
  return bus_;
}

Result<SealedBucket> SecretBackends::bucket() {
  if (connection_.secrets_key_file.empty())
    return failure(
        Error(ErrorCode::invalid_argument,
              fmt::format("here is no key that seals the secrets of the lattice \"{}\"", connection_.lattice))
            .with_remedy(
                "\"wattle up\" makes one; elsewhere name a copy of its secrets.nk with --secrets-key"));
  WATTLE_TRY(auto key, async::offload(blocking_, [&] {
               return providers::secrets::read_key_file(connection_.secrets_key_file);
             }));
  return SealedBucket(bus(), "WATTLE_SECRETS_" + connection_.lattice, std::move(key));
}

Result<std::string> SecretBackends::folder() const {
  if (!connection_.secrets_folder.empty()) return connection_.secrets_folder;
  return failure(Error(ErrorCode::invalid_argument, "here is no folder with secrets")
                     .with_remedy("\"wattle up\" has one; elsewhere name it with --secrets-dir"));
}

Result<capability::Secret> SecretBackends::get(const lattice::SecretReference& reference,
                                               const std::string& token) {
  if (reference.backend == "nats") {
    WATTLE_TRY(auto sealed, bucket());
    return sealed.get(reference.key, reference.field, reference.version);
  }
  if (reference.backend == "file") {
    WATTLE_TRY(const auto path, folder());
    WATTLE_TRY(auto secret, async::offload(blocking_, [&] {
                 return SecretFolder(path).read(reference.key, reference.version);
               }));
    if (!reference.field.empty()) {
      WATTLE_TRY(secret.value, providers::json_field(secret.value, reference.field));
    }
    return secret;
  }
  providers::secrets::Request as;
  as.entity_jwt = token;
  as.host_jwt = host_token_;
  as.policy = reference.policy;
  providers::secrets::RemoteBackend backend(bus(), std::string(kSubjectBase), reference.backend,
                                            std::move(as));
  return backend.get(reference.key, reference.field, reference.version);
}

Result<std::string> SecretBackends::put(std::string_view backend, const std::string& key,
                                        const std::string& value, bool is_bytes) {
  if (backend == "nats") {
    WATTLE_TRY(auto sealed, bucket());
    return sealed.put(key, value, is_bytes);
  }
  WATTLE_TRY(const auto path, folder());
  return async::offload(blocking_, [&]() -> Result<std::string> {
    const SecretFolder files(path);
    WATTLE_CHECK(files.write(key, value));
    WATTLE_TRY(const auto written, files.read(key, ""));
    return written.version;
  });
}

Result<void> SecretBackends::remove(std::string_view backend, const std::string& key) {
  if (backend == "nats") {
    WATTLE_TRY(auto sealed, bucket());
    return sealed.remove(key);
  }
  WATTLE_TRY(const auto path, folder());
  return async::offload(blocking_, [&] { return SecretFolder(path).remove(key); });
}

Result<void> make_secrets_key(const std::string& path) {
  if (access(path.c_str(), F_OK) == 0) return {};
  return write_private_file(path, nats::CurveKeyPair::generate().seed() + "\n");
}

}  // namespace wattle::cli
