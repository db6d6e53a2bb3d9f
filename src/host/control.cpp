#include "host/control.h"

#include <algorithm>

#include "host/identity.h"
#include "lattice/names.h"

namespace wattle::host {
namespace {

using lattice::Ack;

// "builtin://NAME", and v1's "wasmcloud+builtin://NAME".
std::optional<std::string> builtin_name(std::string_view reference) {
  for (const std::string_view scheme : {"builtin://", "wasmcloud+builtin://"})
    if (reference.starts_with(scheme)) return std::string(reference.substr(scheme.size()));
  return {};
}

std::string provider_job(const std::string& id) {
  return "provider " + id;
}

// Between characters: a lease that is no UTF-8 is no lease, and its host counts as dead.
std::string cut(std::string text, size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  while (bytes_max > 0 && (static_cast<unsigned char>(text[bytes_max]) & 0xC0) == 0x80) --bytes_max;
  text.resize(bytes_max);
  return text;
}

}  // namespace

// ---- life

Result<std::unique_ptr<HostControl>> HostControl::start(HostParts parts, HostOptions options) {
  if (options.host_id.empty()) options.host_id = new_host_id();
  WATTLE_CHECK(lattice::check_lattice(options.lattice));
  for (const auto& [key, value] : options.labels) WATTLE_CHECK(check_label(key, value));
  std::unique_ptr<HostControl> control(new HostControl(std::move(parts), std::move(options)));
  if (auto begun = control->begin(); !begun) {
    control->stop();
    return failure(std::move(begun).error());
  }
  control->begun_ = true;
  return control;
}

Result<void> HostControl::begin() {
  lattice::Bus& bus = parts_.bus;
  labels_ = core_labels();
  labels_.merge(capacity_labels(options_.capacity));
  labels_.insert(options_.labels.begin(), options_.labels.end());
  friendly_name_ = friendly_name(options_.host_id);
  WATTLE_TRY(directory_,
             lattice::Directory::start(bus, options_.lattice,
                                       {.book = {}, .log = &parts_.log, .own_host = options_.host_id}));
  directory_->set_listener([this](const lattice::LeaseChange& change) { log_host(change); });
  WATTLE_TRY(link_changes_,
             LinkChanges::start(
                 {.bus = bus,
                  .state = parts_.state,
                  .data = parts_.data,
                  .log = parts_.log,
                  .lattice = options_.lattice,
                  .host_id = options_.host_id,
                  .live_hosts = [this] { return live_hosts().ids; },
                  .provider_hosts = [this](const std::string& id) { return hosts_of_provider(id); }}));
  tell_data();
  WATTLE_TRY(server_, lattice::ControlServer::start(bus, *this,
                                                    {.lattice = options_.lattice,
                                                     .host_id = options_.host_id,
                                                     .component_auctions = options_.component_auctions,
                                                     .provider_auctions = options_.provider_auctions}));
  lease_ = lattice::LeasePublisher::start(bus, options_.lattice, [this] { return describe_lease(); });
  tell(lattice::host_started(labels_, friendly_name_, options_.version));
  heart_ = bus.worker().spawn([this] { beat(); });
  follower_ = bus.worker().spawn([this] { follow_state(); });
  parker_ = bus.worker().spawn([this] { park_idle(); });
  if (parts_.secrets != nullptr)
    parts_.secrets->start(
        bus.worker(), [this] { return wanted_secrets(); },
        [this](std::shared_ptr<const SecretTable> table) { tell_secrets(std::move(table)); });
  directory_follower_ = bus.worker().spawn([this] { follow_directory(); });
  lattice::BucketMirrorOptions mirror;
  mirror.lattice = options_.lattice;
  mirror.interval = options_.heartbeat_interval;
  WATTLE_TRY(mirror_, lattice::BucketMirror::start(
                          bus, parts_.state, parts_.log, options_.host_id, [this] { return live_hosts(); },
                          std::move(mirror)));
  return {};
}

HostControl::~HostControl() = default;

void HostControl::beat() {
  while (async::sleep_for(options_.heartbeat_interval)) tell(lattice::host_heartbeat(inventory_now()));
}

// The data side is told each state of links and configs that the store comes to.
void HostControl::follow_state() {
  while (!async::Fiber::current().cancellation()) {
    if (told_configs_ == parts_.state.configs() && told_links_ == parts_.state.links() &&
        told_weights_ == parts_.state.weights()) {
      async::Signal* const changed[] = {&parts_.state.changed(), &retry_changed_};
      if (Clock::now() < next_retry_) {
        if (!async::Signal::wait_any(changed, next_retry_)) return;
        continue;
      }
      retry_pause_ = std::min(2 * retry_pause_, kRetryPauseMax);
    } else {
      retry_pause_ = kRetryPauseMin;
    }
    tell_data();
  }
}

// And who else lives: at once when a host joins, goes or runs something else, and as their load changes.
void HostControl::follow_directory() {
  std::shared_ptr<const lattice::DirectorySnapshot> told;
  while (!async::Fiber::current().cancellation()) {
    if (told == directory_->snapshot()) {
      if (!directory_->changed().wait()) return;
      continue;
    }
    told = directory_->snapshot();
    if (lattice::BucketMirror::Hosts hosts = live_hosts(); mirror_ && hosts != told_hosts_) {
      told_hosts_ = std::move(hosts);
      mirror_->hosts_changed();
    }
    parts_.data.set_directory(told);
  }
}

void HostControl::log_host(const lattice::LeaseChange& change) {
  using Kind = lattice::LeaseChange::Kind;
  const telemetry::LogFields fields = {{"host", change.lease->host_id},
                                       {"name", change.lease->friendly_name}};
  if (change.kind == Kind::joined) parts_.log.info("a host has joined", fields);
  if (change.kind == Kind::left) parts_.log.info("a host has left", fields);
  if (change.kind == Kind::died) parts_.log.warn("a host is silent, and counts as dead", fields);
}

void HostControl::tell_data() {
  told_configs_ = parts_.state.configs();
  told_links_ = parts_.state.links();
  told_weights_ = parts_.state.weights();
  const auto snapshot = parts_.state.snapshot();
  for (const Error& problem : told_links_->problems()) parts_.log.warn(problem.full_message());
  (void)with_data([&]() -> Result<void> {
    parts_.data.set_weights(told_weights_);
    (void)parts_.data.set_configs(told_configs_);  // what is refused of it is told with the links
    // Before anybody hears that this host obeys them.
    take_refused(parts_.data.set_links(told_links_));
    link_changes_->obeyed(snapshot);
    return {};
  });
}

// All that is refused now, by provider. Whoever put it learns it from the lease; it is tried again.
void HostControl::take_refused(const std::vector<Refusal>& refusals) {
  std::map<std::string, std::vector<lattice::RefusedLink>> refused;
  for (const Refusal& refusal : refusals) {
    lattice::RefusedLink link = refusal.link;
    link.reason = cut(told(refusal.reason), lattice::kReasonBytesMax);
    const auto before = refused_.find(refusal.provider_id);
    if (before == refused_.end() ||
        std::find(before->second.begin(), before->second.end(), link) == before->second.end())
      parts_.log.warn(refusal.reason.full_message());
    refused[refusal.provider_id].push_back(std::move(link));
  }
  if (std::exchange(refused_, refused) != refused) announce();
  next_retry_ = refused_.empty() ? TimePoint::max() : Clock::now() + retry_pause_;
  retry_changed_.notify();
}

Result<void> HostControl::with_data(const std::function<Result<void>()>& work) {
  while (data_busy_) WATTLE_CHECK(data_free_.wait());
  data_busy_ = true;
  Result<void> done = work();
  data_busy_ = false;
  data_free_.notify();
  return done;
}

void HostControl::stop() {
  if (stopped_) return;
  stopped_ = true;
  stop_asked_ = true;
  if (lease_) lease_->announce();  // that it drains
  if (server_)
    if (auto drained = server_->drain(); !drained) parts_.log.warn(drained.error().full_message());
  if (link_changes_) link_changes_->stop();
  if (mirror_) mirror_->stop();
  jobs_.drain();
  if (parts_.secrets != nullptr) parts_.secrets->stop();
  for (const auto& fiber : {heart_, parker_, follower_, directory_follower_})
    if (fiber) fiber->cancel();
  {
    // They use this object until they have returned.
    const async::MaskScope mask;
    for (const auto& fiber : {heart_, parker_, follower_, directory_follower_})
      while (fiber && !fiber->finished()) async::Fiber::current().yield();
  }
  // A host that did not come up leaves its parts as they were.
  if (begun_) parts_.data.drain();
  for (const auto& [id, provider] : providers_)
    if (provider.builtin.empty()) parts_.processes->stop(id);
  if (begun_) tell(lattice::host_stopped(labels_));
  if (lease_) lease_->stop();
  if (auto flushed = parts_.bus.flush(); !flushed) parts_.log.warn(flushed.error().full_message());
}

lattice::HostLease HostControl::describe_lease() const {
  lattice::HostLease lease;
  lease.host_id = options_.host_id;
  lease.friendly_name = friendly_name_;
  lease.draining = stop_asked_;
  lease.labels = labels_;
  const auto loads = parts_.data.loads();
  std::vector<lattice::ComponentLease> components;
  for (const auto& [id, revisions] : components_)
    for (const Component& component : revisions) {
      const auto found = loads.find({id, component.spec.digest});
      const ComponentLoad load =
          found != loads.end() ? found->second : ComponentLoad{.capacity = component.spec.max_instances};
      components.push_back({.id = id,
                            .digest = component.spec.digest,
                            .in_flight = load.in_flight,
                            .capacity = load.capacity,
                            .queued = load.queued,
                            .image_ref = component.spec.image_ref,
                            .calls = load.calls,
                            .failures = load.failures,
                            .parked = component.spec.parked});
    }
  std::vector<lattice::ProviderLease> providers;
  for (const auto& [id, provider] : providers_)
    if (provider.running)
      providers.push_back({.id = id,
                           .healthy = !provider.builtin.empty() || parts_.processes->running(id),
                           .refused = refused_of(id)});
  lease.components = std::move(components);
  lease.providers = std::move(providers);
  return lease;
}

std::vector<std::string> HostControl::hosts_of_provider(const std::string& id) const {
  std::vector<std::string> hosts;
  const auto snapshot = directory_->snapshot();
  for (const auto& place : snapshot->places(id))
    if (place.component == nullptr) hosts.push_back(place.host->host_id);
  return hosts;
}

std::vector<lattice::RefusedLink> HostControl::refused_of(const std::string& provider_id) const {
  const auto found = refused_.find(provider_id);
  if (found == refused_.end()) return {};
  const auto& all = found->second;
  return {all.begin(), all.begin() + static_cast<ptrdiff_t>(std::min(all.size(), lattice::kRefusedLinksMax))};
}

lattice::BucketMirror::Hosts HostControl::live_hosts() const {
  lattice::BucketMirror::Hosts hosts;
  const auto snapshot = directory_->snapshot();
  for (const auto& host : snapshot->hosts()) hosts.add(*host);
  // Before everybody was heard, nobody knows who the eldest is.
  if (const lattice::HostLease* eldest = snapshot->eldest(); eldest != nullptr && directory_->settled())
    hosts.writer = eldest->host_id;
  return hosts;
}

void HostControl::announce() {
  if (lease_ && !stopped_) lease_->announce();
}

std::string HostControl::told(const Error& error) {
  const Error* first = &error;
  while (first->remedy().empty() && first->cause() != nullptr) first = first->cause();
  if (first->remedy().empty()) return error.full_message();
  return fmt::format("{}; {}", error.full_message(), first->remedy());
}

void HostControl::tell(const lattice::Event& event) {
  if (auto told = lattice::publish(parts_.bus, options_.lattice, options_.host_id, event); !told)
    parts_.log.warn("an event could not be published",
                    {{"event", event.name}, {"reason", told.error().full_message()}});
}

// ---- the host itself

uint64_t HostControl::uptime_seconds() const {
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - started_).count());
}

