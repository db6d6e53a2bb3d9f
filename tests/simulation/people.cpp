#include "people.h"

#include <algorithm>

#include "images.h"
#include "manager/check.h"
#include "manager/read.h"
#include "manager/rollout.h"

namespace wattle::simulation {
namespace {

const std::vector<std::string> kPackages{"keyvalue", "blobstore", "messaging"};
const std::vector<std::string> kInterfaces{"store", "atomics", "batch"};
constexpr double kFrequent = 1000;
// The name of links by which somebody tries to reach into an application.
constexpr std::string_view kForged = "forged";

// What others draw does not depend on it.
uint64_t chance_of(std::string_view text, uint64_t sides) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return (hash >> 20) % sides;
}

// Whether calls are looked at before the version before has ended: not where it ends first.
bool is_judged(const manager::UpdateStrategy& strategy, const manager::Scaling& scaling) {
  const uint32_t least = scaling.load ? std::max(1u, scaling.load->least) : scaling.instances;
  const auto stages = manager::schedule_of(strategy, least);
  return std::any_of(stages.begin(), stages.end(), [](const manager::Stage& stage) { return stage.judged; });
}

std::vector<std::string> some(Random& random, const std::vector<std::string>& of) {
  std::vector<std::string> chosen;
  for (const std::string& one : of)
    if (random.chance(0.5)) chosen.push_back(one);
  if (chosen.empty()) chosen.push_back(of.front());
  return chosen;
}

}  // namespace

// ---- What they think of

std::string People::new_image(const std::string& application, const std::string& part, uint32_t version,
                              bool first) {
  Random& random = world_.random();
  std::string manner = "fine";
  const double dice = static_cast<double>(random.below(1000)) / 1000;
  if (options_.plain || dice < (first ? 0.9 : 0.66)) {
  } else if (dice < 0.93) {
    manner = first ? "thousandth" : dice < 0.75 ? "thousandth" : "tenth";
  } else if (dice < 0.96) {
    manner = "never";
  } else {
    manner = fmt::format("later-{}", static_cast<int64_t>(world_.now_in_seconds()) + random.between(2, 15));
  }
  return fmt::format("registry.sim/{}-{}:{}-{}", application, part, version, manner);
}

std::vector<SpreadModel> People::new_spreads() {
  Random& random = world_.random();
  if (random.chance(0.5)) return {};
  if (random.chance(0.2)) return {{"gpu", "gpu", "yes", 100}};
  std::vector<SpreadModel> spreads;
  for (uint32_t zone = 0; zone < 3; ++zone)
    if (random.chance(0.6))
      spreads.push_back({fmt::format("z{}", zone), "zone", fmt::format("z{}", zone), random.between(1, 100)});
  return spreads;
}

PartModel People::new_component(const std::string& application, const std::string& name, uint32_t version) {
  Random& random = world_.random();
  PartModel part;
  part.name = name;
  part.image = new_image(application, name, version, version == 1);
  part.instances = options_.plain ? options_.replicas : random.between(1, options_.replicas);
  if (options_.plain) return part;
  if (options_.scarce && chance_of(name + application, 2) == 0)
    part.memory_mib = 32 << chance_of("memory " + name + application, 3);
  part.follows_calls = chance_of(application + name, 4) == 0;
  part.spreads = new_spreads();
  part.daemon = random.chance(0.15);
  if (part.daemon) part.instances = random.between(1, 3);
  if (random.chance(0.4)) part.config = {{"title", fmt::format("{}", random.below(100))}};
  return part;
}

void People::choose_strategy(ApplicationModel& model) {
  Random& random = world_.random();
  model.annotations.clear();
  switch (random.below(7)) {
    case 0:
      model.annotations["wattle/update"] = "blue-green";
      break;
    case 1:
      model.annotations["wattle/update"] = "canary";
      if (random.chance(0.5)) model.annotations["wattle/canary"] = "10%, 50%";
      break;
    case 2:
      model.annotations["wattle/update"] = "recreate";
      break;
    case 3:
      model.annotations["wattle/max-surge"] = random.chance(0.5) ? "1" : "50%";
      break;
    case 4:
      model.annotations["wattle/max-surge"] = "0";
      model.annotations["wattle/max-unavailable"] = "1";
      break;
    default:
      break;
  }
  if (random.chance(0.3)) model.annotations["wattle/spread-by"] = "rack";
}

