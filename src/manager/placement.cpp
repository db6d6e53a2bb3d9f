#include "manager/placement.h"

#include <algorithm>
#include <numeric>
#include <queue>
#include <tuple>

namespace wattle::manager {
namespace {

constexpr size_t kHostsTold = 5;

bool fits(const HostView& host, const Spread& spread) {
  if (!spread.host_id.empty() && spread.host_id != host.id) return false;
  return std::all_of(spread.requirements.begin(), spread.requirements.end(), [&](const auto& requirement) {
    const auto label = host.labels->find(requirement.first);
    return label != host.labels->end() && label->second == requirement.second;
  });
}

std::string misfit(const HostView& host, const Spread& spread) {
  if (!spread.host_id.empty() && spread.host_id != host.id) return fmt::format("is not {}", spread.host_id);
  for (const auto& [key, value] : spread.requirements) {
    const auto label = host.labels->find(key);
    if (label == host.labels->end()) return fmt::format("has no label {}", key);
    if (label->second != value) return fmt::format("has {}={}, not {}", key, label->second, value);
  }
  return "fits";
}

const std::string& name_of(const HostView& host) {
  return host.friendly_name.empty() ? host.id : host.friendly_name;
}

std::string shortage(const HostSet& hosts, const Spread& spread, size_t wanted, size_t fitting) {
  std::string text = fmt::format("spread {}: ", spread.name);
  text += fitting == 0 ? "no host fits" : fmt::format("{} hosts are wanted, {} fit", wanted, fitting);
  if (hosts.size() == 0) return text + ": there is no host; wattle up or wattle host starts one";
  size_t told = 0;
  for (size_t index = 0; index < hosts.size() && told < kHostsTold; ++index) {
    if (fits(hosts[index], spread)) continue;
    text +=
        fmt::format("{} {} {}", told++ == 0 ? ":" : ",", name_of(hosts[index]), misfit(hosts[index], spread));
  }
  const size_t more = hosts.size() - fitting - told;
  if (more != 0 && told == kHostsTold) text += fmt::format(", and {} more", more);
  return text;
}

class Chooser {
 public:
  Chooser(HostSet& hosts, const PlacementRequest& request)
      : hosts_(hosts), request_(request), present_(hosts.size(), 0) {
    for (const auto& [host, count] : request.present) present_[host] = count;
    if (!request.requests.any()) return;
    for (uint32_t host = 0; host < hosts.size(); ++host)
      room_.push_back(hosts.capacity(host).room_for(request.requests));
    if (request.kept == nullptr) return;
    for (const auto& [host, count] : *request.kept) room_[host] = std::max(room_[host], count);
  }

  // For so many instances in all.
  uint32_t room(uint32_t host) const { return room_.empty() ? UINT32_MAX : room_[host]; }

  void give(uint32_t host, uint32_t count, Instances& out) {
    if (count == 0) return;
    out[host] += count;
    if (!room_.empty()) room_[host] -= count;
  }

  // The best `count` of `among`.
  std::vector<uint32_t> choose(std::vector<uint32_t> among, size_t count) const {
    if (count >= among.size()) return among;
    const auto& domains = hosts_.domains(request_.failure_domain);
    std::map<uint32_t, std::vector<uint32_t>> by_domain;
    for (const uint32_t host : among) by_domain[domains[host]].push_back(host);
    if (by_domain.size() == 1) return best(std::move(among), count);
    std::vector<uint32_t> chosen;
    const auto quotas = quotas_of(by_domain, count);
    for (auto& [domain, members] : by_domain) {
      const auto some = best(std::move(members), quotas.at(domain));
      chosen.insert(chosen.end(), some.begin(), some.end());
    }
    std::sort(chosen.begin(), chosen.end());
    return chosen;
  }

  // Divides `instances` evenly over `chosen`, and what one has no room for over the others. Returns how many
  // are left over.
  uint32_t divide(std::vector<uint32_t> chosen, uint32_t instances, Instances& out) {
    for (size_t before = 0; before != chosen.size();) {
      before = chosen.size();
      const uint32_t share = before == 0 ? 0 : instances / static_cast<uint32_t>(before);
      std::erase_if(chosen, [&](uint32_t host) {
        const uint32_t here = room(host);
        if (here > share) return false;
        give(host, here, out);
        instances -= here;
        return true;
      });
    }
    if (chosen.empty()) return instances;
    const auto count = static_cast<uint32_t>(chosen.size());
    const uint32_t share = instances / count;
    for (const uint32_t host : best(chosen, instances % count)) give(host, 1, out);
    for (const uint32_t host : chosen) give(host, share, out);
    return 0;
  }