Result<lattice::Host> HostControl::describe_host() {
  lattice::Host host;
  host.id = options_.host_id;
  host.friendly_name = friendly_name_;
  host.labels = labels_;
  host.lattice = options_.lattice;
  host.uptime_human = describe_uptime(Clock::now() - started_);
  host.uptime_seconds = static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - started_).count());
  host.version = options_.version;
  return host;
}

lattice::HostInventory HostControl::inventory_now() const {
  const auto idle_after_ms = [](const Component& component) -> std::optional<uint64_t> {
    if (component.idle_after == Duration::zero()) return {};
    return std::chrono::duration_cast<std::chrono::milliseconds>(component.idle_after).count();
  };
  lattice::HostInventory inventory;
  for (const auto& [id, revisions] : components_)
    for (const Component& component : revisions)
      inventory.components.push_back({.id = id,
                                      .image_ref = component.spec.image_ref,
                                      .name = component.claims && !component.claims->name.empty()
                                                  ? std::optional(component.claims->name)
                                                  : std::nullopt,
                                      .annotations = component.annotations,
                                      .revision = component.revision,
                                      .max_instances = component.spec.max_instances,
                                      .limits = component.limits,
                                      .digest = component.spec.digest,
                                      .idle_after_ms = idle_after_ms(component),
                                      .parked = component.spec.parked,
                                      .interfaces = component.interfaces});
  for (const auto& [id, provider] : providers_)
    if (provider.running && (!provider.builtin.empty() || parts_.processes->running(id)))
      inventory.providers.push_back(
          {.id = id,
           .image_ref = provider.image_ref,
           .name = provider.claims ? std::optional(provider.claims->name) : std::nullopt,
           .revision = provider.claims ? static_cast<int32_t>(provider.claims->revision) : 0,
           .annotations = provider.annotations});
  inventory.host_id = options_.host_id;
  inventory.friendly_name = friendly_name_;
  inventory.labels = labels_;
  inventory.version = options_.version;
  inventory.uptime_human = describe_uptime(Clock::now() - started_);
  inventory.uptime_seconds = static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - started_).count());
  return inventory;
}

