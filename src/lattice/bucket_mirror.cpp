#include "lattice/bucket_mirror.h"

#include <algorithm>
#include <utility>

#include "lattice/control_client.h"
#include "lattice/events.h"
#include "lattice/names.h"

namespace wattle::lattice {
namespace {

constexpr Duration kRoundTimeMax = std::chrono::seconds(10);
constexpr size_t kStaleMax = 10'000;
constexpr Duration kRetry = std::chrono::milliseconds(500);
// So much longer than it takes a round rests: many hosts with much on them that changes must not have it take
// the time of those who change it.
constexpr int kRestShare = 10;
constexpr Duration kRestMax = std::chrono::seconds(5);
constexpr Duration kLook = kManagerLeaseExpires + std::chrono::milliseconds(200);

BucketConfig bucket_named(std::string name) {
  BucketConfig config;
  config.bucket = std::move(name);
  return config;
}

// What else is kept there is left alone.
bool is_record(const std::string& key) {
  return key.starts_with("COMPONENT_") || key.starts_with("CLAIMS_");
}

bool is_any(const std::string&) {
  return true;
}

}  // namespace

void BucketMirror::Hosts::add(const HostLease& host) {
  ids.push_back(host.host_id);
  if (!host.providers) return;
  for (const ProviderLease& provider : *host.providers)
    if (!provider.healthy || !provider.refused.empty()) failing.emplace(host.host_id, provider.id);
}

BucketMirror::BucketMirror(Bus& bus, LatticeState& state, const telemetry::Log& log, std::string id,
                           std::function<Hosts()> hosts, BucketMirrorOptions options)
    : bus_(bus),
      state_(state),
      log_(log),
      id_(std::move(id)),
      hosts_(std::move(hosts)),
      options_(std::move(options)) {
  records_.config = bucket_named(lattice_data_bucket(options_.lattice));
  configs_.config = bucket_named(config_data_bucket(options_.lattice));
  observed_.config = bucket_named(std::string(kObservedStateBucket));
}

BucketMirror::~BucketMirror() = default;

Result<std::unique_ptr<BucketMirror>> BucketMirror::start(Bus& bus, LatticeState& state,
                                                          const telemetry::Log& log, std::string id,
                                                          std::function<Hosts()> hosts,
                                                          BucketMirrorOptions options) {
  std::unique_ptr<BucketMirror> mirror(
      new BucketMirror(bus, state, log, std::move(id), std::move(hosts), std::move(options)));
  // What hosts tell may change what is to be written.
  WATTLE_TRY(mirror->events_, bus.subscribe(event_subject(mirror->options_.lattice, ">"), {},
                                            [self = mirror.get()](const Message& message) {
                                              const auto event = parse_event(message.payload);
                                              // Every host beats all the time, and a round in each interval
                                              // asks all of them.
                                              if (!event || event->name == "host_heartbeat") return;
                                              if (self->stale_.size() < kStaleMax)
                                                self->stale_.insert(event->source);
                                              self->dirty_ = true;
                                              self->changed_.notify();
                                            }));
  mirror->fiber_ = bus.worker().spawn([self = mirror.get()] { self->run(); });
  return mirror;
}

void BucketMirror::stop() {
  events_.reset();
  fiber_->cancel();
  const async::MaskScope mask;
  while (!fiber_->finished()) async::Fiber::current().yield();
}

void BucketMirror::hosts_changed() {
  dirty_ = true;
  changed_.notify();
}

void BucketMirror::run() {
  async::Signal* const signals[] = {&changed_, &state_.changed()};
  while (!async::Fiber::current().cancellation()) {
    const TimePoint now = Clock::now();
    if (dirty_ || told_ != tables() || now >= next_turn_) {
      if (!async::sleep_until(std::max(now + options_.settle, next_start_))) return;
      const TimePoint begun = Clock::now();
      turn();
      const TimePoint ended = Clock::now();
      next_start_ = ended + std::min<Duration>(kRestShare * (ended - begun), kRestMax);
    } else if (now >= next_look_) {
      look_for_manager();
    } else if (!async::Signal::wait_any(signals, std::min(next_turn_, next_look_))) {
      return;
    }
  }
}

BucketMirror::Tables BucketMirror::tables() const {
  if (options_.writer == MirrorWriter::manager) return {};
  return {state_.links(), state_.configs(), state_.claims()};
}

void BucketMirror::turn() {
  if (Clock::now() >= next_turn_) {
    ask_all_ = true;
    // Whoever wrote for a moment beside this one, as leadership went over, is found out.
    observed_.bucket.reset();
  }
  dirty_ = false;
  told_ = tables();
  next_turn_ = Clock::now() + options_.interval;
  const Hosts hosts = hosts_();
  if (hosts.writer.empty()) next_turn_ = Clock::now() + kRetry;
  if (hosts.writer != id_) return forget();
  const async::DeadlineScope deadline(Clock::now() + kRoundTimeMax);
  if (auto written = round(hosts); !written) {
    log_.warn("the buckets that clients of wasmCloud v1 read could not be written",
              {{"reason", written.error().full_message()}});
    next_turn_ = Clock::now() + kRetry;
  }
}

void BucketMirror::forget() {
  for (Mirror* mirror : {&records_, &configs_, &observed_}) mirror->bucket.reset();
  inventories_.clear();
  stale_.clear();
  next_look_ = TimePoint::max();
}

Result<void> BucketMirror::round(const Hosts& hosts) {
  const std::vector<HostInventory> known = inventories(hosts.ids);
  if (hosts_().writer != id_) return {};  // by now
  if (options_.writer == MirrorWriter::manager) return write_observed(known, hosts);
  WATTLE_CHECK(write_records(known));
  WATTLE_TRY(const bool managed, manager_leads());
  if (!managed) return write_observed(known, hosts);
  observed_.bucket.reset();
  return {};
}

Result<void> BucketMirror::write_records(const std::vector<HostInventory>& hosts) {
  WATTLE_CHECK(write(records_, wanted_records(hosts), is_record));
  std::map<std::string, std::string> wanted;
  for (const auto& [name, values] : *state_.configs()) wanted.emplace(name, to_json(values));
  return write(configs_, wanted, is_any);
}

Result<void> BucketMirror::write_observed(const std::vector<HostInventory>& hosts, const Hosts& live) {
  // The bucket is shared with other lattices.
  const std::map<std::string, std::string> state = wanted_state(hosts, live);
  return write(observed_, state, [&](const std::string& key) { return state.contains(key); });
}

// Nobody says that a manager has ended: while one leads, its lease is looked at again.
Result<bool> BucketMirror::manager_leads() {
  next_look_ = Clock::now() + kLook;
  if (!lease_bucket_) {
    WATTLE_TRY(lease_bucket_, bus_.bucket(bucket_named(manager_lease_bucket(options_.lattice))));
  }
  const TimePoint asked = Clock::now();
  const auto entry = lease_bucket_->get(kManagerLeaseKey);
  if (!entry && entry.error().code() != ErrorCode::not_found) return failure(entry.error());
  const auto revision = entry ? std::optional(entry->revision) : std::nullopt;
  const bool leads = lease_.held(revision, asked, Clock::now());
  if (!leads) next_look_ = TimePoint::max();
  return leads;
}

void BucketMirror::look_for_manager() {
  const async::DeadlineScope deadline(Clock::now() + kRoundTimeMax);
  if (const auto leads = manager_leads(); !leads || !*leads) dirty_ = true;
}

// What is in the bucket now, unless it is the one that was looked at before.
Result<void> BucketMirror::open(Mirror& mirror, const std::function<bool(const std::string&)>& ours) {
  if (mirror.bucket) {
    const auto created = mirror.bucket->created_ns();
    if (created && *created == mirror.created_ns) return {};
    if (!created && created.error().code() != ErrorCode::not_found) return failure(created.error());
  }
  mirror.written.clear();
  WATTLE_TRY(mirror.bucket, bus_.bucket(mirror.config));
  WATTLE_TRY(const auto keys, mirror.bucket->keys());
  for (const std::string& key : keys) {
    if (!ours(key)) continue;
    WATTLE_TRY(Entry entry, mirror.bucket->get(key));
    mirror.written.emplace(key, std::move(entry.value));
  }
  WATTLE_TRY(mirror.created_ns, mirror.bucket->created_ns());
  return {};
}

Result<void> BucketMirror::write(Mirror& mirror, const std::map<std::string, std::string>& wanted,
                                 const std::function<bool(const std::string&)>& ours) {
  const auto written = [&]() -> Result<void> {
    WATTLE_CHECK(open(mirror, ours));
    for (const auto& [key, value] : wanted) {
      const auto there = mirror.written.find(key);
      if (there != mirror.written.end() && there->second == value) continue;
      WATTLE_CHECK(mirror.bucket->put(key, value));
      mirror.written.insert_or_assign(key, value);
    }
    for (auto there = mirror.written.begin(); there != mirror.written.end();) {
      if (wanted.contains(there->first)) {
        ++there;
        continue;
      }
      WATTLE_CHECK(mirror.bucket->remove(there->first));
      there = mirror.written.erase(there);
    }
    return {};
  }();
  // Whether a write that failed was done is not known: look again next time.
  if (!written) mirror.bucket.reset();
  return written;
}

std::vector<HostInventory> BucketMirror::inventories(const std::vector<std::string>& hosts) {
  ControlClient control(bus_, {.lattice = options_.lattice,
                               .request_timeout = std::chrono::seconds(1),
                               .auction_timeout = std::chrono::seconds(1),
                               .quiet = std::chrono::milliseconds(100)});
  std::erase_if(inventories_, [&](const auto& known) {
    return std::find(hosts.begin(), hosts.end(), known.first) == hosts.end();
  });
  const std::set<std::string> stale = std::exchange(stale_, {});
  std::vector<HostInventory> all;
  for (const std::string& id : hosts) {
    if (!ask_all_ && inventories_.contains(id) && !stale.contains(id)) {
      all.push_back(inventories_.at(id));
      continue;
    }
    // Who does not answer now is shown as it was.
    if (auto inventory = control.inventory(id)) inventories_.insert_or_assign(id, std::move(*inventory));
    if (const auto known = inventories_.find(id); known != inventories_.end()) all.push_back(known->second);
  }
  ask_all_ = false;
  return all;
}

std::map<std::string, std::string> BucketMirror::wanted_records(
    const std::vector<HostInventory>& hosts) const {
  std::map<std::string, ComponentRecord> records;
  for (Link& link : state_.links()->in_force()) {
    const std::string source = link.source_id;
    records[source].links.push_back(std::move(link));
  }
  for (const HostInventory& host : hosts) {
    for (const auto& component : host.components) records[component.id].url = component.image_ref;
    for (const auto& provider : host.providers) records[provider.id].url = provider.image_ref.value_or("");
  }
  std::map<std::string, std::string> wanted;
  for (const auto& [id, record] : records) wanted.emplace(component_key(id), to_json(record));
  for (const auto& claims : *state_.claims()) wanted.emplace(claims_key(claims.subject), to_json(claims));
  return wanted;
}

std::map<std::string, std::string> BucketMirror::wanted_state(const std::vector<HostInventory>& hosts,
                                                              const Hosts& live) {
  // Stamps alone are no change worth a write before the interval is over.
  if (stamp_.empty() || Clock::now() - stamped_ >= options_.interval) {
    stamp_ = format_time_now();
    stamped_ = Clock::now();
  }
  ObservedState state;
  for (const HostInventory& host : hosts) state.add(host, stamp_);
  for (auto& [id, provider] : state.providers)
    for (auto& [host, status] : provider.hosts)
      if (live.failing.contains({host, id})) status = "Failed";
  // Nor are seconds of uptime: they go in steps.
  const auto step = static_cast<uint64_t>(
      std::max<int64_t>(1, std::chrono::duration_cast<std::chrono::seconds>(options_.interval).count()));
  for (auto& [id, host] : state.hosts) host.uptime_seconds -= host.uptime_seconds % step;
  return {{observed_hosts_key(options_.lattice), to_json(state.hosts)},
          {observed_components_key(options_.lattice), to_json(state.components)},
          {observed_providers_key(options_.lattice), to_json(state.providers)}};
}

}  // namespace wattle::lattice
