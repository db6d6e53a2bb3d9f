#include "hosts.h"

#include "images.h"
#include "lattice/capacity_labels.h"

namespace wattle::simulation {
namespace {

constexpr Duration kConfigPatience = seconds(5);
constexpr Duration kUnclear = seconds(8);

}  // namespace

// ---- Life

Host& Hosts::add(manager::StringMap labels) {
  auto host = std::make_unique<Host>();
  host->slot = static_cast<uint32_t>(hosts_.size());
  host->endpoint = first_endpoint_ + host->slot;
  host->labels = std::move(labels);
  if (scarce_ && host->slot % 4 != 3)
    host->labels.emplace(lattice::kMemoryLabel, fmt::format("{}Mi", 256u << host->slot % 4));
  hosts_.push_back(std::move(host));
  start(*hosts_.back(), true);
  return *hosts_.back();
}

void Hosts::start(Host& host, bool new_id) {
  if (new_id) {
    by_id_.erase(host.id);
    host.id = fmt::format("NHOST{:05}", ++ids_);
    by_id_[host.id] = &host;
    host.name = fmt::format("host-{}", host.slot);
  }
  host.incarnation = static_cast<uint64_t>(world_.now().time_since_epoch() / milliseconds(1));
  host.sequence = 0;
  host.up = true;
  host.draining = false;
  host.unclear_until = world_.now() + kUnclear;
  host.lease_stale = true;
  world_.trace("host {} is up as {}", host.slot, host.id);
  const uint64_t epoch = ++host.epoch;
  world_.after(world_.random().between(Duration{}, lattice::kLeaseInterval),
               [this, &host, epoch] { beat(host, epoch); });
}

void Hosts::crash(Host& host, std::optional<Duration> back_after, bool keeps_id) {
  if (!host.up) return;
  world_.trace("host {} ({}) is killed", host.slot, host.id);
  for (const auto& [id, revisions] : host.components) listeners_.before_change(id);
  host.up = false;
  ++host.epoch;
  host.unclear_until = world_.now() + kUnclear;
  host.components.clear();
  host.providers.clear();
  host.jobs.clear();
  host.stopped_until = {};
  if (!back_after) {
    host.removed = true;
    return;
  }
  const uint64_t epoch = host.epoch;
  world_.after(*back_after, [this, &host, epoch, keeps_id] {
    if (host.epoch == epoch && !host.removed) start(host, !keeps_id);
  });
}

void Hosts::stop_for(Host& host, Duration pause) {
  if (!host.up) return;
  world_.trace("host {} is stopped for {} ms", host.slot, pause / milliseconds(1));
  host.stopped_until = std::max(host.stopped_until, world_.now() + pause);
  host.unclear_until = host.stopped_until + kUnclear;
}

void Hosts::leave(Host& host, Duration drain_time, std::optional<Duration> back_after) {
  if (!host.up || host.draining) return;
  world_.trace("host {} drains for {} ms", host.slot, drain_time / milliseconds(1));
  host.draining = true;
  host.lease_stale = true;
  const uint64_t epoch = host.epoch;
  world_.after(drain_time, [this, &host, epoch, back_after] {
    if (host.epoch != epoch) return;
    refresh_lease(host);
    auto farewell = std::make_shared<lattice::HostLease>(*host.lease);
    farewell->gone = true;
    listeners_.on_lease(host, farewell, ++host.sequence);
    crash(host, back_after, false);
  });
}

void Hosts::set_label(Host& host, const std::string& key, const std::string& value) {
  world_.trace("host {} has the label {}={}", host.slot, key, value);
  if (value.empty())
    host.labels.erase(key);
  else
    host.labels[key] = value;
  host.lease_stale = true;
  host.unclear_until = std::max(host.unclear_until, world_.now() + seconds(2));
}

Host* Hosts::find(std::string_view id) {
  const auto found = by_id_.find(id);
  return found == by_id_.end() || !found->second->up ? nullptr : found->second;
}

// ---- Leases

void Hosts::beat(Host& host, uint64_t epoch) {
  if (host.epoch != epoch) return;
  world_.after(lattice::kLeaseInterval, [this, &host, epoch] { beat(host, epoch); });
  if (host.stopped_until > world_.now()) return;
  listeners_.before_lease(host);
  if (host.in_flight_changes != listeners_.in_flight_changes()) changed(host);
  refresh_lease(host);
  listeners_.on_lease(host, host.lease, ++host.sequence);
}

void Hosts::refresh_lease(Host& host) {
  if (!host.lease_stale && host.lease) return;
  host.lease_stale = false;
  host.in_flight_changes = listeners_.in_flight_changes();
  lattice::HostLease lease;
  lease.host_id = host.id;
  lease.friendly_name = host.name;
  lease.incarnation = host.incarnation;
  lease.draining = host.draining;
  lease.labels = host.labels;
  lease.components.emplace();
  for (const auto& [id, revisions] : host.components) {
    for (const auto& [reference, running] : revisions) {
      lattice::ComponentLease component;
      component.id = id;
      component.digest = component.image_ref = reference;
      component.capacity = running.count;
      component.in_flight = listeners_.in_flight(host, id, reference);
      component.calls = running.counts.calls;
      component.failures = running.counts.failures;
      lease.components->push_back(std::move(component));
    }
  }
  lease.providers.emplace();
  for (const auto& [id, provider] : host.providers) {
    if (!provider.running) continue;
    lattice::ProviderLease one;
    one.id = id;
    one.healthy = provider.healthy;
    lease.providers->push_back(std::move(one));
  }
  host.lease = std::make_shared<const lattice::HostLease>(std::move(lease));
}

// ---- Control

Result<void> Hosts::scale(Host& host, const manager::Scale& request, Asker asker, bool by_hand) {
  if (request.reference.empty() && request.count > 0)
    return failure(ErrorCode::invalid_argument, "component_ref does not say what to run");
  add_job(host, "component " + request.id,
          Host::ScaleJob{request, asker, world_.now() + kConfigPatience, by_hand});
  return {};
}

Result<void> Hosts::start_provider(Host& host, const manager::StartProvider& request, Asker asker,
                                   bool by_hand) {
  if (host.providers.contains(request.id))
    return failure(ErrorCode::already_exists, "provider \"{}\" runs on this host already", request.id);
  host.providers[request.id] = {request.reference, request.annotations, false, true, by_hand};
  add_job(host, "provider " + request.id, Host::StartJob{request, asker, by_hand});
  return {};
}

Result<void> Hosts::stop_provider(Host& host, const std::string& id, Asker asker, bool by_hand) {
  if (!host.providers.contains(id))
    return failure(ErrorCode::not_found, "provider \"{}\" does not run on this host", id);
  add_job(host, "provider " + id, Host::StopJob{id, asker, by_hand});
  return {};
}

lattice::HostInventory Hosts::inventory(const Host& host) const {
  lattice::HostInventory inventory;
  inventory.host_id = host.id;
  inventory.friendly_name = host.name;
  inventory.labels = host.labels;
  for (const auto& [id, revisions] : host.components) {
    for (const auto& [reference, running] : revisions) {
      lattice::ComponentDescription component;
      component.id = id;
      component.image_ref = reference;
      component.max_instances = running.count;
      component.annotations = running.annotations;
      inventory.components.push_back(std::move(component));
    }
  }
  for (const auto& [id, provider] : host.providers) {
    if (!provider.running) continue;
    lattice::ProviderDescription one;
    one.id = id;
    one.image_ref = provider.reference;
    one.annotations = provider.annotations;
    inventory.providers.push_back(std::move(one));
  }
  return inventory;
}

// ---- Jobs

void Hosts::add_job(Host& host, const std::string& key, Host::Job job) {
  auto& queue = host.jobs[key];
  queue.push_back(std::move(job));
  if (queue.size() == 1) begin_job(host, key);
}

Duration Hosts::duration_of(Host& host, const Host::Job& job) {
  Random& random = world_.random();
  if (const auto* scale = std::get_if<Host::ScaleJob>(&job)) {
    if (scale->request.count == 0 || host.readied.contains(scale->request.reference))
      return random.between(milliseconds(1), milliseconds(8));
    return random.chance(0.1) ? random.between(milliseconds(200), seconds(3))
                              : random.between(milliseconds(5), milliseconds(200));
  }
  if (std::holds_alternative<Host::StartJob>(job)) return random.between(milliseconds(5), milliseconds(800));
  return random.between(milliseconds(2), milliseconds(100));
}

void Hosts::begin_job(Host& host, const std::string& key) {
  const Duration duration = duration_of(host, host.jobs.at(key).front());
  world_.after(duration, [this, &host, key, epoch = host.epoch] {
    if (host.epoch == epoch) receive(host, [this, &host, key] { end_job(host, key); });
  });
}

void Hosts::end_job(Host& host, const std::string& key) {
  const auto queue = host.jobs.find(key);
  if (queue == host.jobs.end() || queue->second.empty()) return;
  Host::Job& job = queue->second.front();
  if (auto* scale = std::get_if<Host::ScaleJob>(&job)) {
    if (!finish(host, *scale)) {
      world_.after(milliseconds(100), [this, &host, key, epoch = host.epoch] {
        if (host.epoch == epoch) receive(host, [this, &host, key] { end_job(host, key); });
      });
      return;
    }
  } else if (const auto* start = std::get_if<Host::StartJob>(&job)) {
    finish(host, *start);
  } else {
    finish(host, std::get<Host::StopJob>(job));
  }
  queue->second.pop_front();
  if (queue->second.empty())
    host.jobs.erase(queue);
  else
    begin_job(host, key);
}

bool Hosts::finish(Host& host, Host::ScaleJob& job) {
  const manager::Scale& request = job.request;
  const auto there = host.components.find(request.id);
  if (request.count == 0) {
    if (there == host.components.end()) return tell_scaled(host, request), true;
    listeners_.before_change(request.id);
    uint32_t before = 0;
    for (const auto& [reference, running] : there->second)
      if (request.reference.empty() || reference == request.reference) before += running.count;
    listeners_.on_scale(host, job, before);
    std::erase_if(there->second, [&](const auto& revision) {
      return request.reference.empty() || revision.first == request.reference;
    });
    if (there->second.empty()) host.components.erase(there);
    world_.trace("host {} has ended {} {}", host.slot, request.id, request.reference);
    changed(host);
    tell_scaled(host, request);
    return true;
  }
  for (const std::string& config : request.configs) {
    if (stores_.state().configs->contains(config)) continue;
    if (world_.now() < job.patience) return false;
    tell_failed(host, request.id, fmt::format("the config {} is not there", config));
    return true;
  }
  const bool runs = there != host.components.end() && there->second.contains(request.reference);
  if (!runs) {
    const ImageManner manner = manner_of(request.reference);
    if (manner.kind == ImageKind::never || world_.now() < manner.starts_from) {
      tell_failed(host, request.id, fmt::format("{} could not be started", request.reference));
      return true;
    }
  }
  listeners_.before_change(request.id);
  listeners_.on_scale(host, job, runs ? there->second.at(request.reference).count : 0);
  RunningRevision& running = host.components[request.id][request.reference];
  running.count = request.count;
  if (!request.annotations.empty() || !runs) running.annotations = request.annotations;
  if (!runs) running.by_hand = job.by_hand;
  host.readied.insert(request.reference);
  world_.trace("host {} runs {} {} x{}", host.slot, request.id, request.reference, request.count);
  changed(host);
  tell_scaled(host, request);
  return true;
}

void Hosts::finish(Host& host, const Host::StartJob& job) {
  const auto there = host.providers.find(job.request.id);
  if (there == host.providers.end()) return;
  if (manner_of(job.request.reference).kind == ImageKind::never) {
    host.providers.erase(there);
    return tell_failed(host, job.request.id, fmt::format("{} could not be started", job.request.reference));
  }
  there->second.running = true;
  world_.trace("host {} runs provider {}", host.slot, job.request.id);
  changed(host);
  listeners_.on_event(host, manager::HostActed{host.id});
}

void Hosts::finish(Host& host, const Host::StopJob& job) {
  if (!host.providers.contains(job.id)) return;
  listeners_.on_stop(host, job);
  host.providers.erase(job.id);
  world_.trace("host {} has stopped provider {}", host.slot, job.id);
  changed(host);
  listeners_.on_event(host, manager::HostActed{host.id});
}

void Hosts::tell_scaled(const Host& host, const manager::Scale& scale) {
  listeners_.on_event(host, manager::HostScaled{host.id, scale.id, scale.reference, scale.count});
}

void Hosts::tell_failed(const Host& host, const std::string& id, const std::string& error) {
  world_.trace("host {} could not: {}: {}", host.slot, id, error);
  listeners_.on_event(host, manager::HostFailed{host.id, id, error});
}

}  // namespace wattle::simulation