Result<Ack> HostControl::stop_host(const lattice::StopHost& request) {
  if (stop_asked_) return Ack{"the host is stopping already"};
  stop_asked_ = true;
  const Duration drain_time =
      request.timeout_ms ? std::chrono::milliseconds(std::min<uint64_t>(*request.timeout_ms, 3'600'000))
                         : std::chrono::duration_cast<std::chrono::milliseconds>(options_.drain_time);
  if (parts_.on_stop) parts_.on_stop(drain_time);
  return Ack{};
}

Result<Ack> HostControl::put_label(const lattice::Label& label) {
  WATTLE_CHECK(check_label(label.key, label.value));
  labels_[label.key] = label.value;
  tell(lattice::labels_changed(options_.host_id, labels_));
  return Ack{};
}

Result<Ack> HostControl::delete_label(const lattice::LabelKey& label) {
  WATTLE_CHECK(check_label(label.key, ""));
  if (labels_.erase(label.key) == 0) return Ack{fmt::format("there was no label \"{}\"", label.key)};
  tell(lattice::labels_changed(options_.host_id, labels_));
  return Ack{};
}

bool HostControl::satisfies(const lattice::StringMap& constraints) const {
  return !stop_asked_ && std::all_of(constraints.begin(), constraints.end(), [&](const auto& constraint) {
    const auto label = labels_.find(constraint.first);
    return label != labels_.end() && label->second == constraint.second;
  });
}

