// The links and configs of the lattice, as this host knows them: kept in lattice::Store, told to whoever
// needs them as whole, immutable tables.
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
#include "lattice/store.h"

namespace wattle::host {

class LatticeState {
 public:
  using LinkTable = lattice::LinkTable;
  using ConfigTable = lattice::ConfigTable;

  // Knows everything that is there when it returns. `bus` outlives it. Refused as Store::open and
  // Store::wait_ready are.
  static Result<std::unique_ptr<LatticeState>> open(lattice::Bus& bus, lattice::StoreOptions options);
  // The same without a disk.
  static Result<std::unique_ptr<LatticeState>> open(lattice::Bus& bus, std::string_view lattice) {
    lattice::StoreOptions options;
    options.lattice = lattice;
    return open(bus, std::move(options));
  }
  ~LatticeState();
  LatticeState(const LatticeState&) = delete;
  LatticeState& operator=(const LatticeState&) = delete;

  // Never null.
  std::shared_ptr<const LinkTable> links() const { return links_; }
  std::shared_ptr<const ConfigTable> configs() const { return configs_; }
  // Of signed components, as long as anybody may ask for them.
  const std::vector<lattice::ComponentClaims>& claims() const { return claims_; }
  // Notified after each change of any.
  async::Signal& changed() { return changed_; }

  // As the store holds what the tables were made of; never null.
  std::shared_ptr<const lattice::StoreSnapshot> snapshot() const { return seen_; }
  // The key in it of the links of one source, name and package.
  static std::string key_of(const lattice::LinkKey& key);
  static lattice::LinkKey key_of(const lattice::Link& link);

  // Returns when it is durable. Replaces a link of the same source, target, name and package. Refused: as
  // check_new(), already_exists (v1's rule: another link leads there, whichever host put it), and what the
  // store refuses.
  Result<void> put_link(const lattice::Link& link);
  // Takes a step of stored_link.h; it may be tried several times. Returns the value that holds then.
  using Step = std::function<Result<lattice::StoredLinks>(lattice::StoredLinks links)>;
  Result<std::string> change_links(const lattice::LinkKey& key, const Step& step);
  // Whether the link can be put. Refused: invalid_argument (a field; a reserved key of its configs that does
  // not parse), not_found (a config, after waiting for it a moment: it may be on its way from another host).
  Result<void> check_new(const lattice::Link& link);
  // What went; nothing when there was none.
  Result<std::vector<lattice::Link>> delete_links(const lattice::LinkKey& key);
  // Refused (invalid_argument): a name that is none, reserved keys that do not parse.
  Result<void> put_config(const std::string& name, const lattice::StringMap& values);
  Result<void> delete_config(const std::string& name);
  Result<void> put_claims(const lattice::ComponentClaims& claims);

  // Waits until every one of `names` is there, at most for `patience`. Refused: not_found, naming the config.
  Result<void> wait_for_configs(const std::vector<std::string>& names, Duration patience);

 private:
  explicit LatticeState(std::unique_ptr<lattice::Store> store);
  // Makes the tables anew from what the store holds.
  void rebuild();
  std::optional<std::string> missing_config(const std::vector<std::string>& names) const;

  std::unique_ptr<lattice::Store> store_;
  std::shared_ptr<const lattice::StoreSnapshot> seen_;
  std::shared_ptr<const LinkTable> links_;
  std::shared_ptr<const ConfigTable> configs_;
  std::vector<lattice::ComponentClaims> claims_;
  async::Signal changed_;
};

}  // namespace wattle::host
