// Where the secrets of a lattice are kept, by the names that references have for it:
//
//   nats    a bucket of the lattice, in which each value is sealed with Connection::secrets_key_file
//   file    files of this machine that only their owner may read, in Connection::secrets_folder
//   NAME    any other: a backend on the bus that speaks wasmCloud's secrets protocol (v1alpha1)
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "async/offload.h"
#include "capability/secrets.h"
#include "cli/lattice_connection.h"
#include "lattice/secret_reference.h"

namespace wattle::providers {
class NatsConnection;
namespace secrets {
class SealedBucket;
}
}  // namespace wattle::providers

namespace wattle::cli {

class SecretBackends {
 public:
  // The worker and the pool outlive it. It connects when it is first asked.
  // `host_token`: of the host that asks, for other backends; empty: no host.
  SecretBackends(async::Worker& worker, async::OffloadPool& blocking, Connection connection,
                 std::string host_token = {});
  ~SecretBackends();
  SecretBackends(const SecretBackends&) = delete;
  SecretBackends& operator=(const SecretBackends&) = delete;

  // Whether it is one of the two that put() and remove() know.
  static bool keeps(std::string_view backend) { return backend == "nats" || backend == "file"; }

  // Within the fiber's deadline. `token`: who asks, for other backends. Refused: not_found; invalid_argument
  // (there is no key or folder here); permission_denied; io; what the bus refuses. No value is in an error.
  Result<capability::Secret> get(const lattice::SecretReference& reference, const std::string& token);
  // Returns the version. Refused likewise.
  Result<std::string> put(std::string_view backend, const std::string& key, const std::string& value,
                          bool is_bytes);
  // With its older versions, where the backend has them.
  Result<void> remove(std::string_view backend, const std::string& key);

 private:
  std::shared_ptr<providers::NatsConnection> bus();
  Result<providers::secrets::SealedBucket> bucket();
  Result<std::string> folder() const;

  async::Worker& worker_;
  async::OffloadPool& blocking_;
  const Connection connection_;
  const std::string host_token_;
  std::shared_ptr<providers::NatsConnection> bus_;
};

// Makes the file with a new key, unless it is there. Refused: io, permission_denied.
Result<void> make_secrets_key(const std::string& path);

}  // namespace wattle::cli