Result<std::optional<lattice::ComponentAuctionAck>> HostControl::bid(
    const lattice::ComponentAuction& auction) {
  WATTLE_CHECK(lattice::check_id(auction.component_id, "the component's id"));
  if (!satisfies(auction.constraints) || components_.contains(auction.component_id))
    return std::optional<lattice::ComponentAuctionAck>();
  return lattice::ComponentAuctionAck{.component_ref = auction.component_ref,
                                      .component_id = auction.component_id,
                                      .host_id = options_.host_id,
                                      .constraints = auction.constraints};
}

Result<std::optional<lattice::ProviderAuctionAck>> HostControl::bid(const lattice::ProviderAuction& auction) {
  WATTLE_CHECK(lattice::check_id(auction.provider_id, "the provider's id"));
  if (!satisfies(auction.constraints) || providers_.contains(auction.provider_id))
    return std::optional<lattice::ProviderAuctionAck>();
  return lattice::ProviderAuctionAck{.host_id = options_.host_id,
                                     .provider_ref = auction.provider_ref,
                                     .provider_id = auction.provider_id,
                                     .constraints = auction.constraints};
}

// ---- providers

Result<Ack> HostControl::start_provider(const lattice::StartProvider& request) {
  WATTLE_CHECK(lattice::check_id(request.provider_id, "the provider's id"));
  const bool builtin = builtin_name(request.provider_ref).has_value();
  if (!builtin && (parts_.processes == nullptr || !ProviderPrograms::is_program(request.provider_ref)))
    return failure(
        Error(ErrorCode::invalid_argument,
              fmt::format("\"{}\" is no provider that this host can start", request.provider_ref))
            .with_remedy("builtin://NAME is one of its own, process://NAME the same as a process of its own, "
                         "file:///PATH a program or archive of its machine"));
  if (const auto found = providers_.find(request.provider_id); found != providers_.end())
    return failure(Error(ErrorCode::already_exists,
                         fmt::format("provider \"{}\" {} on this host already, from {}", request.provider_id,
                                     found->second.running ? "runs" : "is starting", found->second.image_ref))
                       .with_remedy(fmt::format("wattle stop provider {}", request.provider_id)));
  WATTLE_CHECK(jobs_.add(
      provider_job(request.provider_id), [this, request] { do_start(request); }, options_.work_time_max));
  providers_.emplace(request.provider_id,
                     Provider{.image_ref = request.provider_ref,
                              .builtin = builtin_name(request.provider_ref).value_or(""),
                              .config = request.config,
                              .annotations = request.annotations.value_or(lattice::StringMap{}),
                              .running = false});
  if (parts_.secrets != nullptr) parts_.secrets->wanted_changed();
  return Ack{};
}