 private:
  bool is_better(uint32_t left, uint32_t right) const {
    // What others are given plays no part where it runs already: it would move whenever they do.
    const auto key = [&](uint32_t host) {
      return std::tuple(~present_[host], present_[host] != 0 ? 0 : hosts_.parts(host), host);
    };
    return key(left) < key(right);
  }
  std::vector<uint32_t> best(std::vector<uint32_t> among, size_t count) const {
    if (count < among.size()) {
      std::nth_element(among.begin(), among.begin() + static_cast<ptrdiff_t>(count), among.end(),
                       [&](uint32_t left, uint32_t right) { return is_better(left, right); });
      among.resize(count);
    }
    std::sort(among.begin(), among.end());
    return among;
  }
  // One by one to the domain that has the fewest, of equals to the one that has the most already.
  std::map<uint32_t, size_t> quotas_of(const std::map<uint32_t, std::vector<uint32_t>>& by_domain,
                                       size_t count) const {
    using Entry = std::tuple<size_t, uint32_t, size_t, uint32_t>;  // quota, ~present, fewest parts, domain
    std::priority_queue<Entry, std::vector<Entry>, std::greater<>> queue;
    std::map<uint32_t, size_t> quotas;
    for (const auto& [domain, members] : by_domain) {
      uint32_t present = 0;
      size_t parts = SIZE_MAX;
      for (const uint32_t host : members) {
        present += present_[host] != 0 ? 1 : 0;
        parts = std::min<size_t>(parts, hosts_.parts(host));
      }
      quotas[domain] = 0;
      queue.emplace(0, ~present, present != 0 ? 0 : parts, domain);
    }
    for (size_t given = 0; given < count && !queue.empty(); ++given) {
      auto [quota, present, parts, domain] = queue.top();
      queue.pop();
      quotas[domain] = ++quota;
      if (quota < by_domain.at(domain).size()) queue.emplace(quota, present, parts, domain);
    }
    return quotas;
  }

  HostSet& hosts_;
  const PlacementRequest& request_;
  std::vector<uint32_t> present_;  // by host
  std::vector<uint32_t> room_;     // by host; empty: nothing limits it
};

}  // namespace

// ---- hosts

HostSet::HostSet(std::vector<HostView> hosts) : hosts_(std::move(hosts)), parts_(hosts_.size(), 0) {
  capacities_.reserve(hosts_.size());
  for (const HostView& host : hosts_) capacities_.emplace_back(*host.labels);
}

std::string HostSet::requirements_of(const Spread& spread) {
  std::string key = spread.host_id;
  for (const auto& [label, value] : spread.requirements) {
    key += '\n';
    key += label;
    key += '=';
    key += value;
  }
  return key;
}

const std::vector<uint32_t>& HostSet::eligible(const Spread& spread) {
  const auto [known, is_new] = eligible_.try_emplace(requirements_of(spread));
  if (is_new)
    for (uint32_t index = 0; index < hosts_.size(); ++index)
      if (fits(hosts_[index], spread)) known->second.push_back(index);
  return known->second;
}

const std::vector<uint32_t>& HostSet::domains(const std::string& label) {
  const auto [known, is_new] = domains_.try_emplace(label);
  if (!is_new) return known->second;
  std::map<std::string_view, uint32_t> numbers;
  bool any = false;
  for (const HostView& host : hosts_) any = any || host.labels->contains(label);
  for (uint32_t index = 0; index < hosts_.size(); ++index) {
    const auto value = hosts_[index].labels->find(label);
    // Where no host says it, all are alike.
    const auto size = static_cast<uint32_t>(hosts_.size());
    if (value == hosts_[index].labels->end())
      known->second.push_back(any ? size + index : 0);
    else
      known->second.push_back(
          numbers.try_emplace(value->second, static_cast<uint32_t>(numbers.size())).first->second);
  }
  return known->second;
}

// ---- placing

std::vector<uint32_t> shares_of(std::span<const Spread> spreads, uint32_t total) {
  uint64_t weights = 0;
  for (const Spread& spread : spreads) weights += spread.weight;
  std::vector<uint32_t> shares(spreads.size(), 0);
  if (weights == 0) return shares;
  uint32_t left = total;
  for (size_t index = 0; index < spreads.size(); ++index)
    left -= shares[index] = static_cast<uint32_t>(uint64_t{total} * spreads[index].weight / weights);
  std::vector<size_t> order(spreads.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return spreads[a].weight > spreads[b].weight; });
  for (size_t index = 0; left > 0; index = (index + 1) % order.size()) {
    if (spreads[order[index]].weight == 0) continue;
    ++shares[order[index]];
    --left;
  }
  return shares;
}

namespace {

// One spread after the other; all of them share what room there is.
class Placer {
 public:
  Placer(HostSet& hosts, const PlacementRequest& request)
      : hosts_(hosts), request_(request), chooser_(hosts, request) {}