// Each version anew: whoever used it before may be left out.
void People::choose_users(ApplicationModel& model) const {
  if (!options_.borders || !model.shared) return;
  const std::string seed = fmt::format("{} of {} lets in", model.version, model.name);
  switch (chance_of(seed, 4)) {
    case 0:
      model.shared_with = "*=wasi:logging/logging";  // what others link
      break;
    case 1:
      model.shared_with = "*=wasi:keyvalue";
      break;
    case 2:
      model.shared_with = "nobody";
      for (const auto& [name, other] : models_)
        if (chance_of(name + seed, 2) == 0) model.shared_with += ", " + name;
      break;
    default:
      model.shared_with.clear();
  }
}

bool People::lets_in(const std::string& owner, const std::string& user) const {
  const auto record = stores_.state().applications.find(owner);
  if (record == stores_.state().applications.end()) return false;
  const auto version = record->second.versions.find(record->second.deployed);
  return version != record->second.versions.end() &&
         manager::may_use(*version->second, user, "wasi", "logging", "logging");
}

ApplicationModel People::new_application() {
  Random& random = world_.random();
  ApplicationModel model;
  model.name = fmt::format("app{}", ++names_);
  model.version = 1;
  if (options_.plain) {
    model.parts.push_back(new_component(model.name, "web", 1));
    return model;
  }
  model.workload = random.chance(0.12);
  // Owners have two components at least, and users one.
  const uint32_t components = random.between(1, options_.borders ? 2 : 3);
  for (uint32_t index = 0; index < components; ++index)
    model.parts.push_back(new_component(model.name, fmt::format("part{}", index), 1));
  if (model.workload) return model;
  model.shared = random.chance(options_.borders ? 0.7 : 0.25);
  choose_strategy(model);
  if (random.chance(0.7)) {
    PartModel provider;
    provider.name = "store";
    provider.provider = true;
    provider.image = random.chance(0.5) ? "ghcr.io/wasmcloud/keyvalue-nats:0.4.0"
                                        : fmt::format("registry.sim/{}-store:1-fine", model.name);
    provider.instances = random.between(1, 2);
    provider.daemon = random.chance(0.2);
    if (provider.daemon) provider.instances = 1;
    if (random.chance(0.3)) provider.spreads = {{"z0", "zone", "z0", 100}};
    if (random.chance(0.5))
      provider.config = {{"cluster_uri", fmt::format("nats://10.0.0.{}", random.below(9))}};
    model.parts.push_back(provider);
    model.links.push_back({"part0", "store", random.pick(kPackages), some(random, kInterfaces), {}});
    if (random.chance(0.5)) model.links.back().config = {{"bucket", fmt::format("b{}", random.below(9))}};
  }
  if (components > 1) model.links.push_back({"part0", "part1", "http", {"incoming-handler"}, {}});
  if (random.chance(options_.borders ? 0.8 : 0.2)) {
    for (const auto& [name, other] : models_) {
      const auto has_store = std::find_if(other.parts.begin(), other.parts.end(), [](const PartModel& part) {
        return part.name == "part1" && part.shared_of.empty();
      });
      if (!other.shared || has_store == other.parts.end()) continue;
      if (options_.borders && !lets_in(name, model.name)) continue;
      if (components > 1) break;
      PartModel shared;
      shared.name = "part1";
      shared.shared_of = name;
      model.parts.push_back(shared);
      model.links.push_back({"part0", "part1", "logging", {"logging"}, {}});
      break;
    }
  }
  return model;
}

// ---- What they do