void HostControl::do_start(const lattice::StartProvider& request) {
  const auto started = start(request);
  lattice::ProviderEvent event{.annotations = request.annotations.value_or(lattice::StringMap{}),
                               .host_id = options_.host_id,
                               .image_ref = request.provider_ref,
                               .provider_id = request.provider_id};
  if (started) {
    Provider& provider = providers_.at(request.provider_id);
    provider.running = true;
    if (provider.builtin.empty()) provider.claims = parts_.processes->claims(request.provider_id);
    event.claims = provider.claims;
    announce();
    return tell(lattice::provider_started(event));
  }
  providers_.erase(request.provider_id);
  if (parts_.secrets != nullptr) parts_.secrets->wanted_changed();
  parts_.log.error(
      started.error().with_context(fmt::format("provider {} was not started", request.provider_id)));
  tell(lattice::provider_start_failed(event, told(started.error())));
}

Result<void> HostControl::start(const lattice::StartProvider& request) {
  WATTLE_CHECK(parts_.state.wait_for_configs(request.config, kConfigPatience));
  if (parts_.secrets != nullptr) WATTLE_CHECK(parts_.secrets->wait_for(request.provider_id, request.config));
  if (const auto name = builtin_name(request.provider_ref))
    return with_data([&] {
      return parts_.data.put_provider({.id = request.provider_id, .name = *name, .config = request.config});
    });
  return parts_.processes->start(request);
}

Result<Ack> HostControl::stop_provider(const lattice::StopProvider& request) {
  if (!providers_.contains(request.provider_id))
    return failure(ErrorCode::not_found, "provider \"{}\" does not run on this host", request.provider_id);
  WATTLE_CHECK(jobs_.add(
      provider_job(request.provider_id), [this, id = request.provider_id] { do_stop(id); },
      options_.work_time_max));
  return Ack{};
}