  void place(const Spread& spread, uint32_t wanted) {
    std::vector<uint32_t> fitting = fitting_of(spread);
    const size_t hosts_wanted = !is_daemon() && is_provider() ? wanted : 1;
    if (fitting.size() < hosts_wanted)
      placement_.shortages.push_back(shortage(hosts_, spread, hosts_wanted, fitting.size()));
    if (!request_.requests.any()) {
      give(std::move(fitting), wanted);
      return;
    }
    const Instances before = placement_.instances;
    const uint32_t lacking = give(fitting, wanted);
    const auto without_room = [&](uint32_t host) { return chooser_.room(host) == 0; };
    placement_.limited = placement_.limited || std::any_of(fitting.begin(), fitting.end(), without_room);
    if (lacking == 0) return;
    placement_.lacking += lacking;
    tell_room(spread, fitting, before, wanted, lacking);
  }

  Placement take() { return std::move(placement_); }

 private:
  bool is_daemon() const { return request_.scaling.kind == ScalingKind::daemon; }
  bool is_provider() const { return request_.kind == PartKind::provider; }
  // On one host at most.
  uint32_t here_of(uint32_t wanted) const { return is_provider() ? 1 : is_daemon() ? wanted : UINT32_MAX; }

  std::vector<uint32_t> fitting_of(const Spread& spread) {
    const std::vector<uint32_t>& all = hosts_.eligible(spread);
    std::vector<uint32_t> both;
    if (request_.only == nullptr)
      both = all;
    else
      std::set_intersection(all.begin(), all.end(), request_.only->begin(), request_.only->end(),
                            std::back_inserter(both));
    // A provider runs once on a host, whichever of its spreads has put it there.
    if (is_provider() && !is_daemon())
      std::erase_if(both, [&](uint32_t host) { return placement_.instances.contains(host); });
    return both;
  }

  // Returns how many instances have no room on hosts that fit.
  uint32_t give(std::vector<uint32_t> fitting, uint32_t wanted) {
    const size_t all = fitting.size();
    if (all == 0) return 0;
    if (is_daemon()) {
      uint32_t lacking = 0;
      for (const uint32_t host : fitting) {
        const uint32_t count = std::min(here_of(wanted), chooser_.room(host));
        chooser_.give(host, count, placement_.instances);
        lacking += here_of(wanted) - count;
      }
      return lacking;
    }
    std::erase_if(fitting, [&](uint32_t host) { return chooser_.room(host) == 0; });
    const size_t count =
        std::min<size_t>({wanted, fitting.size(), request_.scaling.replicas.value_or(UINT32_MAX)});
    auto chosen = chooser_.choose(std::move(fitting), count);
    if (!is_provider()) return chooser_.divide(std::move(chosen), wanted, placement_.instances);
    for (const uint32_t host : chosen) chooser_.give(host, 1, placement_.instances);
    return static_cast<uint32_t>(std::min<size_t>(wanted, all) - chosen.size());
  }

  void tell_room(const Spread& spread, const std::vector<uint32_t>& fitting, const Instances& before,
                 uint32_t wanted, uint32_t lacking) {
    const uint64_t all = is_daemon() ? uint64_t{here_of(wanted)} * fitting.size() : wanted;
    std::string text = fmt::format("spread {}: {} of {} instances {} no host", spread.name, lacking, all,
                                   lacking == 1 ? "has" : "have");
    const auto count_on = [](const Instances& instances, uint32_t host) {
      const auto found = instances.find(host);
      return found == instances.end() ? 0 : found->second;
    };
    size_t told = 0, full = 0;
    for (const uint32_t host : fitting) {
      const uint32_t given = count_on(placement_.instances, host);
      if (chooser_.room(host) != 0 || given - count_on(before, host) >= here_of(wanted)) continue;
      if (++full > kHostsTold) continue;
      text += fmt::format("{} {}: {}", told++ == 0 ? ":" : ";", name_of(hosts_[host]),
                          hosts_.capacity(host).lack_of(request_.requests, given));
    }
    if (full > told) text += fmt::format("; and {} more", full - told);
    placement_.shortages.push_back(std::move(text));
  }

  HostSet& hosts_;
  const PlacementRequest& request_;
  Chooser chooser_;
  Placement placement_;
};

}  // namespace

Placement place(HostSet& hosts, const PlacementRequest& request) {
  static const std::vector<Spread> kAnywhere{Spread{}};
  const auto& spreads = request.scaling.spreads.empty() ? kAnywhere : request.scaling.spreads;
  const bool daemon = request.scaling.kind == ScalingKind::daemon;
  const auto shares = daemon ? std::vector<uint32_t>() : shares_of(spreads, request.instances);
  Placer placer(hosts, request);
  for (size_t index = 0; index < spreads.size(); ++index)
    if (const uint32_t wanted = daemon ? request.instances : shares[index]; wanted != 0)
      placer.place(spreads[index], wanted);
  return placer.take();
}

}  // namespace wattle::manager
