#include "faults.h"

namespace wattle::simulation {
namespace {

constexpr Duration kUntilClear = seconds(8);

}  // namespace

std::string_view to_string(Trouble trouble) {
  switch (trouble) {
    case Trouble::none:
      return "none";
    case Trouble::hosts:
      return "hosts";
    case Trouble::managers:
      return "managers";
    case Trouble::store:
      return "store";
    case Trouble::bus:
      return "bus";
    case Trouble::all:
      return "all";
  }
  return "none";
}

void Faults::inject(Trouble trouble) {
  if (trouble == Trouble::none) return;
  ++injected_;
  if (trouble == Trouble::all)
    trouble = parts_.world.random().pick(
        std::vector<Trouble>{Trouble::hosts, Trouble::managers, Trouble::store, Trouble::bus});
  if (trouble == Trouble::hosts) of_hosts();
  if (trouble == Trouble::managers) of_managers();
  if (trouble == Trouble::store) of_store();
  if (trouble == Trouble::bus) of_bus();
}

void Faults::of_hosts() {
  Random& random = parts_.world.random();
  auto& hosts = parts_.hosts.all();
  Host& host = *hosts[static_cast<size_t>(random.below(hosts.size()))];
  size_t there = 0;
  for (const auto& each : hosts) there += each->removed ? 0 : 1;
  switch (random.below(8)) {
    case 0:
    case 1:
    case 2: {
      const Duration back = random.between(milliseconds(200), seconds(5));
      parts_.hosts.crash(host, back, random.chance(0.3));
      return lasts(back);
    }
    case 3: {
      const Duration pause = random.between(milliseconds(300), seconds(6));
      parts_.hosts.stop_for(host, pause);
      return lasts(pause);
    }
    case 4: {
      const Duration drain = random.between(milliseconds(500), seconds(5));
      const Duration back = random.between(milliseconds(200), seconds(3));
      if (there > parts_.hosts_wanted && random.chance(0.5)) {
        parts_.hosts.leave(host, drain, {});
        return lasts(drain);
      }
      parts_.hosts.leave(host, drain, back);
      return lasts(drain + back);
    }
    case 5: {
      if (there > parts_.hosts_wanted + 1) {
        if (!host.up) return;
        return parts_.hosts.crash(host, {}, false);
      }
      manager::StringMap labels{{"zone", fmt::format("z{}", random.below(3))},
                                {"rack", fmt::format("r{}", random.below(4))}};
      parts_.hosts.add(std::move(labels));
      return;
    }
    case 6:
      if (!host.up) return;
      if (random.chance(0.5)) return parts_.hosts.set_label(host, "gpu", random.chance(0.5) ? "yes" : "");
      return parts_.hosts.set_label(host, "zone", fmt::format("z{}", random.below(3)));
    default: {
      if (!host.up || host.providers.empty()) return;
      auto& [id, provider] = *host.providers.begin();
      if (random.chance(0.5)) {
        parts_.world.trace("host {}: provider {} is {}healthy", host.slot, id, provider.healthy ? "un" : "");
        provider.healthy = !provider.healthy;
        parts_.hosts.changed(host);
        const Duration back = random.between(seconds(1), seconds(4));
        parts_.world.after(back, [this, &host, healed = id, epoch = host.epoch] {
          if (host.epoch != epoch || !host.providers.contains(healed)) return;
          host.providers.at(healed).healthy = true;
          parts_.hosts.changed(host);
        });
        return lasts(back);
      }
      if (provider.by_hand || !provider.running) return;
      parts_.world.trace("host {}: provider {} is gone", host.slot, id);
      host.providers.erase(host.providers.begin());
      parts_.hosts.changed(host);
    }
  }
}

void Faults::of_managers() {
  Random& random = parts_.world.random();
  Manager& manager = *parts_.managers[static_cast<size_t>(random.below(parts_.managers.size()))];
  const Duration pause = random.between(milliseconds(200), seconds(6));
  if (random.chance(0.5))
    manager.crash(pause);
  else
    manager.stop_for(pause, random.chance(0.5));
  lasts(pause);
  leader_unclear_until_ = std::max(leader_unclear_until_, parts_.world.now() + pause + kUntilClear);
}

void Faults::of_store() {
  Random& random = parts_.world.random();
  const Duration pause = random.between(milliseconds(200), seconds(6));
  lasts(pause);
  leader_unclear_until_ = std::max(leader_unclear_until_, parts_.world.now() + pause + kUntilClear);
  if (random.chance(0.4)) {
    parts_.world.trace("writes fail for {} ms", pause / milliseconds(1));
    parts_.stores.set_unknown_outcomes(0.2 + 0.1 * static_cast<double>(random.below(9)));
    parts_.world.after(pause, [this, number = ++disks_] {
      if (number == disks_) parts_.stores.set_unknown_outcomes(0);
    });
    return;
  }
  const bool loses = random.chance(0.4);
  parts_.world.trace("the store is {} for {} ms", loses ? "lost, and refilled" : "away",
                     pause / milliseconds(1));
  parts_.stores.set_away(true);
  parts_.world.after(pause, [this, loses, number = ++outages_] {
    if (number != outages_) return;
    parts_.stores.set_away(false);
    parts_.world.trace("the store is back");
    if (!loses) return;
    for (auto& manager : parts_.managers)
      if (parts_.world.random().chance(0.5)) manager->hear_earlier(parts_.stores.earlier_view());
  });
  bus_unclear_until_ = std::max(bus_unclear_until_, parts_.world.now() + pause + kUntilClear);
}

void Faults::of_bus() {
  Random& random = parts_.world.random();
  const Duration pause = random.between(milliseconds(300), seconds(8));
  lasts(pause);
  const TimePoint clear = parts_.world.now() + pause + kUntilClear;
  bus_unclear_until_ = std::max(bus_unclear_until_, clear);
  leader_unclear_until_ = std::max(leader_unclear_until_, clear);
  if (random.chance(0.5)) {
    Weather weather;
    weather.lost = random.chance(0.5) ? 0.02 * static_cast<double>(random.below(20)) : 0;
    weather.repeated = random.chance(0.5) ? 0.02 * static_cast<double>(random.below(10)) : 0;
    weather.late = random.chance(0.6) ? 0.05 * static_cast<double>(random.below(10)) : 0;
    weather.latest = random.between(milliseconds(20), seconds(4));
    parts_.world.trace("the bus is bad for {} ms: lost {:.2f}, repeated {:.2f}, late {:.2f} up to {} ms",
                       pause / milliseconds(1), weather.lost, weather.repeated, weather.late,
                       weather.latest / milliseconds(1));
    lasts(pause + weather.latest);
    parts_.bus.set_weather(weather);
    parts_.world.after(pause, [this, number = ++weathers_] {
      if (number == weathers_) parts_.bus.set_weather({});
    });
    return;
  }
  std::set<Endpoint> apart;
  if (random.chance(0.2)) apart.insert(kStoreEndpoint);
  for (const auto& manager : parts_.managers)
    if (random.chance(0.4)) apart.insert(manager->endpoint());
  for (const auto& host : parts_.hosts.all())
    if (random.chance(0.4)) apart.insert(host->endpoint);
  parts_.world.trace("the bus is cut for {} ms: {} are apart", pause / milliseconds(1),
                     fmt::join(apart, ", "));
  parts_.bus.cut(std::move(apart));
  parts_.world.after(pause, [this, number = ++cuts_] {
    if (number != cuts_) return;
    parts_.bus.heal();
    parts_.world.trace("the bus is whole");
  });
}

}  // namespace wattle::simulation
