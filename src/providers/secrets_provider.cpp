#include "providers/secrets_provider.h"

#include <boost/json.hpp>

namespace wattle::providers {
namespace {

using namespace std::chrono_literals;
using capability::Secret;
using capability::SecretsError;

constexpr Duration kTimeout = 5s;

// How many bytes the sequence at the beginning has; 0: it is none.
size_t utf8_sequence(std::string_view bytes) {
  const auto first = static_cast<uint8_t>(bytes[0]);
  if (first < 0x80) return 1;
  const size_t count = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || bytes.size() < count) return 0;
  for (size_t i = 1; i < count; ++i)
    if ((static_cast<uint8_t>(bytes[i]) & 0xc0) != 0x80) return 0;
  const auto second = static_cast<uint8_t>(bytes[1]);
  const bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool too_high = (first == 0xed && second > 0x9f) || (first == 0xf4 && second > 0x8f);
  return overlong || too_high ? 0 : count;
}

}  // namespace

bool is_utf8(std::string_view bytes) {
  while (!bytes.empty()) {
    const size_t count = utf8_sequence(bytes);
    if (count == 0) return false;
    bytes.remove_prefix(count);
  }
  return true;
}

Result<std::string> json_field(std::string_view text, std::string_view field) {
  boost::system::error_code problem;
  const auto json = boost::json::parse(text, problem);
  if (problem || !json.is_object())
    return failure(ErrorCode::malformed, "the secret has no fields: it is no JSON object");
  const auto* found = json.as_object().if_contains(field);
  if (found == nullptr) return failure(ErrorCode::not_found, "the secret has no field \"{}\"", field);
  if (found->is_string()) return std::string(found->as_string());
  return boost::json::serialize(*found);
}

bool is_allowed(const std::vector<std::string>& patterns, std::string_view name) {
  for (const std::string_view pattern : patterns) {
    if (pattern == name) return true;
    if (pattern.ends_with('*') && name.starts_with(pattern.substr(0, pattern.size() - 1))) return true;
  }
  return false;
}

Result<void> SecretsProvider::put_link(const capability::ProviderLink& link) {
  const Settings settings({&context_.config, &context_.secrets, &link.config, &link.secrets});
  auto made = std::make_shared<Link>();
  WATTLE_TRY(made->timeout, settings.milliseconds("timeout_ms", kTimeout));
  made->allowed = settings.list("allow");
  WATTLE_TRY(made->store, make_store(link, settings));
  made->put = link;
  links_.put(link, std::move(made));
  return {};
}

// Links are made anew with it; those that it does not fit stay as they were.
Result<void> SecretsProvider::update_config(const std::map<std::string, std::string>& config) {
  context_.config = config;
  std::vector<capability::ProviderLink> all;
  for (const auto& [key, link] : links_) all.push_back(link->put);
  Result<void> outcome;
  for (const capability::ProviderLink& link : all)
    if (auto put = put_link(link); !put) outcome = failure(put.error());
  return outcome;
}

capability::Health SecretsProvider::health() {
  for (const auto& [key, link] : links_)
    if (auto health = link->store->health(); !health.healthy) return health;
  return {};
}

tl::expected<Secret, SecretsError> SecretsProvider::get(const capability::Caller& caller,
                                                        std::string_view key, std::string_view field,
                                                        std::string_view version) {
  const auto fail = [](SecretsError::Kind kind, std::string message) {
    return tl::unexpected<SecretsError>({kind, std::move(message)});
  };
  const auto link = links_.find(caller);
  if (link == nullptr)
    return fail(SecretsError::Kind::upstream,
                fmt::format("{} does not reach \"{}\": it has no such link",
                            link_text(caller.link_name, caller.source_id), context_.provider_id));
  if (!is_allowed(link->allowed, key))
    return fail(SecretsError::Kind::upstream,
                fmt::format("{} may not read the secret \"{}\"; its setting \"allow\" does not name it",
                            link_text(caller.link_name, caller.source_id), key));
  const InFlight::Call call(in_flight_);
  const async::DeadlineScope deadline(Clock::now() + link->timeout);
  auto secret = link->store->get(key, field, version);
  if (secret) return std::move(*secret);
  if (secret.error().code() == ErrorCode::not_found) return fail(SecretsError::Kind::not_found, {});
  const bool io = secret.error().code() == ErrorCode::io || secret.error().code() == ErrorCode::malformed;
  return fail(
      io ? SecretsError::Kind::io : SecretsError::Kind::upstream,
      fmt::format("the secret \"{}\" of \"{}\" through {} cannot be had: {}", key, context_.provider_id,
                  link_text(caller.link_name, caller.source_id), secret.error().full_message()));
}

std::vector<std::string> secrets_interfaces() {
  return {"wasmcloud:secrets/store", "wasmcloud:secrets/reveal"};
}

}  // namespace wattle::providers