void HostControl::do_stop(const std::string& provider_id) {
  const auto found = providers_.find(provider_id);
  if (found == providers_.end()) return;  // it never started, or was stopped twice
  const Provider provider = found->second;
  if (provider.builtin.empty())
    parts_.processes->stop(provider_id);
  else
    (void)with_data([&]() -> Result<void> {
      parts_.data.remove_provider(provider_id);
      return {};
    });
  providers_.erase(provider_id);
  refused_.erase(provider_id);
  if (parts_.secrets != nullptr) parts_.secrets->wanted_changed();
  announce();
  tell(lattice::provider_stopped({.annotations = provider.annotations,
                                  .host_id = options_.host_id,
                                  .image_ref = provider.image_ref,
                                  .provider_id = provider_id},
                                 "stopped"));
}

// ---- what the lattice shares

Result<Ack> HostControl::put_link(const lattice::Link& link) {
  if (auto put = parts_.state.put_link(link); !put) {
    tell(lattice::linkdef_set_failed(link, put.error().full_message()));
    return failure(std::move(put).error());
  }
  link_changes_->await_providers(link);
  tell(lattice::linkdef_set(link));
  return Ack{};
}

Result<Ack> HostControl::replace_link(const lattice::Link& link) {
  if (auto put = link_changes_->replace(link); !put) {
    tell(lattice::linkdef_set_failed(link, put.error().full_message()));
    return failure(std::move(put).error());
  }
  link_changes_->await_providers(link);
  tell(lattice::linkdef_set(link));
  return Ack{};
}

Result<lattice::LinkCopyAck> HostControl::copy_link(const lattice::LinkCopyRequest& request) {
  WATTLE_TRY(auto ack, link_changes_->copy(request));
  if (request.step != lattice::LinkCopyStep::commit) return ack;
  WATTLE_TRY(const auto links, lattice::parse_stored_links(ack.value));
  for (const auto& each : links)
    if (each.phase == lattice::LinkPhase::in_force && each.link.target == request.copy.next_target)
      tell(lattice::linkdef_set(each.link));
  return ack;
}

Result<Ack> HostControl::delete_link(const lattice::LinkKey& key) {
  WATTLE_TRY(const auto gone, parts_.state.delete_links(key));
  if (gone.empty()) tell(lattice::linkdef_deleted(key, nullptr));
  for (const lattice::Link& link : gone) tell(lattice::linkdef_deleted(key, &link));
  return Ack{};
}

Result<std::vector<lattice::Link>> HostControl::links() {
  return parts_.state.links()->in_force();
}

Result<Ack> HostControl::put_config(const std::string& name, const lattice::StringMap& values) {
  WATTLE_CHECK(parts_.state.put_config(name, values));
  tell(lattice::config_set(name));
  return Ack{};
}

Result<Ack> HostControl::delete_config(const std::string& name) {
  WATTLE_CHECK(parts_.state.delete_config(name));
  tell(lattice::config_deleted(name));
  return Ack{};
}

Result<std::optional<lattice::StringMap>> HostControl::config(const std::string& name) {
  const auto configs = parts_.state.configs();
  const auto found = configs->find(name);
  return found == configs->end() ? std::optional<lattice::StringMap>() : found->second;
}

Result<std::vector<lattice::StringMap>> HostControl::claims() {
  std::vector<lattice::StringMap> told;
  const auto known = parts_.state.claims();
  for (const lattice::ComponentClaims& claims : *known) told.push_back(lattice::describe(claims));
  return told;
}

Result<Ack> HostControl::put_weights(const lattice::PutWeights& request) {
  WATTLE_CHECK(parts_.state.put_weights(request.component_id, request.weights));
  return Ack{};
}

Result<Ack> HostControl::put_registries(const lattice::RegistryCredentials& credentials) {
  if (parts_.on_registries) parts_.on_registries(credentials);
  return Ack{};
}

}  // namespace wattle::host
