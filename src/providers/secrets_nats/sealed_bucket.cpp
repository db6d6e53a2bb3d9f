#include "providers/secrets_nats/sealed_bucket.h"

#include <algorithm>
#include <charconv>

#include "nats/credentials.h"
#include "providers/nats_names.h"
#include "providers/secrets_nats/protocol.h"

namespace wattle::providers::secrets {
namespace {

constexpr int kHistory = 10;

}  // namespace

Result<nats::CurveKeyPair> read_key_file(const std::string& path) {
  bool others_can_read = false;
  WATTLE_TRY(std::string text, nats::read_secret_file(path, others_can_read));
  if (others_can_read)
    return failure(Error(ErrorCode::permission_denied, fmt::format("{} is not its owner's alone", path))
                       .with_remedy("chmod 600 " + path));
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.pop_back();
  return nats::CurveKeyPair::from_seed(text);
}

Result<nats::KeyValue> SealedBucket::opened(bool make) {
  WATTLE_TRY(nats::JetStream * js, connection_->jetstream());
  auto bucket = nats::KeyValue::open(*js, bucket_);
  if (!bucket && bucket.error().code() == ErrorCode::not_found && make)
    bucket = nats::KeyValue::create(*js, {.bucket = bucket_, .history = kHistory});
  if (bucket) bucket->read_from_leader(true);
  return bucket;
}

// What is kept is an answer as the protocol has it, with the secret's name before it, so that a value that
// was moved to another name is noticed.
Result<capability::Secret> SealedBucket::get(std::string_view key, std::string_view field,
                                             std::string_view version) {
  WATTLE_TRY(auto bucket, opened(false));
  uint64_t revision = 0;
  if (!version.empty()) {
    const auto [end, problem] = std::from_chars(version.data(), version.data() + version.size(), revision);
    if (problem != std::errc() || end != version.data() + version.size())
      return failure(ErrorCode::not_found, "there is no version \"{}\"", version);
  }
  WATTLE_TRY(const nats::Entry entry,
             version.empty() ? bucket.get(nats_key(key)) : bucket.get(nats_key(key), revision));
  auto text = key_.open(entry.value, key_.public_key());
  if (!text)
    return failure(Error(ErrorCode::io, "the bucket's key does not open the secret", text.error())
                       .with_remedy("give the seed that it was sealed with: xkey_seed or xkey_seed_file"));
  const std::string name = std::string(key) + '\n';
  if (!text->starts_with(name))
    return failure(ErrorCode::io, "what is kept under the name is another secret");
  WATTLE_TRY(auto secret, read_answer(std::string_view(*text).substr(name.size())));
  secret.version = std::to_string(entry.revision);
  if (!field.empty()) {
    WATTLE_TRY(secret.value, json_field(secret.value, field));
  }
  return secret;
}

Result<std::string> SealedBucket::put(std::string_view key, std::string_view value, bool is_bytes) {
  if (key.empty() || key.find('\n') != std::string_view::npos)
    return failure(ErrorCode::invalid_argument, "\"{}\" cannot name a secret", key);
  const capability::Secret secret{.version = {}, .value = std::string(value), .is_bytes = is_bytes};
  WATTLE_TRY(auto bucket, opened(true));
  WATTLE_TRY(const std::string sealed,
             key_.seal(std::string(key) + '\n' + write_secret(secret), key_.public_key()));
  WATTLE_TRY(const uint64_t revision, bucket.put(nats_key(key), sealed));
  return std::to_string(revision);
}

Result<void> SealedBucket::remove(std::string_view key) {
  WATTLE_TRY(auto bucket, opened(false));
  WATTLE_CHECK(bucket.get(nats_key(key)));
  return bucket.purge(nats_key(key));
}

Result<std::vector<std::string>> SealedBucket::names() {
  WATTLE_TRY(auto bucket, opened(false));
  WATTLE_TRY(const auto keys, bucket.keys());
  std::vector<std::string> names;
  for (const std::string& text : keys)
    if (auto key = key_of_nats_key(text)) names.push_back(std::move(*key));
  std::ranges::sort(names);
  return names;
}

}  // namespace wattle::providers::secrets
