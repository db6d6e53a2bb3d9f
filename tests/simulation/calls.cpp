#include "calls.h"

#include <algorithm>

#include "images.h"

namespace wattle::simulation {
namespace {

// Longer than any stage.
constexpr Duration kCountedFor = seconds(15);
// Leases tell what was counted at most so long before.
constexpr Duration kCountInterval = milliseconds(500);

}  // namespace

double Calls::rate(std::string_view id) const {
  const auto stream = streams_.find(id);
  return stream == streams_.end() ? 0 : stream->second.rate;
}

std::map<std::string, uint64_t> Calls::totals(std::string_view id) const {
  std::map<std::string, uint64_t> totals;
  if (const auto stream = streams_.find(id); stream != streams_.end())
    for (const auto& [reference, answered] : stream->second.by_reference) totals[reference] = answered.total;
  return totals;
}

uint32_t Calls::level(std::string_view id) const {
  const auto level = levels_.find(id);
  return level == levels_.end() ? 0 : level->second;
}

void Calls::set_level(const std::string& id, uint32_t calls) {
  uint32_t& level = levels_[id];
  if (level != calls) world_.trace("{} has {} calls in flight", id, calls);
  level = calls;
  ++in_flight_changes_;
}

uint32_t Calls::in_flight(const Host& host, std::string_view id, std::string_view reference) const {
  const uint32_t calls = level(id);
  if (calls == 0) return 0;
  uint32_t places = 0, place = 0;
  for (const auto& each : hosts_.all()) {
    if (!each->up) continue;
    const auto revisions = each->components.find(id);
    if (revisions == each->components.end()) continue;
    for (const auto& [running, revision] : revisions->second) {
      if (each.get() == &host && running == reference) place = places;
      ++places;
    }
  }
  return places == 0 ? 0 : calls / places + (place < calls % places ? 1 : 0);
}

void Calls::count_all() {
  for (const auto& [id, stream] : streams_) count(id);
}

void Calls::count_changing(const Host& host) {
  const auto& weights = stores_.state().weights;
  if (weights.empty() && world_.now() - changed_ >= kCountedFor) return;
  for (auto& [id, stream] : streams_) {
    if (stream.rate == 0 || world_.now() - stream.counted_to < kCountInterval) continue;
    if (world_.now() - stream.changed >= kCountedFor && !weights.contains(id)) continue;
    if (host.components.contains(id)) count(id);
  }
}

void Calls::change(std::string_view id) {
  count(id);
  if (level(id) != 0) ++in_flight_changes_;
  if (const auto stream = streams_.find(id); stream != streams_.end())
    stream->second.changed = changed_ = world_.now();
}

void Calls::count(std::string_view id) {
  const auto found = streams_.find(id);
  if (found == streams_.end()) return;
  Stream& stream = found->second;
  const double passed = std::chrono::duration<double>(world_.now() - stream.counted_to).count();
  stream.counted_to = world_.now();
  if (stream.rate == 0 || passed <= 0) return;
  const auto targets = targets_of(id);
  double sum = 0;
  for (const auto& [reference, target] : targets) sum += target.share;
  if (sum <= 0) return;
  for (const auto& [reference, target] : targets) {
    auto answered = stream.by_reference.find(reference);
    if (answered == stream.by_reference.end())
      answered =
          stream.by_reference.emplace(reference, Answered{.fails_every = manner_of(reference).fails_every})
              .first;
    answer(answered->second, stream.rate * passed * target.share / sum, target);
  }
}

// By weights where there are some, else by instances.
std::map<std::string_view, Calls::Target> Calls::targets_of(std::string_view id) {
  std::map<std::string_view, Target> targets;
  for (auto& host : hosts_.all()) {
    if (!host->up) continue;
    const auto revisions = host->components.find(id);
    if (revisions == host->components.end()) continue;
    for (auto& [reference, running] : revisions->second) {
      Target& target = targets[reference];
      target.places.emplace_back(host.get(), &running);
      target.share += running.count;
    }
  }
  const auto weights = stores_.state().weights.find(std::string(id));
  if (weights == stores_.state().weights.end()) return targets;
  const bool any = std::any_of(weights->second.begin(), weights->second.end(), [&](const auto& weight) {
    return weight.second > 0 && targets.contains(weight.first);
  });
  if (!any) return targets;
  for (auto& [reference, target] : targets) target.share = 0;
  for (const auto& [reference, weight] : weights->second)
    if (const auto target = targets.find(reference); target != targets.end()) target->second.share = weight;
  return targets;
}

// By one place after the other, so that all are heard of.
void Calls::answer(Answered& answered, double calls, const Target& target) {
  answered.owed += calls;
  const auto whole = static_cast<uint64_t>(answered.owed);
  if (whole == 0) return;
  answered.owed -= static_cast<double>(whole);
  const uint32_t every = answered.fails_every;
  const uint64_t failures = every == 0 ? 0 : (answered.total + whole) / every - answered.total / every;
  answered.total += whole;
  const size_t places = target.places.size();
  for (size_t index = 0; index < places; ++index) {
    const auto part = [&](uint64_t all) { return all / places + (index < all % places ? 1 : 0); };
    const auto& [host, running] = target.places[index];
    running->counts.calls += part(whole);
    running->counts.failures += part(failures);
    hosts_.changed(*host);
  }
}

}  // namespace wattle::simulation
