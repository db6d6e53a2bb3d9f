#include "host/bucket_mirror.h"

#include <algorithm>
#include <utility>

#include "lattice/control_client.h"
#include "lattice/events.h"
#include "lattice/names.h"

namespace wattle::host {
namespace {

constexpr Duration kRoundTimeMax = std::chrono::seconds(10);
constexpr size_t kStaleMax = 10'000;
constexpr Duration kRetry = std::chrono::milliseconds(500);

lattice::BucketConfig bucket_named(std::string name) {
  lattice::BucketConfig config;
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

BucketMirror::BucketMirror(lattice::Bus& bus, lattice::LatticeState& state, const telemetry::Log& log,
                           std::string host_id, std::function<Hosts()> hosts, BucketMirrorOptions options)
    : bus_(bus),
      state_(state),
      log_(log),
      host_id_(std::move(host_id)),
      hosts_(std::move(hosts)),
      options_(std::move(options)) {
  records_.config = bucket_named(lattice::lattice_data_bucket(options_.lattice));
  configs_.config = bucket_named(lattice::config_data_bucket(options_.lattice));
  observed_.config = bucket_named(std::string(lattice::kObservedStateBucket));
}

BucketMirror::~BucketMirror() = default;

Result<std::unique_ptr<BucketMirror>> BucketMirror::start(lattice::Bus& bus, lattice::LatticeState& state,
                                                          const telemetry::Log& log, std::string host_id,
                                                          std::function<Hosts()> hosts,
                                                          BucketMirrorOptions options) {
  std::unique_ptr<BucketMirror> mirror(
      new BucketMirror(bus, state, log, std::move(host_id), std::move(hosts), std::move(options)));
  // What hosts tell may change what is to be written.
  WATTLE_TRY(mirror->events_, bus.subscribe(lattice::event_subject(mirror->options_.lattice, ">"), {},
                                            [self = mirror.get()](const lattice::Message& message) {
                                              const auto event = lattice::parse_event(message.payload);
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
  TimePoint next = Clock::now();
  auto links = state_.links();
  auto configs = state_.configs();
  auto claims = state_.claims();
  while (!async::Fiber::current().cancellation()) {
    const bool news =
        dirty_ || links != state_.links() || configs != state_.configs() || claims != state_.claims();
    if (!news && Clock::now() < next) {
      if (!async::Signal::wait_any(signals, next)) return;
      continue;
    }
    if (!async::sleep_for(options_.settle)) return;
    if (Clock::now() >= next) ask_all_ = true;
    dirty_ = false;
    links = state_.links();
    configs = state_.configs();
    claims = state_.claims();
    next = Clock::now() + options_.interval;
    const Hosts hosts = hosts_();
    if (hosts.writer.empty()) next = Clock::now() + kRetry;
    if (hosts.writer != host_id_) continue;
    const async::DeadlineScope deadline(Clock::now() + kRoundTimeMax);
    if (auto written = round(hosts); !written) {
      log_.warn("the buckets that clients of wasmCloud v1 read could not be written",
                {{"reason", written.error().full_message()}});
      next = Clock::now() + kRetry;
    }
  }
}

Result<void> BucketMirror::round(const Hosts& hosts) {
  const std::vector<lattice::HostInventory> known = inventories(hosts.ids);
  WATTLE_CHECK(write(records_, wanted_records(known), is_record));
  std::map<std::string, std::string> wanted;
  for (const auto& [name, values] : *state_.configs()) wanted.emplace(name, lattice::to_json(values));
  WATTLE_CHECK(write(configs_, wanted, is_any));
  if (!options_.observed_state) return {};
  // The bucket is shared with other lattices.
  const std::map<std::string, std::string> state = wanted_state(known);
  return write(observed_, state, [&](const std::string& key) { return state.contains(key); });
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
    WATTLE_TRY(lattice::Entry entry, mirror.bucket->get(key));
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

std::vector<lattice::HostInventory> BucketMirror::inventories(const std::vector<std::string>& hosts) {
  lattice::ControlClient control(bus_, {.lattice = options_.lattice,
                                        .request_timeout = std::chrono::seconds(1),
                                        .auction_timeout = std::chrono::seconds(1),
                                        .quiet = std::chrono::milliseconds(100)});
  std::erase_if(inventories_, [&](const auto& known) {
    return std::find(hosts.begin(), hosts.end(), known.first) == hosts.end();
  });
  const std::set<std::string> stale = std::exchange(stale_, {});
  std::vector<lattice::HostInventory> all;
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
    const std::vector<lattice::HostInventory>& hosts) const {
  std::map<std::string, lattice::ComponentRecord> records;
  for (lattice::Link& link : state_.links()->in_force()) {
    const std::string source = link.source_id;
    records[source].links.push_back(std::move(link));
  }
  for (const lattice::HostInventory& host : hosts) {
    for (const auto& component : host.components) records[component.id].url = component.image_ref;
    for (const auto& provider : host.providers) records[provider.id].url = provider.image_ref.value_or("");
  }
  std::map<std::string, std::string> wanted;
  for (const auto& [id, record] : records)
    wanted.emplace(lattice::component_key(id), lattice::to_json(record));
  for (const auto& claims : *state_.claims())
    wanted.emplace(lattice::claims_key(claims.subject), lattice::to_json(claims));
  return wanted;
}

std::map<std::string, std::string> BucketMirror::wanted_state(
    const std::vector<lattice::HostInventory>& hosts) {
  // Stamps alone are no change worth a write before the interval is over.
  if (stamp_.empty() || Clock::now() - stamped_ >= options_.interval) {
    stamp_ = lattice::format_time_now();
    stamped_ = Clock::now();
  }
  lattice::ObservedState state;
  for (const lattice::HostInventory& host : hosts) state.add(host, stamp_);
  // Nor are seconds of uptime: they go in steps.
  const auto step = static_cast<uint64_t>(
      std::max<int64_t>(1, std::chrono::duration_cast<std::chrono::seconds>(options_.interval).count()));
  for (auto& [id, host] : state.hosts) host.uptime_seconds -= host.uptime_seconds % step;
  return {{lattice::observed_hosts_key(options_.lattice), lattice::to_json(state.hosts)},
          {lattice::observed_components_key(options_.lattice), lattice::to_json(state.components)},
          {lattice::observed_providers_key(options_.lattice), lattice::to_json(state.providers)}};
}

}  // namespace wattle::host
