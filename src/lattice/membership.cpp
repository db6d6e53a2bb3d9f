#include "lattice/membership.h"

#include <algorithm>

#include "lattice/json_fields.h"
#include "lattice/names.h"

namespace wattle::lattice {

template <class Visitor, class Self>
void list_fields(Visitor& fields, Self& self, const ComponentLease&) {
  fields.required("id", self.id);
  fields.required("digest", self.digest);
  fields.optional("in_flight", self.in_flight);
  fields.optional("capacity", self.capacity);
  fields.optional("queued", self.queued);
  fields.unless_default("image_ref", self.image_ref);
  fields.unless_default("calls", self.calls);
  fields.unless_default("failures", self.failures);
  fields.unless_default("parked", self.parked);
}

template <class Visitor, class Self>
void list_fields(Visitor& fields, Self& self, const RefusedLink&) {
  fields.required("source_id", self.source_id);
  fields.required("target", self.target);
  fields.required("name", self.name);
  fields.required("wit_namespace", self.wit_namespace);
  fields.required("wit_package", self.wit_package);
  fields.required("reason", self.reason);
}

template <class Visitor, class Self>
void list_fields(Visitor& fields, Self& self, const ProviderLease&) {
  fields.required("id", self.id);
  fields.optional("healthy", self.healthy);
  fields.unless_default("refused", self.refused);
}

template <class Visitor, class Self>
void list_fields(Visitor& fields, Self& self, const HostLease&) {
  fields.required("version", self.version);
  fields.required("readable_by", self.readable_by);
  fields.required("host_id", self.host_id);
  fields.optional("friendly_name", self.friendly_name);
  fields.required("incarnation", self.incarnation);
  fields.required("sequence", self.sequence);
  fields.optional("draining", self.draining);
  fields.optional("gone", self.gone);
  fields.optional("labels", self.labels);
  fields.optional("components", self.components);
  fields.optional("providers", self.providers);
}

std::string to_json(const HostLease& lease) {
  return write_json(lease);
}

namespace {

// What every version of the format begins with.
struct LeaseHeader {
  uint32_t version = 0;
  uint32_t readable_by = 0;
};

template <class Visitor, class Self>
void list_fields(Visitor& fields, Self& self, const LeaseHeader&) {
  fields.required("version", self.version);
  fields.required("readable_by", self.readable_by);
}

bool same_but_for_load(const HostLease& a, const HostLease& b) {
  const auto same_component = [](const ComponentLease& left, const ComponentLease& right) {
    return left.id == right.id && left.digest == right.digest && left.capacity == right.capacity &&
           left.image_ref == right.image_ref && left.parked == right.parked;
  };
  return a.friendly_name == b.friendly_name && a.draining == b.draining && a.labels == b.labels &&
         a.providers == b.providers && std::ranges::equal(*a.components, *b.components, same_component);
}

}  // namespace

Result<HostLease> parse_lease(std::string_view json) {
  WATTLE_TRY(const boost::json::object object, parse_object(json, "a lease"));
  WATTLE_TRY(const LeaseHeader header, read_object<LeaseHeader>(object, "a lease"));
  if (header.readable_by > kLeaseVersion)
    return failure(Error(ErrorCode::unsupported,
                         fmt::format("a lease of format {}, for readers of format {} and later; this host "
                                     "reads {}",
                                     header.version, header.readable_by, kLeaseVersion))
                       .with_remedy("update wattle on this host"));
  WATTLE_TRY(HostLease lease, read_object<HostLease>(object, "a lease"));
  if (auto fine = check_id(lease.host_id, "the host of a lease"); !fine)
    return failure(ErrorCode::malformed, "{}", fine.error().message());
  return lease;
}

DirectorySnapshot::DirectorySnapshot(std::vector<std::shared_ptr<const HostLease>> hosts)
    : hosts_(std::move(hosts)) {
  for (const auto& host : hosts_) {
    if (host->components)
      for (const ComponentLease& component : *host->components)
        places_[component.id].push_back({host.get(), &component});
    if (host->providers)
      for (const ProviderLease& provider : *host->providers)
        places_[provider.id].push_back({host.get(), nullptr});
  }
}

const HostLease* DirectorySnapshot::find(std::string_view host_id) const {
  const auto found = std::ranges::lower_bound(
      hosts_, host_id, {}, [](const auto& host) -> std::string_view { return host->host_id; });
  return found == hosts_.end() || (*found)->host_id != host_id ? nullptr : found->get();
}

std::span<const DirectorySnapshot::Place> DirectorySnapshot::places(std::string_view target) const {
  const auto found = places_.find(target);
  if (found == places_.end()) return {};
  return found->second;
}

const HostLease* DirectorySnapshot::eldest() const {
  const HostLease* eldest = nullptr;
  for (const auto& host : hosts_)
    if (!host->draining && (eldest == nullptr || host->incarnation < eldest->incarnation))
      eldest = host.get();
  return eldest;
}

void LeaseBook::advance(TimePoint now) {
  if (last_step_ && connected_ && now > *last_step_)
    listened_ += std::min(now - *last_step_, options_.gap_max);
  last_step_ = now;
}

void LeaseBook::set_connected(bool connected, TimePoint now) {
  advance(now);
  if (connected && !connected_)
    for (auto& [id, known] : known_) known.heard = listened_ + options_.grace_after_cut;
  connected_ = connected;
}

std::vector<LeaseChange> LeaseBook::step(HostLease lease, TimePoint now) {
  advance(now);
  const auto found = known_.find(lease.host_id);
  const bool same_process = found != known_.end() && lease.incarnation == found->second.lease->incarnation;
  if (!lease.components)
    lease.components = same_process ? found->second.lease->components : std::vector<ComponentLease>();
  if (!lease.providers)
    lease.providers = same_process ? found->second.lease->providers : std::vector<ProviderLease>();
  const uint64_t sequence = lease.sequence;
  return take(std::make_shared<const HostLease>(std::move(lease)), sequence);
}

std::vector<LeaseChange> LeaseBook::step(std::shared_ptr<const HostLease> lease, uint64_t sequence,
                                         TimePoint now) {
  advance(now);
  return take(std::move(lease), sequence);
}

std::vector<LeaseChange> LeaseBook::take(std::shared_ptr<const HostLease> lease, uint64_t sequence) {
  const auto found = known_.find(lease->host_id);
  if (found == known_.end()) {
    if (lease->gone || known_.size() >= kHostsMax) return {};
    known_.emplace(lease->host_id, Known{.lease = lease, .sequence = sequence, .heard = listened_});
    news_ = true;
    return {{LeaseChange::Kind::joined, std::move(lease)}};
  }
  if (is_late(found->second, *lease, sequence)) return {};
  return replace(found->second, std::move(lease), sequence);
}

bool LeaseBook::is_late(const Known& known, const HostLease& lease, uint64_t sequence) {
  return lease.incarnation == known.lease->incarnation
             ? known.said_goodbye || sequence <= known.sequence
             : lease.incarnation < known.lease->incarnation && known.alive;
}

// Precondition: `lease` is newer than what is known.
std::vector<LeaseChange> LeaseBook::replace(Known& known, std::shared_ptr<const HostLease> lease,
                                            uint64_t sequence) {
  std::vector<LeaseChange> changes;
  const bool same_process = lease->incarnation == known.lease->incarnation;
  if (known.alive && (!same_process || lease->gone))
    changes.push_back({LeaseChange::Kind::left, known.lease});
  const bool stays = known.alive && same_process && !lease->gone;
  if (stays && known.lease != lease && !same_but_for_load(*known.lease, *lease))
    changes.push_back({LeaseChange::Kind::changed, lease});
  if (!stays && !lease->gone) changes.push_back({LeaseChange::Kind::joined, lease});
  known.alive = !lease->gone;
  known.said_goodbye = lease->gone;
  known.lease = std::move(lease);
  known.sequence = sequence;
  known.heard = listened_;
  news_ = true;
  return changes;
}

std::vector<LeaseChange> LeaseBook::step(TimePoint now) {
  advance(now);
  std::vector<LeaseChange> changes;
  for (auto at = known_.begin(); at != known_.end();) {
    Known& known = at->second;
    const Duration silent = listened_ - known.heard;
    if (known.alive && silent >= options_.dead_after) {
      known.alive = false;
      news_ = true;
      changes.push_back({LeaseChange::Kind::died, known.lease});
    }
    at = !known.alive && silent >= options_.forget_after ? known_.erase(at) : std::next(at);
  }
  return changes;
}

Duration LeaseBook::next_death_in() const {
  Duration next = Duration::max();
  if (!connected_) return next;
  for (const auto& [id, known] : known_)
    if (known.alive) next = std::min(next, options_.dead_after - (listened_ - known.heard));
  return std::max(next, Duration::zero());
}

std::shared_ptr<const DirectorySnapshot> LeaseBook::snapshot() {
  news_ = false;
  std::vector<std::shared_ptr<const HostLease>> hosts;
  for (const auto& [id, known] : known_)
    if (known.alive) hosts.push_back(known.lease);
  return std::make_shared<const DirectorySnapshot>(std::move(hosts));
}

}  // namespace wattle::lattice
