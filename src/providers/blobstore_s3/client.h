// Requests to S3, signed, and repeated when the service is busy.
#pragma once

#include <memory>
#include <optional>

#include "http/client.h"
#include "providers/blobstore_s3/signature.h"
#include "providers/settings.h"

namespace wattle::providers::s3 {

struct ClientSettings {
  Credentials credentials;
  std::string region = "us-east-1";
  std::string bucket_region;
  std::string scheme = "https";
  std::string authority;  // HOST or HOST:PORT
  uint64_t attempts_max = 3;
  std::string ca_file;
};

// Settings, and what stands in their config_json or config_b64 as settings beside them. Refused:
// invalid_argument. Messages show no credentials.
Result<Settings::Map> unfold_settings(const Settings::Map& config);

// Refused: invalid_argument. Messages show no credentials.
Result<ClientSettings> read_client_settings(const Settings& settings);

struct Call {
  std::string method = "GET";
  std::string bucket;  // empty: the service itself
  std::string key;
  std::vector<std::pair<std::string, std::string>> query;
  std::map<std::string, std::string> headers;  // in lower case
  std::string_view payload;
};

struct Answer {
  uint16_t status = 0;
  http::Fields fields;
  std::shared_ptr<http::Body> body;
};

class Client {
 public:
  Client(async::Worker& worker, async::OffloadPool& blocking, ClientSettings settings);

  // The answer, if its status is one of success (or 416, for a range that holds nothing); its body is still
  // to be read. Refused: not_found (404), permission_denied (401, 403), already_exists (409), unavailable
  // (5xx, the connection), invalid, with what the service says; deadline_exceeded.
  Result<Answer> open(const Call& call);
  // The same with its body, which may not be above 16 MiB.
  Result<std::string> send(const Call& call);

  const ClientSettings& settings() const { return settings_; }
  const std::optional<Error>& problem() const { return problem_; }

 private:
  Result<Answer> attempt(const Call& call);
  http::Request signed_request(const Call& call) const;

  ClientSettings settings_;
  http::Client http_;
  std::optional<Error> problem_;
};

}  // namespace wattle::providers::s3
