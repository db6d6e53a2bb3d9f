// Secrets in a JetStream bucket, each sealed for the one who has the bucket's key: who reads the bucket, or
// its files, reads nothing. A secret's version is its revision in the bucket.
#pragma once

#include <vector>

#include "nats/key_value.h"
#include "nats/nkey.h"
#include "providers/nats_connection.h"
#include "providers/secrets_provider.h"

namespace wattle::providers::secrets {

// A bucket's key, from a file that only its owner may read. Refused: not_found; permission_denied (others may
// read it); malformed. Blocks.
Result<nats::CurveKeyPair> read_key_file(const std::string& path);

class SealedBucket final : public SecretStore {
 public:
  SealedBucket(std::shared_ptr<NatsConnection> connection, std::string bucket, nats::CurveKeyPair key)
      : connection_(std::move(connection)), bucket_(std::move(bucket)), key_(std::move(key)) {}

  Result<capability::Secret> get(std::string_view key, std::string_view field,
                                 std::string_view version) override;
  // Makes the bucket if it is missing. Returns the version.
  Result<std::string> put(std::string_view key, std::string_view value, bool is_bytes);
  // With its older versions. Refused: not_found.
  Result<void> remove(std::string_view key);
  Result<std::vector<std::string>> names();
  capability::Health health() override { return connection_->health(); }

  const nats::CurveKeyPair& key() const { return key_; }

 private:
  Result<nats::KeyValue> opened(bool make);

  std::shared_ptr<NatsConnection> connection_;
  std::string bucket_;
  nats::CurveKeyPair key_;
};

}  // namespace wattle::providers::secrets