bool People::put(ApplicationModel model) {
  choose_users(model);
  manager::Problems problems;
  auto read = manager::read_manifests(to_yaml(model), manager::default_images(), problems);
  if (read.size() != 1 || problems.any_errors()) {
    const std::string told =
        problems.any_errors() ? manager::refusal(problems, model.name).full_message() : "nothing in it";
    world_.violate("manifests_are_read", fmt::format("{}: {}", told, to_yaml(model)));
    return false;
  }
  manager::Application application = std::move(read.front());
  application.version = fmt::format("v{}", model.version);
  std::vector<const manager::Application*> others;
  for (const auto& [name, record] : stores_.state().applications)
    if (const auto deployed = record.versions.find(record.deployed); deployed != record.versions.end())
      others.push_back(deployed->second.get());
  manager::take_shared_ids(application, others);
  if (!options_.plain) manager::check(application, others, {.others_are_all = true}, problems);
  if (problems.any_errors()) {
    world_.trace("{} {} is refused: {}", model.name, application.version,
                 manager::refusal(problems, model.name).full_message());
    ++refused_;
    return false;
  }
  const auto version = std::make_shared<const manager::Application>(std::move(application));
  const auto stored = stores_.write_now(Topic::applications, [&](StoreState& state) -> Result<void> {
    Record& record = state.applications[model.name];
    record.deleted = false;
    record.versions[version->version] = version;
    record.deployed = version->version;
    return {};
  });
  if (!stored) return false;
  world_.trace("{} {} is deployed", model.name, version->version);
  accepted_[model.name].versions.insert(version->version);
  accepted_[model.name].deployed = version->version;
  forget_bad_deploys_of(model.name);
  note_bad_deploy(*version);
  for (const manager::Part& part : version->parts) {
    if (part.scaling && part.scaling->load)
      calls_.set_level(part.id, static_cast<uint32_t>(chance_of(part.id + version->version, 12)));
    if (part.kind != manager::PartKind::component || part.shared || calls_.rate(part.id) > 0) continue;
    if (!options_.plain)
      calls_.set_rate(part.id, world_.random().pick(std::vector<double>{0, 20, kFrequent, 3 * kFrequent}));
  }
  models_[model.name] = std::move(model);
  return true;
}

// Something else counts now.
void People::forget_bad_deploys_of(const std::string& application) {
  std::erase_if(bad_deploys_, [&](const BadDeploy& bad) { return bad.application == application; });
}

bool People::any_fits(const manager::Spread& spread) const {
  return std::any_of(hosts_.all().begin(), hosts_.all().end(), [&](const auto& host) {
    return host->up && !host->draining &&
           std::all_of(spread.requirements.begin(), spread.requirements.end(), [&](const auto& requirement) {
             const auto label = host->labels.find(requirement.first);
             return label != host->labels.end() && label->second == requirement.second;
           });
  });
}

// One that is replaced by a version whose calls fail often: it has to go back.
void People::note_bad_deploy(const manager::Application& application) {
  const Record& record = stores_.state().applications.at(application.name);
  const auto stable = record.versions.find(record.note.stable);
  if (stable == record.versions.end() || !record.note.target.empty()) return;
  const auto strategy = manager::update_strategy(application).value_or(manager::UpdateStrategy{});
  // Without surge the only instance may be the new one, and all calls are its.
  const bool can_surge = strategy.max_surge.count + strategy.max_surge.percent > 0;
  calls_.count_all();
  for (const manager::Part& part : application.parts) {
    if (part.shared || part.kind != manager::PartKind::component || !part.scaling) continue;
    if (!is_judged(strategy, *part.scaling)) continue;
    const manager::Part* before = manager::find_part(*stable->second, part.name);
    if (before == nullptr || before->shared || before->reference == part.reference) continue;
    if (manner_of(part.reference).kind != ImageKind::tenth || calls_.rate(part.id) < kFrequent) continue;
    if (manner_of(before->reference).kind != ImageKind::fine) continue;
    // What no host fits does not run, and is not judged.
    if (!std::all_of(part.scaling->spreads.begin(), part.scaling->spreads.end(),
                     [&](const manager::Spread& spread) { return any_fits(spread); }))
      continue;
    bad_deploys_.push_back({application.name, application.version, part.id, part.reference,
                            calls_.totals(part.id), world_.now(),
                            calm_ && strategy.kind != manager::UpdateKind::canary && can_surge});
  }
}

