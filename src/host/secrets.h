// The secrets that what runs on this host was given: configs that begin with "SECRET_" refer to them, and the
// host fetches their values for the components, providers and links that name these configs. Values are in
// memory only, and in no message of this module.
//
//   SecretKeeper secrets(state, log, fetch);
//   secrets.start(worker, [&] { return wanted; }, [&](auto table) { data.set_secrets(table); });
//   WATTLE_CHECK(secrets.wait_for("shop", {"SECRET_token"}));
//
// A reference that changes (a newer version) is fetched again, and who has the secret is told; while that
// fails, the value that was known stays. When the config is deleted, it is forgotten.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "capability/secrets.h"
#include "lattice/lattice_state.h"
#include "lattice/provider_host_data.h"
#include "lattice/secret_reference.h"
#include "telemetry/log.h"

namespace wattle::host {

// Who was given it, a component's or a provider's id, and by which config.
struct SecretKey {
  std::string entity;
  std::string config;
  auto operator<=>(const SecretKey&) const = default;
};

// With the token that says who the entity is; empty for one that is not signed.
using WantedSecrets = std::map<SecretKey, std::string>;

// From the backend that the reference names. Within the fiber's deadline; no value is in an error.
using FetchSecret =
    std::function<Result<capability::Secret>(const lattice::SecretReference&, const std::string& token)>;

// Immutable, for every worker of a host.
class SecretTable {
 public:
  struct Held {
    lattice::SecretReference reference;
    std::string token;
    std::optional<capability::Secret> secret;  // the last that could be had
    std::optional<Error> problem;              // why not that of the reference
  };
  using Secrets = std::map<std::string, capability::Secret>;

  // Those that `configs` name, by the names that their entity knows them by. Nothing while the value of one
  // is not known.
  std::optional<Secrets> of(std::string_view entity, const std::vector<std::string>& configs) const;
  // Null: it was not asked for.
  const Held* find(std::string_view entity, std::string_view config) const;

  std::map<SecretKey, std::shared_ptr<const Held>> held;
};

// What a ProviderLink and a ProviderContext have of them.
std::map<std::string, capability::SecretValue> values_of(const SecretTable::Secrets& secrets);
// What a provider's process is told.
lattice::SecretMap texts_of(const SecretTable::Secrets& secrets);

class SecretKeeper {
 public:
  // `state` and `log` outlive it.
  SecretKeeper(lattice::LatticeState& state, const telemetry::Log& log, FetchSecret fetch)
      : state_(state), log_(log), fetch_(std::move(fetch)) {}
  // Precondition: stopped.
  ~SecretKeeper() = default;
  SecretKeeper(const SecretKeeper&) = delete;
  SecretKeeper& operator=(const SecretKeeper&) = delete;

  // `wanted` is asked whenever something may have changed; `tell` is told each new table first, and may wait.
  void start(async::Worker& worker, std::function<WantedSecrets()> wanted,
             std::function<void(std::shared_ptr<const SecretTable>)> tell);
  void stop();
  // What `wanted` answers has changed.
  void wanted_changed();
  // Until the secrets among `configs`, which `wanted` must name for `entity`, have been fetched and told;
  // within the fiber's deadline. Refused: what one of them is refused with.
  Result<void> wait_for(const std::string& entity, const std::vector<std::string>& configs);

  // Never null.
  std::shared_ptr<const SecretTable> table() const { return table_; }
  // Notified when the table is another.
  async::Signal& changed() { return changed_; }

 private:
  void run();
  // Fetches what is not known yet. False: something could not be had.
  bool round();
  std::shared_ptr<const SecretTable::Held> hold(const SecretKey& key, const std::string& token,
                                                std::map<std::string, Error>& down);

  lattice::LatticeState& state_;
  const telemetry::Log& log_;
  FetchSecret fetch_;
  std::function<WantedSecrets()> wanted_;
  std::function<void(std::shared_ptr<const SecretTable>)> tell_;
  std::shared_ptr<const SecretTable> table_ = std::make_shared<const SecretTable>();
  async::Signal changed_;
  async::Signal asked_;
  async::Signal round_over_;
  bool dirty_ = true;
  uint64_t rounds_begun_ = 0;
  uint64_t rounds_over_ = 0;
  std::shared_ptr<async::Fiber> fiber_;
};

}  // namespace wattle::host
