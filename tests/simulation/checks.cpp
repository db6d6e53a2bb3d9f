#include "checks.h"

#include <algorithm>

#include "images.h"
#include "manager/autoscale.h"
#include "manager/placement.h"
#include "manager/rollout.h"

namespace wattle::simulation {
namespace {

constexpr std::string_view kByHand = "hand-";
// A version that is not deployed any more may still be what a command was for.
constexpr Duration kVersionCounts = seconds(15);
constexpr uint64_t kCallsToCompare = 1000;

bool fits(const Host& host, const manager::Spread& spread) {
  if (!spread.host_id.empty() && spread.host_id != host.id) return false;
  return std::all_of(spread.requirements.begin(), spread.requirements.end(), [&](const auto& requirement) {
    const auto label = host.labels.find(requirement.first);
    return label != host.labels.end() && label->second == requirement.second;
  });
}

std::vector<manager::Spread> spreads_of(const manager::Scaling& scaling) {
  return scaling.spreads.empty() ? std::vector<manager::Spread>{manager::Spread{}} : scaling.spreads;
}

uint32_t most_of(const manager::Scaling& scaling) {
  return scaling.load ? scaling.load->most : scaling.instances;
}

// Whether any host takes an instance, however few there are.
bool is_taken(const manager::Scaling& scaling, const std::vector<const Host*>& hosts) {
  const auto spreads = spreads_of(scaling);
  const bool daemon = scaling.kind == manager::ScalingKind::daemon;
  const auto shares =
      manager::shares_of(spreads, scaling.load ? std::max(1u, scaling.load->least) : scaling.instances);
  for (size_t index = 0; index < spreads.size(); ++index)
    if ((daemon || shares[index] != 0) && std::any_of(hosts.begin(), hosts.end(), [&](const Host* host) {
          return fits(*host, spreads[index]);
        }))
      return true;
  return false;
}

uint32_t moving_surge(uint32_t instances) {
  return std::max(1u, (instances + 3) / 4);
}

bool never_starts(const std::string& reference) {
  return manner_of(reference).kind == ImageKind::never;
}

}  // namespace

// ---- Whenever something is done

void Checks::follow_versions() {
  const TimePoint now = parts_.world.now();
  for (const auto& [name, record] : parts_.stores.state().applications) {
    Recent& recent = recent_[name];
    if (recent.deployed == record.deployed) continue;
    recent.deployed = record.deployed;
    if (const auto back = rolled_back_.find(name);
        back != rolled_back_.end() && back->second.to != record.deployed)
      rolled_back_.erase(back);
    for (auto& [version, until] : recent.versions) until = std::min(until, now + kVersionCounts);
    std::erase_if(recent.versions, [&](const auto& version) { return version.second < now; });
    if (const auto version = record.versions.find(record.deployed); version != record.versions.end())
      recent.versions.emplace_back(version->second, TimePoint::max());
  }
  for (auto& [name, recent] : recent_) {
    if (recent.deployed.empty() || parts_.stores.state().applications.contains(name)) continue;
    recent.deployed.clear();
    for (auto& [version, until] : recent.versions) until = std::min(until, now + kVersionCounts);
  }
}

void Checks::nothing_unmanaged_is_scaled(const Host& host, const Host::ScaleJob& job) {
  if (job.by_hand || !job.request.id.starts_with(kByHand)) return;
  parts_.world.violate("nothing_unmanaged_is_touched",
                       fmt::format("manager {} scales {} on host {}, which somebody started by hand",
                                   job.asker.endpoint, job.request.id, host.slot));
}

void Checks::nothing_unmanaged_is_stopped(const Host& host, const Host::StopJob& job) {
  if (job.by_hand || !job.id.starts_with(kByHand)) return;
  parts_.world.violate("nothing_unmanaged_is_touched",
                       fmt::format("manager {} stops {} on host {}, which somebody started by hand",
                                   job.asker.endpoint, job.id, host.slot));
}

// From every version that was deployed lately, and the one that it takes over from.
Checks::Bound Checks::bound_of(const std::string& id) {
  Bound bound;
  const TimePoint now = parts_.world.now();
  for (const auto& [name, recent] : recent_) {
    std::vector<std::shared_ptr<const manager::Application>> versions;
    for (const auto& [version, until] : recent.versions)
      if (until >= now) versions.push_back(version);
    if (versions.empty()) continue;
    if (const auto record = parts_.stores.state().applications.find(name);
        record != parts_.stores.state().applications.end())
      if (const auto stable = record->second.versions.find(record->second.note.stable);
          stable != record->second.versions.end())
        versions.push_back(stable->second);
    bool daemon = false, spread = false;
    uint32_t instances = 0, most = 0;
    for (const auto& version : versions) {
      for (const manager::Part& part : version->parts) {
        if (part.id != id || part.shared || !part.scaling) continue;
        bound.known = true;
        (part.scaling->kind == manager::ScalingKind::daemon ? daemon : spread) = true;
        instances = std::max(instances, most_of(*part.scaling));
      }
    }
    for (const auto& version : versions)
      for (const manager::Stage& stage : manager::schedule_of(
               manager::update_strategy(*version).value_or(manager::UpdateStrategy{}), instances))
        most = std::max(most, stage.fresh + stage.former);
    if (instances == 0) continue;
    bound.daemon = daemon;
    bound.surge = moving_surge(instances);
    // Moving from one kind of scaling to the other has no bound that both share.
    bound.instances = daemon && spread ? UINT32_MAX / 2 : daemon ? most + moving_surge(instances) : most;
    return bound;
  }
  return bound;
}

// Counted on hosts of which a manager knows all: not on one that has just come, that drains, or that was cut
// off or stopped. What a repeated or belated command brings back is nobody's plan.
void Checks::surge_is_bounded(const Host& host, const Host::ScaleJob& job, uint32_t before) {
  if (job.by_hand || job.request.count <= before) return;
  const TimePoint now = parts_.world.now();
  const Bound bound = bound_of(job.request.id);
  if (!bound.known) {
    if (job.asker.late || now < parts_.faults.bus_unclear_until() ||
        now < parts_.faults.leader_unclear_until())
      return;
    return parts_.world.violate(
        "only_what_is_declared_is_started",
        fmt::format("manager {} scales {} on host {} to {}, which no version declares", job.asker.endpoint,
                    job.request.id, host.slot, job.request.count));
  }
  if (job.asker.late || now < parts_.faults.bus_unclear_until() || host.unclear_until > now) return;
  uint64_t most = bound.instances;
  // Beside what a rollout has: either revision's instances while they move between hosts.
  if (!bound.daemon) most += 2 * bound.surge;
  // Two managers may lead for a moment, and each knows only of its own commands.
  if (now < parts_.faults.leader_unclear_until()) most += bound.surge + bound.instances / 4 + 1;
  uint64_t there = job.request.count - before;
  uint64_t same = there;
  std::string where;
  for (const auto& each : parts_.hosts.all()) {
    if (!each->up || each->draining || (bound.daemon && each.get() != &host)) continue;
    if (each.get() != &host && each->unclear_until > now) continue;
    const auto revisions = each->components.find(job.request.id);
    if (revisions == each->components.end()) continue;
    for (const auto& [reference, running] : revisions->second) {
      there += running.count;
      if (reference == job.request.reference) same += running.count;
      where += fmt::format(", {} {} on host {}", running.count, reference, each->slot);
    }
  }
  // However many there are of versions before, of which none has been taken over from for long, one can
  // begin.
  if (there <= most || same == 1) return;
  parts_.world.violate(
      "surge_is_bounded",
      fmt::format("{} has {} instances, at most {} may be: scaled from {} to {} {} on host {}{}",
                  job.request.id, there, most, before, job.request.count, job.request.reference, host.slot,
                  where));
}

manager::Requests Checks::requests_of(const std::string& id) const {
  for (const auto& [name, record] : parts_.stores.state().applications) {
    const auto version = record.versions.find(record.deployed);
    if (version == record.versions.end()) continue;
    for (const manager::Part& part : version->second->parts)
      if (part.id == id && !part.shared) return part.requests;
  }
  return {};
}

manager::Capacity Checks::capacity_of(const Host& host) const {
  manager::Capacity capacity(host.labels);
  for (const auto& [id, revisions] : host.components)
    for (const auto& [reference, running] : revisions)
      capacity.take(manager::usage_of(requests_of(id), running.count));
  return capacity;
}

// A manager gives a host no more than it has, whatever runs there already.
void Checks::hosts_have_room(const Host& host, const Host::ScaleJob& job, uint32_t before) {
  if (job.by_hand || job.asker.late || job.request.count <= before) return;
  const TimePoint now = parts_.world.now();
  if (now < parts_.faults.bus_unclear_until() || now < parts_.faults.leader_unclear_until() ||
      host.unclear_until > now || now < parts_.people.last_meddling() + kVersionCounts)
    return;
  const manager::Requests requests = requests_of(job.request.id);
  const uint32_t room = capacity_of(host).room_for(requests);
  if (job.request.count - before <= room) return;
  parts_.world.violate(
      "hosts_have_room",
      fmt::format("manager {} scales {} on host {} from {} to {}, and there is room for {}",
                  job.asker.endpoint, job.request.id, host.slot, before, job.request.count, room));
}

// What never starts has its room too, which nobody sees.
bool Checks::lacks_room(const manager::WantedPart& part, const Host& host) const {
  if (!part.revision.requests.any()) return false;
  for (const auto& [name, record] : parts_.stores.state().applications)
    if (const auto version = record.versions.find(record.deployed); version != record.versions.end())
      for (const manager::Part& one : version->second->parts)
        if (one.requests.any() && never_starts(one.reference)) return true;
  return capacity_of(host).room_for(part.revision.requests) == 0;
}

void Checks::few_calls_reach_bad_versions(const manager::RollBack& back) {
  parts_.calls.count_all();
  for (const BadDeploy& bad : parts_.people.bad_deploys()) {
    if (!bad.judged_by_share || bad.application != back.application || bad.version != back.from) continue;
    uint64_t all = 0, reached = 0;
    for (const auto& [reference, total] : parts_.calls.totals(bad.id)) {
      const auto before = bad.totals.find(reference);
      const uint64_t since = total - (before == bad.totals.end() ? 0 : before->second);
      all += since;
      if (reference == bad.reference) reached = since;
    }
    if (all < kCallsToCompare || reached * 50 < all) continue;
    parts_.world.violate("few_calls_reach_bad_versions",
                         fmt::format("{} of {} calls reached {} {}", reached, all, bad.id, bad.version));
  }
}

void Checks::rollback_has_a_reason(const manager::RollBack& back, bool calm) {
  const auto record = parts_.stores.state().applications.find(back.application);
  if (record == parts_.stores.state().applications.end()) return;
  const auto version = record->second.versions.find(back.from);
  if (version == record->second.versions.end()) return;
  for (const manager::Part& part : version->second->parts)
    if (const ImageKind kind = manner_of(part.reference).kind;
        kind != ImageKind::fine && kind != ImageKind::thousandth)
      return;
  const bool in_time = back.why.find("not ready in time") == std::string::npos;
  if (!in_time && (!calm || back.why.find(" no host") != std::string::npos)) return;
  parts_.world.violate("good_versions_stay", fmt::format("{} {} is rolled back without need: {}",
                                                         back.application, back.from, back.why));
}

// However late it comes: what somebody has deployed or undeployed since it was decided stays.
void Checks::rollback_overwrites_nothing_else(const manager::RollBack& back) {
  const auto accepted = parts_.people.accepted().find(back.application);
  const std::string last = accepted == parts_.people.accepted().end() ? "" : accepted->second.deployed;
  const std::string& deployed = parts_.stores.state().applications.find(back.application)->second.deployed;
  if (last == back.from && deployed == back.from) {
    rolled_back_[back.application] = back;
    return;
  }
  parts_.world.violate(
      "no_accepted_change_is_lost",
      fmt::format("{} is rolled back from {} to {}; \"{}\" was accepted last, and \"{}\" is deployed",
                  back.application, back.from, back.to, last, deployed));
}

// ---- When all is quiet

Manager* Checks::leader() const {
  Manager* leader = nullptr;
  for (const auto& manager : parts_.managers)
    if (manager->up() && manager->leads()) leader = manager.get();
  return leader;
}

const manager::Desired& Checks::desired() {
  std::vector<manager::DeployedApplication> deployed;
  for (const auto& [name, record] : parts_.stores.state().applications)
    if (const auto version = record.versions.find(record.deployed); version != record.versions.end())
      deployed.push_back({name, version->second, nullptr});
  const auto is_same = [](const manager::DeployedApplication& left,
                          const manager::DeployedApplication& right) {
    return left.name == right.name && left.version == right.version;
  };
  if (!std::equal(deployed.begin(), deployed.end(), deployed_.begin(), deployed_.end(), is_same)) {
    desired_ = manager::desired_of(deployed);
    deployed_ = std::move(deployed);
  }
  return desired_;
}

std::vector<const Host*> Checks::usable_hosts() const {
  std::vector<const Host*> hosts;
  for (const auto& host : parts_.hosts.all())
    if (host->up && !host->draining) hosts.push_back(host.get());
  return hosts;
}

std::string Checks::what_is_not_as_declared() {
  Manager* const leads = leader();
  if (leads == nullptr) return "nobody leads";
  const manager::Desired& wanted = desired();
  const auto hosts = usable_hosts();
  for (const auto& [name, record] : parts_.stores.state().applications) {
    if (!record.note.target.empty())
      return fmt::format("{} still changes to {}, stage {}", name, record.note.target, record.note.stage);
  }
  for (const auto& [id, part] : wanted.parts)
    if (std::string wrong = part_is_as_declared(part, hosts); !wrong.empty()) return wrong;
  if (std::string wrong = nothing_is_left(wanted); !wrong.empty()) return wrong;
  if (std::string wrong = links_stay_within_borders(wanted); !wrong.empty()) return wrong;
  return lattice_is_as_declared(wanted);
}

std::string Checks::part_is_as_declared(const manager::WantedPart& part,
                                        const std::vector<const Host*>& hosts) {
  return part.kind == manager::PartKind::component ? component_is_as_declared(part, hosts)
                                                   : provider_is_as_declared(part, hosts);
}

// As many as are declared, or as its calls need; a tenth more may be left. How many that are in all is seen
// by what is there of each spread that has a host.
uint32_t Checks::instances_of(const manager::WantedPart& part, const std::vector<const Host*>& hosts) const {
  if (!part.scaling.load) return part.scaling.instances;
  const auto spreads = spreads_of(part.scaling);
  std::vector<std::optional<uint32_t>> there(spreads.size());
  bool any = false;
  for (const Host* host : hosts) {
    const auto spread = std::find_if(spreads.begin(), spreads.end(),
                                     [&](const manager::Spread& each) { return fits(*host, each); });
    if (spread == spreads.end()) continue;
    auto& sum = there[static_cast<size_t>(spread - spreads.begin())];
    sum = sum.value_or(0);
    if (const auto revisions = host->components.find(part.id); revisions != host->components.end())
      for (const auto& [reference, revision] : revisions->second) *sum += revision.count;
    any = any || *sum > 0;
  }
  const uint32_t needed = manager::instances_for(*part.scaling.load, any ? parts_.calls.level(part.id) : 0);
  for (uint32_t instances = needed; (instances - needed) * 10 < instances; ++instances) {
    const auto shares = manager::shares_of(spreads, instances);
    bool same = true;
    for (size_t index = 0; index < spreads.size(); ++index)
      same = same && there[index].value_or(shares[index]) == shares[index];
    if (same) return instances;
  }
  return needed;
}

std::string Checks::component_is_as_declared(const manager::WantedPart& part,
                                             const std::vector<const Host*>& hosts) {
  std::map<const Host*, uint32_t> counts;
  for (const Host* host : hosts) {
    const auto revisions = host->components.find(part.id);
    if (revisions == host->components.end()) continue;
    for (const auto& [reference, running] : revisions->second) {
      // What ran before stays while nothing can take its place.
      if (reference != part.revision.reference && never_starts(part.revision.reference)) continue;
      if (reference != part.revision.reference)
        return fmt::format("host {} runs {} of {}, not {}", host->slot, reference, part.id,
                           part.revision.reference);
      counts[host] = running.count;
    }
  }
  const bool daemon = part.scaling.kind == manager::ScalingKind::daemon;
  const auto spreads = spreads_of(part.scaling);
  const uint32_t instances = instances_of(part, hosts);
  const auto shares = manager::shares_of(spreads, instances);
  for (size_t index = 0; index < spreads.size(); ++index) {
    uint32_t there = 0, fitting = 0, least = UINT32_MAX, most = 0;
    bool any_room = false;
    for (const Host* host : hosts) {
      if (!fits(*host, spreads[index])) continue;
      ++fitting;
      const bool full = lacks_room(part, *host);
      any_room = any_room || !full;
      const auto count = counts.find(host);
      const uint32_t here = count == counts.end() ? 0 : count->second;
      there += here;
      least = std::min(least, here);
      most = std::max(most, here);
      if (daemon && here != part.scaling.instances && !never_starts(part.revision.reference) &&
          !(full && here < part.scaling.instances))
        return fmt::format("host {} runs {} of {}, not {}", host->slot, here, part.id,
                           part.scaling.instances);
    }
    std::erase_if(counts, [&](const auto& count) { return fits(*count.first, spreads[index]); });
    if (daemon) continue;
    const uint32_t declared = fitting == 0 ? 0 : shares[index];
    const bool may_lack = never_starts(part.revision.reference) || !any_room;
    if (there != declared && !(may_lack && there < declared))
      return fmt::format("{} has {} instances in the spread {}, not {}", part.id, there, spreads[index].name,
                         declared);
    if (!part.scaling.replicas && !part.revision.requests.any() && there >= fitting && fitting > 0 &&
        most - least > 1)
      return fmt::format("{} has from {} to {} instances on hosts of the spread {}", part.id, least, most,
                         spreads[index].name);
  }
  for (const auto& [host, count] : counts)
    if (count != 0)
      return fmt::format("host {} runs {} of {}, and fits none of its spreads", host->slot, count, part.id);
  return {};
}

std::string Checks::provider_is_as_declared(const manager::WantedPart& part,
                                            const std::vector<const Host*>& hosts) {
  std::set<const Host*> there;
  for (const Host* host : hosts) {
    const auto provider = host->providers.find(part.id);
    if (provider == host->providers.end()) continue;
    if (provider->second.reference != part.revision.reference)
      return fmt::format("host {} runs the provider {} from {}, not {}", host->slot, part.id,
                         provider->second.reference, part.revision.reference);
    if (provider->second.running) there.insert(host);
  }
  const bool daemon = part.scaling.kind == manager::ScalingKind::daemon;
  const auto spreads = spreads_of(part.scaling);
  const auto shares = manager::shares_of(spreads, part.scaling.instances);
  for (size_t index = 0; index < spreads.size(); ++index) {
    size_t fitting = 0, here = 0;
    for (const Host* host : hosts) {
      if (!fits(*host, spreads[index])) continue;
      ++fitting;
      here += there.erase(host);
    }
    const size_t declared = daemon ? fitting : std::min<size_t>(fitting, shares[index]);
    if (here != declared)
      return fmt::format("the provider {} runs on {} hosts of the spread {}, not {}", part.id, here,
                         spreads[index].name, declared);
  }
  if (!there.empty())
    return fmt::format("host {} runs the provider {}, and fits none of its spreads", (*there.begin())->slot,
                       part.id);
  return {};
}

std::string Checks::nothing_is_left(const manager::Desired& wanted) {
  for (const auto& host : parts_.hosts.all()) {
    if (!host->up) continue;
    for (const auto& [id, revisions] : host->components)
      if (!id.starts_with(kByHand) && !wanted.parts.contains(id))
        return fmt::format("host {} still runs {}, which no application declares", host->slot, id);
    for (const auto& [id, provider] : host->providers)
      if (!id.starts_with(kByHand) && !wanted.parts.contains(id))
        return fmt::format("host {} still runs the provider {}, which no application declares", host->slot,
                           id);
  }
  return {};
}

// Where the deployed revision never starts: those of an update that was given up give what ran before its
// calls.
bool Checks::serves_what_was_before(const manager::Desired& wanted, const std::string& id,
                                    const lattice::RevisionWeights& weights) const {
  const auto part = wanted.parts.find(id);
  if (part == wanted.parts.end() || !never_starts(part->second.revision.reference)) return false;
  const auto hosts = usable_hosts();
  return std::any_of(hosts.begin(), hosts.end(), [&](const Host* host) {
    const auto revisions = host->components.find(id);
    return revisions != host->components.end() &&
           std::any_of(revisions->second.begin(), revisions->second.end(), [&](const auto& revision) {
             const auto weight = weights.find(revision.first);
             return weight != weights.end() && weight->second > 0;
           });
  });
}

std::string Checks::no_accepted_change_is_lost() const {
  const auto& applications = parts_.stores.state().applications;
  for (const auto& [name, accepted] : parts_.people.accepted()) {
    const auto record = applications.find(name);
    if (record == applications.end() || record->second.deleted)
      return fmt::format("the application {} is not there any more", name);
    for (const std::string& version : accepted.versions)
      if (!record->second.versions.contains(version))
        return fmt::format("{} {} is not there any more", name, version);
    const auto back = rolled_back_.find(name);
    const bool is_rolled_back = back != rolled_back_.end() && back->second.from == accepted.deployed &&
                                back->second.to == record->second.deployed;
    if (record->second.deployed != accepted.deployed && !is_rolled_back)
      return fmt::format("{} {} was deployed last, and {} is now", name, accepted.deployed,
                         record->second.deployed);
  }
  for (const auto& [name, record] : applications)
    if (!parts_.people.accepted().contains(name) && !record.versions.empty())
      return fmt::format("the application {} was deleted, and is there", name);
  return {};
}

void Checks::trace_statuses() {
  Manager* const leads = leader();
  if (leads == nullptr) return;
  for (const auto& [name, record] : parts_.stores.state().applications) {
    const auto status = leads->reconciler().status(name);
    if (!status) continue;
    parts_.world.trace("{} {}: {} {} {}", name, record.deployed, to_string(status->status.kind),
                       status->status.message, status->rollout);
    for (const manager::ObjectStatus& object : status->objects)
      parts_.world.trace("  {} {}: {} of {}, {} {}", object.kind, object.name, object.ready, object.wanted,
                         to_string(object.status.kind), object.status.message);
  }
}

// A manifest converges, or its status says why it does not.
std::string Checks::statuses_are_true() {
  Manager* const leads = leader();
  if (leads == nullptr) return "nobody leads";
  const auto hosts = usable_hosts();
  for (const auto& [name, record] : parts_.stores.state().applications) {
    const auto status = leads->reconciler().status(name);
    if (!status) return fmt::format("{} has no status: {}", name, status.error().message());
    const auto version = record.versions.find(record.deployed);
    if (version == record.versions.end()) {
      if (status->status.kind != manager::StatusKind::undeployed)
        return fmt::format("{} is not deployed, and its status is {}", name, to_string(status->status.kind));
      continue;
    }
    bool fails = false, waits = false;
    for (const manager::Part& part : version->second->parts) {
      if (part.shared) continue;
      fails = fails || never_starts(part.reference);
      waits = waits || (part.requests.any() && status->status.kind == manager::StatusKind::waiting);
      const manager::Scaling scaling = part.scaling.value_or(manager::Scaling{});
      const auto spreads = spreads_of(scaling);
      const auto shares = manager::shares_of(spreads, scaling.instances);
      for (size_t index = 0; index < spreads.size(); ++index) {
        const auto fitting = static_cast<uint32_t>(std::count_if(
            hosts.begin(), hosts.end(), [&](const Host* host) { return fits(*host, spreads[index]); }));
        const bool daemon = scaling.kind == manager::ScalingKind::daemon;
        waits = waits || fitting == 0 ||
                (!daemon && part.kind == manager::PartKind::provider && fitting < shares[index]);
      }
    }
    const bool deployed = status->status.kind == manager::StatusKind::deployed;
    const bool refused = any_link_is_refused(name);
    if (deployed && refused) return fmt::format("{} is deployed, and a border refuses a link of it", name);
    if (!deployed && status->status.message.empty())
      return fmt::format("{} is {}, and does not say why", name, to_string(status->status.kind));
    if (deployed && record.note.stable != record.deployed)
      return fmt::format("{} {} runs, and is not noted as stable", name, record.deployed);
    if (!deployed && !fails && !waits && !refused)
      return fmt::format("{} is {} although all of it runs: {}", name, to_string(status->status.kind),
                         status->status.message);
  }
  return {};
}

// A spread whose last host has gone since the version was deployed does not run, and is not judged.
bool Checks::has_hosts(const manager::Application& application, std::string_view id) const {
  const auto hosts = usable_hosts();
  const auto part = std::find_if(application.parts.begin(), application.parts.end(),
                                 [&](const manager::Part& each) { return each.id == id; });
  return part != application.parts.end() &&
         std::all_of(part->scaling->spreads.begin(), part->scaling->spreads.end(), [&](const auto& spread) {
           return std::any_of(hosts.begin(), hosts.end(),
                              [&](const Host* host) { return fits(*host, spread); });
         });
}

std::string Checks::bad_versions_are_gone() const {
  parts_.calls.count_all();
  for (const BadDeploy& bad : parts_.people.bad_deploys()) {
    const auto record = parts_.stores.state().applications.find(bad.application);
    if (record == parts_.stores.state().applications.end()) continue;
    // Hosts that cannot be heard tell of no calls, and none are judged.
    if (parts_.faults.bus_unclear_until() > bad.at) continue;
    const auto accepted = parts_.people.accepted().find(bad.application);
    const bool last = accepted != parts_.people.accepted().end() && accepted->second.deployed == bad.version;
    if (last && record->second.deployed == bad.version &&
        has_hosts(*record->second.versions.at(bad.version), bad.id))
      return fmt::format("{} {} fails every tenth call of {}, and is still deployed", bad.application,
                         bad.version, bad.id);
  }
  return {};
}

Duration Checks::allowance() {
  Duration most{};
  for (const auto& [name, record] : parts_.stores.state().applications) {
    const auto version = record.versions.find(record.deployed);
    if (version == record.versions.end()) continue;
    Duration here{};
    const auto strategy = manager::update_strategy(*version->second).value_or(manager::UpdateStrategy{});
    for (const manager::Part& part : version->second->parts) {
      if (part.shared || !part.scaling) continue;
      Duration schedule{};
      if (record.note.stable != record.deployed)
        for (const manager::Stage& stage : manager::schedule_of(strategy, most_of(*part.scaling)))
          schedule += stage.judged ? strategy.observe + seconds(1) : seconds(1);
      const auto hosts = usable_hosts();
      // Then it goes back when its time is over.
      if (record.note.stable != record.deployed && !is_taken(*part.scaling, hosts))
        schedule += strategy.progress_timeout + seconds(15);
      // Without room beside the version before likewise.
      if (record.note.stable != record.deployed && part.requests.any())
        schedule += strategy.progress_timeout + seconds(15);
      const ImageManner manner = manner_of(part.reference);
      if (manner.kind == ImageKind::never || manner.kind == ImageKind::tenth) schedule += seconds(15);
      // Until it is tried the next time, a minute and a quarter at most.
      if (manner.kind == ImageKind::later) schedule += seconds(90);
      if (part.scaling->load) schedule += part.scaling->load->down_after + seconds(2);
      here = std::max(here, schedule);
    }
    most = std::max(most, here);
  }
  return most;
}

}  // namespace wattle::simulation
