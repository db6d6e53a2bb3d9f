// What the secrets providers share: links, what a link may read, deadlines, and what a component sees of a
// failure. A backend is then a SecretStore. Values are in no log and no error.
//
// Settings of a link that every backend understands:
//
//   allow        the secrets that the link may read, with commas; NAME* stands for every name that begins so.
//                Default: none
//   timeout_ms   of one call, beside the caller's deadline; 5000
#pragma once

#include <memory>

#include "capability/secrets.h"
#include "providers/in_flight.h"
#include "providers/link_table.h"
#include "providers/settings.h"

namespace wattle::providers {

class SecretStore {
 public:
  virtual ~SecretStore() = default;
  // `version`: empty for the latest; `field`: empty for the whole. Refused: not_found, io (what is kept
  // cannot be read), anything else (the backend). No value is in an error.
  virtual Result<capability::Secret> get(std::string_view key, std::string_view field,
                                         std::string_view version) = 0;
  virtual capability::Health health() { return {}; }
};

// The text of a field of a JSON object. Refused: malformed (no object), not_found.
Result<std::string> json_field(std::string_view text, std::string_view field);
bool is_utf8(std::string_view bytes);

class SecretsProvider : public capability::Provider, private capability::Secrets {
 public:
  explicit SecretsProvider(const capability::ProviderContext& context) : context_(context) {}

  Result<void> put_link(const capability::ProviderLink& link) override;
  void delete_link(const capability::ProviderLink& link) override { links_.erase(link); }
  Result<void> update_config(const std::map<std::string, std::string>& config) override;
  capability::Health health() override;
  void drain() override { in_flight_.wait(); }
  capability::Secrets* secrets() override { return this; }

 protected:
  // Does not wait for the backend. Refused: invalid_argument.
  virtual Result<std::shared_ptr<SecretStore>> make_store(const capability::ProviderLink& link,
                                                          const Settings& settings) = 0;
  const capability::ProviderContext& context() const { return context_; }

 private:
  struct Link {
    std::shared_ptr<SecretStore> store;
    std::vector<std::string> allowed;
    Duration timeout{};
    capability::ProviderLink put;
  };

  tl::expected<capability::Secret, capability::SecretsError> get(const capability::Caller& caller,
                                                                 std::string_view key, std::string_view field,
                                                                 std::string_view version) override;

  capability::ProviderContext context_;
  LinkTable<Link> links_;
  InFlight in_flight_;
};

// What every secrets provider's factory offers.
std::vector<std::string> secrets_interfaces();

// Whether `name` is one of `patterns`, which may end with "*".
bool is_allowed(const std::vector<std::string>& patterns, std::string_view name);

}  // namespace wattle::providers
