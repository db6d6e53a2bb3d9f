#include "lattice/lattice_state.h"

#include "lattice/names.h"
#include "lattice/revision_weights.h"

namespace wattle::lattice {
namespace {

constexpr std::string_view kLinks = "link.";
constexpr std::string_view kConfigs = "config.";
constexpr std::string_view kClaims = "claims.";
constexpr std::string_view kBorders = "border.";
constexpr Duration kConfigPatience = std::chrono::milliseconds(1000);

std::string key_of_config(std::string_view name) {
  return fmt::format("{}{}", kConfigs, name);
}

Result<StoredLinks> read_links(std::optional<std::string_view> value) {
  if (!value) return StoredLinks();
  auto links = parse_stored_links(*value);
  if (!links) return failure(links.error().with_context("what the lattice's store holds of these links"));
  return links;
}

template <class Value>
std::vector<Value> as_list(const ParsedValues<Value>& values) {
  std::vector<Value> list;
  values.visit([&](const std::string&, const Value& value) { list.push_back(value); });
  return list;
}

}  // namespace

LatticeState::LatticeState(std::unique_ptr<Store> store)
    : store_(std::move(store)),
      stored_configs_(kConfigs, parse_json<StringMap>),
      stored_links_(kLinks, parse_stored_links),
      stored_borders_(kBorders, parse_border),
      stored_weights_(kWeightsPrefix, parse_weights),
      stored_claims_(kClaims, parse_claims),
      links_(LinkTable::build({})),
      configs_(std::make_shared<const ConfigTable>()),
      borders_(std::make_shared<const BorderTable>()),
      weights_(std::make_shared<const WeightTable>()),
      claims_(std::make_shared<const Claims>()) {
  rebuild();
  store_->changed().set_listener([this] { rebuild(); });
}

LatticeState::~LatticeState() {
  store_->changed().set_listener(nullptr);
}

Result<std::unique_ptr<LatticeState>> LatticeState::open(Bus& bus, StoreOptions options) {
  WATTLE_TRY(auto store, Store::open(bus, std::move(options)));
  WATTLE_CHECK(store->wait_ready());
  return std::unique_ptr<LatticeState>(new LatticeState(std::move(store)));
}

void LatticeState::rebuild() {
  const auto snapshot = store_->snapshot();
  if (snapshot == seen_) return;
  seen_ = snapshot;
  const bool other_configs = stored_configs_.update(*snapshot);
  const bool other_borders = stored_borders_.update(*snapshot);
  const bool other_links = stored_links_.update(*snapshot);
  if (other_configs) {
    ConfigTable configs;
    stored_configs_.visit(
        [&](const std::string& name, const StringMap& values) { configs.emplace(name, values); });
    configs_ = std::make_shared<const ConfigTable>(std::move(configs));
  }
  if (other_borders) borders_ = std::make_shared<const BorderTable>(as_list(stored_borders_));
  if (other_configs || other_borders || other_links) {
    StoredLinks links;
    stored_links_.visit([&](const std::string&, const StoredLinks& some) {
      links.insert(links.end(), some.begin(), some.end());
    });
    links_ = LinkTable::build_stored(std::move(links), *configs_, *borders_);
  }
  if (stored_weights_.update(*snapshot)) {
    WeightTable weights;
    stored_weights_.visit([&](const std::string& id, const RevisionWeights& some) {
      if (!some.empty()) weights.emplace(id, some);
    });
    weights_ = std::make_shared<const WeightTable>(std::move(weights));
  }
  if (stored_claims_.update(*snapshot)) claims_ = std::make_shared<const Claims>(as_list(stored_claims_));
  changed_.notify();
}

std::optional<std::string> LatticeState::missing_config(const std::vector<std::string>& names) const {
  for (const std::string& name : names)
    if (!configs_->contains(name)) return name;
  return {};
}

Result<void> LatticeState::wait_for_configs(const std::vector<std::string>& names, Duration patience) {
  const TimePoint until = Clock::now() + patience;
  async::Signal* const signals[] = {&changed_};
  while (const auto missing = missing_config(names)) {
    if (Clock::now() >= until)
      return failure(Error(ErrorCode::not_found, fmt::format("there is no config \"{}\"", *missing))
                         .with_remedy(fmt::format("wattle config put {} KEY=VALUE", *missing)));
    WATTLE_CHECK(async::Signal::wait_any(signals, until));
  }
  return {};
}

// The links of one source under one name for one package: one value, so that v1's rule about their targets is
// held by comparing and setting it. None of the parts holds a dot.
std::string LatticeState::key_of(const LinkKey& key) {
  return fmt::format("{}{}.{}.{}.{}", kLinks, key.source_id, key.wit_namespace, key.wit_package, key.name);
}

LinkKey LatticeState::key_of(const Link& link) {
  return {.source_id = link.source_id,
          .name = link.name,
          .wit_namespace = link.wit_namespace,
          .wit_package = link.wit_package};
}

Result<void> LatticeState::check_new(const Link& link) {
  WATTLE_CHECK(check(link));
  WATTLE_CHECK(borders_->check(link));
  std::vector<std::string> names = link.source_config;
  names.insert(names.end(), link.target_config.begin(), link.target_config.end());
  WATTLE_CHECK(wait_for_configs(names, kConfigPatience));
  WATTLE_CHECK(parse_rules(merge_configs(*configs_, link.source_config)));
  return {};
}

Result<std::string> LatticeState::change_links(const LinkKey& key, const Step& step) {
  std::string changed;
  const auto change = [&](std::optional<std::string_view> value) -> Result<std::optional<std::string>> {
    WATTLE_TRY(StoredLinks links, read_links(value));
    WATTLE_TRY(links, step(std::move(links)));
    changed = to_json(links);
    const bool is_same = value && *value == changed;
    if (links.empty() && !is_same) return std::optional<std::string>();
    return changed;
  };
  WATTLE_CHECK(store_->update(key_of(key), change));
  rebuild();
  return changed;
}

Result<void> LatticeState::put_link(const Link& link) {
  WATTLE_CHECK(check_new(link));
  WATTLE_CHECK(change_links(key_of(link), [&](StoredLinks links) { return put(std::move(links), link); }));
  return {};
}

Result<std::vector<Link>> LatticeState::delete_links(const LinkKey& key) {
  // Names that no link can have: there is nothing to delete.
  const Link such{.source_id = key.source_id,
                  .target = key.source_id,
                  .name = key.name,
                  .wit_namespace = key.wit_namespace,
                  .wit_package = key.wit_package,
                  .interfaces = {"any"}};
  if (!check(such)) return std::vector<Link>();
  std::vector<Link> gone;
  const auto remove = [&](std::optional<std::string_view> value) -> Result<std::optional<std::string>> {
    WATTLE_TRY(const StoredLinks links, read_links(value));
    gone.clear();
    for (const auto& each : links)
      if (each.phase == LinkPhase::in_force) gone.push_back(each.link);
    return std::optional<std::string>();
  };
  WATTLE_CHECK(store_->update(key_of(key), remove));
  rebuild();
  return gone;
}

Result<void> LatticeState::put_config(const std::string& name, const StringMap& values) {
  WATTLE_CHECK(check_id(name, "the config's name"));
  WATTLE_CHECK(parse_rules(values));
  WATTLE_CHECK(store_->put(key_of_config(name), to_json(values)));
  rebuild();
  return {};
}

Result<void> LatticeState::delete_config(const std::string& name) {
  WATTLE_CHECK(check_id(name, "the config's name"));
  WATTLE_CHECK(store_->remove(key_of_config(name)));
  rebuild();
  return {};
}

Result<void> LatticeState::put_border(const Border& border) {
  WATTLE_CHECK(check_id(border.application, "the application's name"));
  WATTLE_CHECK(store_->put(fmt::format("{}{}", kBorders, border.application), to_json(border)));
  rebuild();
  return {};
}

Result<void> LatticeState::delete_border(const std::string& application) {
  WATTLE_CHECK(check_id(application, "the application's name"));
  WATTLE_CHECK(store_->remove(fmt::format("{}{}", kBorders, application)));
  rebuild();
  return {};
}

Result<void> LatticeState::put_weights(const std::string& component_id, const RevisionWeights& weights) {
  WATTLE_CHECK(check_weights(component_id, weights));
  const auto change = [&](std::optional<std::string_view> value) -> Result<std::optional<std::string>> {
    // What is of a newer format is left as it is; what is nothing at all is replaced.
    if (const auto before = parse_weights(value.value_or("")); value && !before)
      if (before.error().code() == ErrorCode::unsupported) return failure(before.error());
    return weights.empty() ? std::optional<std::string>() : weights_to_json(weights);
  };
  WATTLE_CHECK(store_->update(weights_key(component_id), change));
  rebuild();
  return {};
}

Result<void> LatticeState::put_claims(const ComponentClaims& claims) {
  WATTLE_CHECK(check_id(claims.subject, "the component's public key"));
  const std::string key = fmt::format("{}{}", kClaims, claims.subject);
  const std::string value = to_json(claims);
  if (const auto known = seen_->find(key); known != nullptr && *known == value) return {};
  return store_->put(key, value);
}

}  // namespace wattle::lattice
