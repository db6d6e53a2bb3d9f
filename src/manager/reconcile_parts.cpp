// Components and providers: how many of each revision run where.
#include <algorithm>

#include "manager/reconcile_objects.h"
#include "manager/reconciler.h"

namespace wattle::manager {
namespace {

constexpr std::string_view kStop = "stop";  // the signature of such work on a provider

}  // namespace

// ---- What is there

bool Reconciler::is_noted(const WantedPart& part) const {
  if (part.application == kPlatform) return noted_parts_.contains(part.id);
  const auto known = applications_.find(part.application);
  return known != applications_.end() && known->second.input.note.parts.contains(part.id);
}

// Something runs under this id that nobody has put there for an application, and that is not what is wanted.
bool Reconciler::is_foreign(std::string_view id) const {
  if (noted_parts_.contains(id)) return false;
  const auto wanted = desired().parts.find(id);
  if (wanted == desired().parts.end()) return false;
  const auto is_wanted = [&](const std::string& reference) {
    return reference == wanted->second.revision.reference ||
           (wanted->second.former && reference == wanted->second.former->reference);
  };
  if (const auto components = running_.find(id); components != running_.end())
    for (const RunsOn& one : components->second)
      if (one.component->application.empty() && !is_wanted(one.component->reference)) return true;
  if (const auto providers = providers_on_.find(id); providers != providers_on_.end())
    for (const auto& [host, provider] : providers->second)
      if (provider->application.empty() && !is_wanted(provider->reference)) return true;
  return false;
}

std::vector<std::string_view> Reconciler::references_of(std::string_view id) const {
  std::vector<std::string_view> references;
  const auto components = running_.find(id);
  if (components == running_.end()) return references;
  for (const RunsOn& one : components->second)
    if (std::find(references.begin(), references.end(), one.component->reference) == references.end())
      references.push_back(one.component->reference);
  return references;
}

Instances Reconciler::present_of(std::string_view id, std::string_view reference) const {
  Instances present;
  const auto components = running_.find(id);
  if (components == running_.end()) return present;
  for (const RunsOn& one : components->second)
    if (one.component->reference == reference) present[one.host] += one.component->count;
  return present;
}

Instances Reconciler::present_of(const WantedPart& provider) const {
  Instances present;
  if (const auto found = providers_on_.find(provider.id); found != providers_on_.end())
    for (const auto& [host, running] : found->second) present[host] = 1;
  return present;
}

// Without those that are being stopped because others were chosen: a host that is chosen again meanwhile
// would have it stopped and started.
Instances Reconciler::staying_of(const WantedPart& provider) const {
  Instances staying;
  const auto found = providers_on_.find(provider.id);
  if (found == providers_on_.end()) return staying;
  for (const auto& [host, running] : found->second) {
    const Work* work = find_work(provider_object(provider.id, *usable_[host].first));
    const bool ends = work != nullptr && work->signature == kStop && (work->command != 0 || work->awaited);
    if (!ends || !is_as_declared(*running, provider.revision)) staying[host] = 1;
  }
  return staying;
}

Instances Reconciler::present_or_commanded(std::string_view id, std::string_view reference) const {
  Instances hosts = present_of(id, reference);
  add_commanded(id, reference, hosts);
  return hosts;
}

// How many instances run of all that is to be on the same hosts, in whichever revision: whoever chooses the
// hosts chooses those that have the most, so that what moves there makes them the better choice. Otherwise
// all would follow a part that runs nowhere yet, or a revision that others have more instances of elsewhere.
void Reconciler::add_companions(const WantedPart& part, Instances& present) const {
  if (part.together.empty()) return;
  for (const std::string& id : table_.of(planned_).parts) {
    const auto components = running_.find(id);
    const auto wanted = desired().parts.find(id);
    if (components == running_.end() || wanted == desired().parts.end()) continue;
    if (wanted->second.together != part.together) continue;
    for (const RunsOn& one : components->second) present[one.host] += one.component->count;
  }
}

std::optional<uint32_t> Reconciler::find_usable(std::string_view host_id) const {
  const auto host = std::lower_bound(usable_.begin(), usable_.end(), host_id,
                                     [](const auto& one, std::string_view id) { return *one.first < id; });
  if (host == usable_.end() || *host->first != host_id) return {};
  return static_cast<uint32_t>(host - usable_.begin());
}

// Calls `take` with the host and each command on this revision that is not done yet. False: there is no work
// on it at all.
bool Reconciler::each_commanded(std::string_view id, std::string_view reference,
                                const std::function<void(uint32_t host, const Work& work)>& take) const {
  if (work_.empty()) return false;
  const std::string prefix = component_object(id, reference, "");
  bool any = false;
  for (auto work = work_.lower_bound(prefix); work != work_.end() && work->first.starts_with(prefix);
       ++work) {
    any = true;
    if (work->second.command == 0 && !work->second.awaited) continue;
    if (const auto host = find_usable(std::string_view(work->first).substr(prefix.size())))
      take(*host, work->second);
  }
  return any;
}

// Raises the numbers of those hosts that are to have more.
bool Reconciler::add_commanded(std::string_view id, std::string_view reference, Instances& hosts) const {
  return each_commanded(id, reference, [&](uint32_t host, const Work& work) {
    if (work.most == 0) return;
    uint32_t& there = hosts[host];
    there = std::max(there, work.most);
  });
}

// Lowers the numbers of those hosts that are to have less.
void Reconciler::remove_commanded(std::string_view id, std::string_view reference, Instances& hosts) const {
  each_commanded(id, reference, [&](uint32_t host, const Work& work) {
    if (const auto there = hosts.find(host); there != hosts.end())
      there->second = std::min(there->second, work.count);
  });
}

std::string Reconciler::missing_config(const std::vector<std::string>& names) const {
  for (const std::string& name : names) {
    const auto there = configs_.find(name);
    const auto wanted = desired().configs.find(name);
    if (there == configs_.end() ||
        (wanted != desired().configs.end() && wanted->second.values != there->second))
      return name;
  }
  return {};
}

std::string Reconciler::obstacle(const WantedPart& part) const {
  if (is_foreign(part.id))
    return fmt::format(
        "something else runs under the id {}, which no application has started; stop it, or give "
        "the part another id",
        in_quotes(part.id));
  if (!is_noted(part)) return "is being begun";
  if (const std::string name = missing_config(part.revision.configs); !name.empty())
    return desired().configs.contains(name)
               ? fmt::format("waits for the config {}", name)
               : fmt::format("the config {} is not there; wattle config put {} KEY=VALUE", name, name);
  return {};
}

// ---- Components

std::string Reconciler::refusal_of_config(std::string_view provider) const {
  for (const std::string& host_id : refusing_) {
    const HostReport& host = hosts_.find(host_id)->second.report;
    const auto refused = host.refused.find(provider);
    if (refused == host.refused.end()) continue;
    for (const lattice::RefusedLink& one : refused->second)
      if (one.source_id.empty()) return fmt::format("{}: {}", host.friendly_name, one.reason);
  }
  return {};
}

// Once in a plan, for all applications that have it.
void Reconciler::keep_part(const std::string& id, TimePoint now) {
  const WantedPart& part = desired().parts.find(id)->second;
  Outcome& outcome = parts_done_[id];
  if (outcome.plan == plans_) return;
  const Outcome before = std::exchange(outcome, Outcome{.plan = plans_});
  const Given given = take_given(id);
  limited_.erase(id);
  give_running(part);
  if (part.kind == PartKind::component)
    keep_component(part, outcome, now);
  else
    keep_provider(part, outcome, now);
  if (!given.empty()) wake_limited(given, given_[id]);
  if (before.status == outcome.status && before.stage_reached == outcome.stage_reached) return;
  for (const std::string& name : table_.of_part(id))
    if (name != planned_) touch(name);
}

void Reconciler::place_on(Outcome& outcome, uint32_t host) {
  host_set_->add_part(host);
  outcome.hosts.push_back(host);
}

void Reconciler::displace(Outcome& outcome) {
  for (const uint32_t host : outcome.hosts) host_set_->remove_part(host);
  outcome.hosts.clear();
}

// ---- Providers

// It is told its configs' names and its program when it starts.
bool Reconciler::is_as_declared(const RunningProvider& running, const WantedRevision& revision) {
  return running.reference == revision.reference &&
         (running.scaler.empty() || running.scaler == revision.scaler);
}

void Reconciler::keep_provider(const WantedPart& part, Outcome& outcome, TimePoint now) {
  ObjectStatus& status = outcome.status;
  status.id = part.revision.scaler;
  status.kind = part.scaling.kind == ScalingKind::daemon ? "ProviderDaemonScaler" : "ProviderSpreadScaler";
  status.name = part.name;
  status.wanted = part.scaling.instances;
  if (std::string why = obstacle(part); !why.empty()) {
    status.status = {is_foreign(part.id) ? StatusKind::failed : StatusKind::waiting, std::move(why)};
    return;
  }
  std::map<uint32_t, const RunningProvider*> there;
  if (const auto found = providers_on_.find(part.id); found != providers_on_.end()) there = found->second;
  const Instances present = present_of(part);
  const Instances staying = staying_of(part);
  const Requests& requests = part.revision.requests;
  remove_given(part.id, requests, present);
  const Placement placement = place(*host_set_, {.scaling = part.scaling,
                                                 .kind = PartKind::provider,
                                                 .instances = part.scaling.instances,
                                                 .failure_domain = part.failure_domain,
                                                 .present = staying,
                                                 .requests = requests,
                                                 .kept = &present});
  add_given(part.id, requests, placement, present);
  RevisionStatus revision{part.revision.reference, 0, kAllCalls, {}};
  std::string unhealthy, error;
  status.wanted = placement.lacking;
  for (const auto& [host, count] : placement.instances) {
    place_on(outcome, host);
    ++status.wanted;
    const std::string& host_id = *usable_[host].first;
    const ObservedHost& observed = *usable_[host].second;
    const std::string object = provider_object(part.id, host_id);
    const auto running = there.find(host);
    const Work* work = nullptr;
    if (running == there.end()) {
      work = &want(object, "start " + part.revision.scaler,
                   StartProvider{host_id, part.id, part.revision.reference, part.revision.configs,
                                 annotations_of(part, part.revision)},
                   now);
    } else if (!is_as_declared(*running->second, part.revision)) {
      work = &want(object, std::string(kStop), StopProvider{host_id, part.id}, now);
    } else {
      ++revision.ready;
      revision.hosts[host_id] = 1;
      if (observed.report.unhealthy_providers.contains(part.id))
        unhealthy =
            fmt::format("is not healthy on {}; the host starts it anew", observed.report.friendly_name);
    }
    if (work != nullptr && !work->error.empty())
      error = fmt::format("{}: {}", observed.report.friendly_name, work->error);
  }
  if (error.empty()) error = refusal_of_config(part.id);
  status.ready = revision.ready;
  status.revisions.push_back(std::move(revision));
  // What runs where it should not ends when the others are there.
  bool all_placed = status.ready == status.wanted;
  for (const auto& [host, provider] : there) {
    if (placement.instances.contains(host)) continue;
    const std::string& host_id = *usable_[host].first;
    if (all_placed)
      want(provider_object(part.id, host_id), std::string(kStop), StopProvider{host_id, part.id}, now);
    outcome.stage_reached = false;
  }
  if (!error.empty()) {
    status.status = {StatusKind::failed, std::move(error)};
  } else if (!placement.shortages.empty()) {
    status.status = {StatusKind::waiting, fmt::format("{}", fmt::join(placement.shortages, "; "))};
  } else if (!all_placed) {
    status.status = {StatusKind::reconciling,
                     fmt::format("runs on {} of {} hosts", status.ready, status.wanted)};
  } else if (!unhealthy.empty()) {
    status.status = {StatusKind::unhealthy, std::move(unhealthy)};
  } else {
    status.status = {StatusKind::deployed, {}};
  }
}

// ---- What no application wants any more

// What was noted and is not wanted: all that runs under this id.
void Reconciler::end_part(const std::string& id, TimePoint now) {
  if (desired().parts.contains(id)) return;
  end_running(id, now, [](const std::string&) { return true; });
  if (const auto weights = weights_.find(id); weights != weights_.end() && !running_.contains(id))
    want("weights " + id, "", PutWeights{id, {}}, now);
}

// And what nobody has noted, but says that it was put there for an application.
void Reconciler::end_strays(TimePoint now) {
  const auto is_ours = [&](const std::string& application) {
    const auto known = applications_.find(application);
    return known != applications_.end() && known->second.input.unreadable.empty();
  };
  for (const std::string& id : strays_)
    if (!noted_parts_.contains(id)) end_running(id, now, is_ours);
}

void Reconciler::end_running(const std::string& id, TimePoint now,
                             const std::function<bool(const std::string& application)>& is_meant) {
  if (const auto components = running_.find(id); components != running_.end()) {
    for (const RunsOn& one : components->second) {
      if (!is_meant(one.component->application)) continue;
      const std::string& host_id = *usable_[one.host].first;
      want(component_object(id, one.component->reference, host_id), "0",
           Scale{host_id, id, one.component->reference, 0, {}, {}, {}}, now);
    }
  }
  if (const auto providers = providers_on_.find(id); providers != providers_on_.end()) {
    for (const auto& [host, provider] : providers->second) {
      if (!is_meant(provider->application)) continue;
      const std::string& host_id = *usable_[host].first;
      want(provider_object(id, host_id), std::string(kStop), StopProvider{host_id, id}, now);
    }
  }
}

}  // namespace wattle::manager
