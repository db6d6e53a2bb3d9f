#include "host/lattice_state.h"

#include "lattice/names.h"
#include "lattice/state_buckets.h"

namespace wattle::host {
namespace {

using lattice::Link;

constexpr std::string_view kLinks = "link.";
constexpr std::string_view kConfigs = "config.";
constexpr std::string_view kClaims = "claims.";
constexpr Duration kLookAgain = std::chrono::milliseconds(100);
constexpr Duration kConfigPatience = std::chrono::milliseconds(1000);

// Links are told apart by all of this. None of the parts holds a dot.
std::string key_of(const Link& link) {
  return fmt::format("{}{}.{}.{}.{}.{}", kLinks, link.source_id, link.wit_namespace, link.wit_package,
                     link.name, link.target);
}

std::string key_of_config(std::string_view name) {
  return fmt::format("{}{}", kConfigs, name);
}

}  // namespace

LatticeState::LatticeState(std::unique_ptr<lattice::Bucket> bucket) : bucket_(std::move(bucket)) {
  rebuild();
}

LatticeState::~LatticeState() {
  if (!fiber_) return;
  fiber_->cancel();
  const async::MaskScope mask;
  while (!fiber_->finished()) async::Fiber::current().yield();
}

Result<std::unique_ptr<LatticeState>> LatticeState::open(lattice::Bus& bus, std::string_view lattice) {
  WATTLE_CHECK(lattice::check_lattice(lattice));
  lattice::BucketConfig config;
  config.bucket = fmt::format("WATTLE_STATE_{}", lattice);
  WATTLE_TRY(auto bucket, bus.bucket(config));
  std::unique_ptr<LatticeState> state(new LatticeState(std::move(bucket)));
  WATTLE_CHECK(state->read_all());
  state->fiber_ = bus.worker().spawn([self = state.get()] { self->follow(); });
  return state;
}

Result<void> LatticeState::read_all() {
  WATTLE_TRY(watch_, bucket_->watch());
  for (;;) {
    WATTLE_TRY(const lattice::WatchEvent event, watch_->next());
    if (event.kind == lattice::WatchEvent::Kind::replayed) break;
    take(event);
  }
  rebuild();
  return {};
}

void LatticeState::follow() {
  bool replaying = false;
  while (!async::Fiber::current().cancellation()) {
    const auto event = watch_->next();
    if (!event) {
      // The bucket is missing: look again soon.
      if (!async::sleep_for(kLookAgain)) return;
      continue;
    }
    take(*event);
    if (event->kind == lattice::WatchEvent::Kind::restarted) replaying = true;
    if (event->kind == lattice::WatchEvent::Kind::replayed) replaying = false;
    if (!replaying) rebuild();
  }
}

void LatticeState::take(const lattice::WatchEvent& event) {
  if (event.kind == lattice::WatchEvent::Kind::restarted) {
    entries_.clear();
    removing_.clear();
  }
  if (event.kind != lattice::WatchEvent::Kind::entry) return;
  const lattice::Entry& entry = event.entry;
  if (entry.operation != lattice::Entry::Operation::put) {
    removing_.erase(entry.key);
    const auto known = entries_.find(entry.key);
    if (known != entries_.end() && known->second.revision < entry.revision) entries_.erase(known);
  } else if (!removing_.contains(entry.key)) {
    Entry& known = entries_[entry.key];
    if (known.revision < entry.revision) known = {entry.value, entry.revision};
  }
}

// What was written here is known here at once.
Result<void> LatticeState::write(const std::string& key, const std::string& value) {
  WATTLE_TRY(const uint64_t revision, bucket_->put(key, value));
  if (Entry& known = entries_[key]; known.revision < revision) known = {value, revision};
  removing_.erase(key);
  rebuild();
  return {};
}

Result<void> LatticeState::erase(const std::string& key) {
  WATTLE_CHECK(bucket_->remove(key));
  if (entries_.erase(key) > 0) removing_.insert(key);
  rebuild();
  return {};
}

void LatticeState::rebuild() {
  auto configs = std::make_shared<ConfigTable>();
  for (const auto& [key, value] : entries_) {
    if (!key.starts_with(kConfigs)) continue;
    if (auto values = lattice::parse_json<lattice::StringMap>(value.value))
      configs->emplace(key.substr(kConfigs.size()), std::move(*values));
  }
  std::vector<Link> links;
  for (const auto& [key, value] : entries_) {
    if (!key.starts_with(kLinks)) continue;
    if (auto link = lattice::parse_link(value.value)) links.push_back(std::move(*link));
  }
  claims_.clear();
  for (const auto& [key, value] : entries_) {
    if (!key.starts_with(kClaims)) continue;
    if (auto claims = lattice::parse_claims(value.value)) claims_.push_back(std::move(*claims));
  }
  links_ = LinkTable::build(std::move(links), *configs);
  configs_ = std::move(configs);
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

Result<void> LatticeState::put_link(const Link& link) {
  WATTLE_CHECK(lattice::check(link));
  std::vector<std::string> names = link.source_config;
  names.insert(names.end(), link.target_config.begin(), link.target_config.end());
  WATTLE_CHECK(wait_for_configs(names, kConfigPatience));
  WATTLE_CHECK(lattice::parse_rules(lattice::merge_configs(*configs_, link.source_config)));
  WATTLE_CHECK(links_->check_put(link));
  return write(key_of(link), lattice::to_json(link));
}

Result<std::vector<Link>> LatticeState::delete_links(const lattice::LinkKey& key) {
  std::vector<Link> gone;
  for (const auto* entry : links_->matching(key)) gone.push_back(entry->link);
  for (const Link& link : gone) WATTLE_CHECK(erase(key_of(link)));
  return gone;
}

Result<void> LatticeState::put_config(const std::string& name, const lattice::StringMap& values) {
  WATTLE_CHECK(lattice::check_id(name, "the config's name"));
  WATTLE_CHECK(lattice::parse_rules(values));
  return write(key_of_config(name), lattice::to_json(values));
}

Result<void> LatticeState::delete_config(const std::string& name) {
  WATTLE_CHECK(lattice::check_id(name, "the config's name"));
  return erase(key_of_config(name));
}

Result<void> LatticeState::put_claims(const lattice::ComponentClaims& claims) {
  WATTLE_CHECK(lattice::check_id(claims.subject, "the component's public key"));
  const std::string key = fmt::format("{}{}", kClaims, claims.subject);
  const std::string value = lattice::to_json(claims);
  if (const auto known = entries_.find(key); known != entries_.end() && known->second.value == value)
    return {};
  return write(key, value);
}

}  // namespace wattle::host