void People::begin_application() {
  (void)put(new_application());
}

void People::change_application(ApplicationModel model) {
  Random& random = world_.random();
  ++model.version;
  std::vector<PartModel*> own;
  for (PartModel& part : model.parts)
    if (part.shared_of.empty()) own.push_back(&part);
  PartModel& part = *random.pick(own);
  switch (random.below(model.workload ? 2 : 8)) {
    case 0:
    case 7:
      part.instances = part.provider ? random.between(1, 2) : random.between(1, options_.replicas);
      if (part.daemon) part.instances = 1;
      break;
    case 1:
    case 2:
    case 3:
      for (PartModel* one : own)
        if (!one->provider && (one == &part || random.chance(0.3)))
          one->image = new_image(model.name, one->name, model.version, false);
      if (!model.workload) choose_strategy(model);
      break;
    case 4:
      part.config = random.chance(0.3) ? manager::StringMap()
                                       : manager::StringMap{{"title", fmt::format("{}", random.below(1000))}};
      break;
    case 5:
      if (!model.links.empty()) {
        LinkModel& link = model.links[static_cast<size_t>(random.below(model.links.size()))];
        if (random.chance(0.2)) {
          model.links.erase(model.links.begin());
        } else if (link.package != "http" && link.package != "logging") {
          link.interfaces = some(random, kInterfaces);
          link.config = {{"bucket", fmt::format("b{}", random.below(99))}};
          if (random.chance(0.3)) link.package = random.pick(kPackages);
        }
      }
      break;
    default:
      if (part.provider) break;
      part.spreads = new_spreads();
      if (random.chance(0.3)) part.daemon = !part.daemon;
      if (part.daemon) part.instances = std::min(part.instances, 3u);
      break;
  }
  (void)put(std::move(model));
}

void People::undeploy(const std::string& name) {
  if (!stores_.write_now(Topic::applications, [&](StoreState& state) -> Result<void> {
        state.applications[name].deployed.clear();
        return {};
      }))
    return;
  world_.trace("{} is undeployed", name);
  accepted_[name].deployed.clear();
  forget_bad_deploys_of(name);
}

// A version that was there before.
void People::redeploy(const std::string& name) {
  Random& random = world_.random();
  const auto& versions = accepted_[name].versions;
  if (versions.empty()) return;
  const std::string version =
      *std::next(versions.begin(), static_cast<ptrdiff_t>(random.below(versions.size())));
  if (!stores_.write_now(Topic::applications, [&](StoreState& state) -> Result<void> {
        state.applications[name].deployed = version;
        return {};
      }))
    return;
  world_.trace("{} {} is deployed again", name, version);
  accepted_[name].deployed = version;
  forget_bad_deploys_of(name);
}

void People::remove(const std::string& name) {
  if (!stores_.write_now(Topic::applications, [&](StoreState& state) -> Result<void> {
        Record& record = state.applications[name];
        record.deployed.clear();
        record.versions.clear();
        record.deleted = true;
        if (record.note == manager::Note()) state.applications.erase(name);
        return {};
      }))
    return;
  world_.trace("{} is deleted", name);
  accepted_.erase(name);
  models_.erase(name);
}

void People::change() {
  Random& random = world_.random();
  ++changes_;
  const uint64_t dice = random.below(100);
  if (models_.size() < 2 || (dice < 15 && models_.size() < options_.applications)) return begin_application();
  const auto chosen = std::next(models_.begin(), static_cast<ptrdiff_t>(random.below(models_.size())));
  const std::string name = chosen->first;
  const bool deployed = !accepted_[name].deployed.empty();
  if (dice < 62) return change_application(chosen->second);
  if (dice < 70) return deployed ? undeploy(name) : redeploy(name);
  if (dice < 74) return redeploy(name);
  if (dice < 79) return remove(name);
  if (dice < 90) return by_hand();
  meddle();
}

