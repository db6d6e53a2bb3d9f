// The links, configs, weights and borders of the lattice, as this process knows them: kept in Store, told to
// whoever needs them as whole, immutable tables.
//
//   WATTLE_TRY(auto state, LatticeState::open(bus, {.lattice = "default", .path = "/var/lib/wattle/state"}));
//   WATTLE_CHECK(state->put_config("redis-url", {{"url", "redis://127.0.0.1:6379"}}));
//   WATTLE_CHECK(state->put_link(link));
//   state->links()->find(...);
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "async/signal.h"
#include "base/result.h"
#include "lattice/bus.h"
#include "lattice/links.h"
#include "lattice/parsed_values.h"
#include "lattice/state_buckets.h"
#include "lattice/store.h"

namespace wattle::lattice {

class LatticeState {
 public:
  // Knows everything that is there when it returns. `bus` outlives it. Refused as Store::open and
  // Store::wait_ready are.
  static Result<std::unique_ptr<LatticeState>> open(Bus& bus, StoreOptions options);
  // The same without a disk.
  static Result<std::unique_ptr<LatticeState>> open(Bus& bus, std::string_view lattice) {
    StoreOptions options;
    options.lattice = lattice;
    return open(bus, std::move(options));
  }
  ~LatticeState();
  LatticeState(const LatticeState&) = delete;
  LatticeState& operator=(const LatticeState&) = delete;

  // Never null. Each is the very same until something of it has changed.
  std::shared_ptr<const LinkTable> links() const { return links_; }
  std::shared_ptr<const ConfigTable> configs() const { return configs_; }
  std::shared_ptr<const BorderTable> borders() const { return borders_; }
  std::shared_ptr<const WeightTable> weights() const { return weights_; }
  // Of signed components, as long as anybody may ask for them.
  using Claims = std::vector<ComponentClaims>;
  std::shared_ptr<const Claims> claims() const { return claims_; }
  // Notified after each change of any.
  async::Signal& changed() { return changed_; }

  // As the store holds what the tables were made of; never null.
  std::shared_ptr<const StoreSnapshot> snapshot() const { return seen_; }
  // The key in it of the links of one source, name and package.
  static std::string key_of(const LinkKey& key);
  static LinkKey key_of(const Link& link);

  // Returns when it is durable. Replaces a link of the same source, target, name and package. Refused: as
  // check_new(), already_exists (v1's rule: another link leads there, whichever host put it), and what the
  // store refuses.
  Result<void> put_link(const Link& link);
  // Takes a step of stored_link.h; it may be tried several times. Returns the value that holds then.
  using Step = std::function<Result<StoredLinks>(StoredLinks links)>;
  Result<std::string> change_links(const LinkKey& key, const Step& step);
  // Whether the link can be put. Refused: permission_denied (a border), invalid_argument (a field; a reserved
  // key of its configs that does not parse), not_found (a config, after waiting for it a moment: it may be on
  // its way from another host).
  Result<void> check_new(const Link& link);
  // What went; nothing when there was none.
  Result<std::vector<Link>> delete_links(const LinkKey& key);
  // Refused (invalid_argument): a name that is none, reserved keys that do not parse.
  Result<void> put_config(const std::string& name, const StringMap& values);
  Result<void> delete_config(const std::string& name);
  // By its application.
  Result<void> put_border(const Border& border);
  Result<void> delete_border(const std::string& application);
  Result<void> put_claims(const ComponentClaims& claims);
  // How calls to a component are shared among its revisions; none deletes. Refused: as check_weights, and
  // unsupported where what is there is of a newer format.
  Result<void> put_weights(const std::string& component_id, const RevisionWeights& weights);

  // Waits until every one of `names` is there, at most for `patience`. Refused: not_found, naming the config.
  Result<void> wait_for_configs(const std::vector<std::string>& names, Duration patience);

 private:
  explicit LatticeState(std::unique_ptr<Store> store);
  // Makes the tables anew of which the store holds something else.
  void rebuild();
  std::optional<std::string> missing_config(const std::vector<std::string>& names) const;

  std::unique_ptr<Store> store_;
  std::shared_ptr<const StoreSnapshot> seen_;
  ParsedValues<StringMap> stored_configs_;
  ParsedValues<StoredLinks> stored_links_;
  ParsedValues<Border> stored_borders_;
  ParsedValues<RevisionWeights> stored_weights_;
  ParsedValues<ComponentClaims> stored_claims_;
  std::shared_ptr<const LinkTable> links_;
  std::shared_ptr<const ConfigTable> configs_;
  std::shared_ptr<const BorderTable> borders_;
  std::shared_ptr<const WeightTable> weights_;
  std::shared_ptr<const Claims> claims_;
  async::Signal changed_;
};

}  // namespace wattle::lattice