// ---- By hand

// Things of their own, which no manager may touch.
void People::by_hand() {
  Random& random = world_.random();
  Host& host = *random.pick(std::vector<Host*>([&] {
    std::vector<Host*> hosts;
    for (auto& each : hosts_.all()) hosts.push_back(each.get());
    return hosts;
  }()));
  const uint32_t number = random.between(1, 5);
  switch (random.below(5)) {
    case 0:
    case 1:
      if (!hosts_.answers(host)) return;
      world_.trace("somebody scales hand-{} on host {}", number, host.slot);
      (void)hosts_.scale(
          host,
          {host.id, fmt::format("hand-{}", number), "registry.sim/hand:1-fine", random.between(0, 3), {}, {}},
          {}, true);
      return;
    case 2:
      if (!hosts_.answers(host)) return;
      world_.trace("somebody starts provider hand-provider-{} on host {}", number, host.slot);
      (void)hosts_.start_provider(
          host,
          {host.id, fmt::format("hand-provider-{}", number), "registry.sim/hand-provider:1-fine", {}, {}}, {},
          true);
      return;
    case 3: {
      const std::string name = fmt::format("hand-config-{}", number);
      const manager::StringMap values{{"value", fmt::format("{}", random.below(100))}};
      if (stores_.write_now(Topic::lattice, [&](StoreState& state) -> Result<void> {
            put_config(state, name, values);
            return {};
          }))
        configs_by_hand_[name] = values;
      return;
    }
    default: {
      lattice::Link link;
      link.source_id = fmt::format("hand-{}", number);
      link.target = fmt::format("hand-provider-{}", random.between(1, 5));
      link.wit_namespace = "wasi";
      link.wit_package = "keyvalue";
      link.interfaces = {"store"};
      if (number == 5 && models_.size() > 1) {
        link.name = kForged;
        link.source_id = models_.begin()->first + "-part0";
        link.target = models_.rbegin()->first + "-part0";
      }
      const LinkGroup group = manager::group_of(link);
      if (stores_.state().links.contains(group)) return;
      if (stores_.write_now(Topic::lattice, [&](StoreState& state) -> Result<void> {
            WATTLE_TRY(state.links[group], lattice::put({}, link));
            return {};
          }))
        links_by_hand_.push_back(link);
    }
  }
}

// What managers keep is changed behind their backs: they set it right.
void People::meddle() {
  Random& random = world_.random();
  for (auto& host : hosts_.all()) {
    if (!hosts_.answers(*host) || host->components.empty() || random.chance(0.5)) continue;
    const auto component =
        std::next(host->components.begin(), static_cast<ptrdiff_t>(random.below(host->components.size())));
    if (component->first.starts_with("hand-")) continue;
    const auto& [reference, running] = *component->second.begin();
    world_.trace("somebody scales {} on host {} behind the manager's back", component->first, host->slot);
    last_meddling_ = world_.now();
    (void)hosts_.scale(*host,
                       {host->id,
                        component->first,
                        reference,
                        random.between(0, 2 * running.count),
                        {},
                        running.annotations},
                       {}, true);
    return;
  }
  if (stores_.state().links.empty()) return;
  const auto links = std::next(stores_.state().links.begin(),
                               static_cast<ptrdiff_t>(random.below(stores_.state().links.size())));
  if (links->first.source_id.starts_with("hand-") || links->first.name == kForged) return;
  world_.trace("somebody deletes the links of {}", links->first.source_id);
  (void)stores_.write_now(Topic::lattice, [group = links->first](StoreState& state) -> Result<void> {
    state.links.erase(group);
    return {};
  });
}

}  // namespace wattle::simulation
