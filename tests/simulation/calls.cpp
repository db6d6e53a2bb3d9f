#include "calls.h"

#include <algorithm>

#include "images.h"

namespace wattle::simulation {
namespace {

// Longer than any stage.
constexpr Duration kCountedFor = seconds(60);

}  // namespace

double Calls::rate(std::string_view id) const {
  const auto stream = streams_.find(id);
  return stream == streams_.end() ? 0 : stream->second.rate;
}

std::map<std::string, uint64_t> Calls::totals(std::string_view id) const {
  const auto stream = streams_.find(id);
  return stream == streams_.end() ? std::map<std::string, uint64_t>() : stream->second.totals;
}

uint32_t Calls::level(std::string_view id) const {
  const auto level = levels_.find(id);
  return level == levels_.end() ? 0 : level->second;
}

bool Calls::has_levels(const Host& host) const {
  return std::any_of(host.components.begin(), host.components.end(),
                     [&](const auto& component) { return levels_.contains(component.first); });
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
  for (const auto& [id, revisions] : host.components) {
    const auto stream = streams_.find(id);
    if (stream == streams_.end() || stream->second.rate == 0) continue;
    if (world_.now() - stream->second.changed < kCountedFor ||
        stores_.state().weights.contains(std::string(id)))
      count(id);
  }
}

void Calls::change(std::string_view id) {
  count(id);
  if (const auto stream = streams_.find(id); stream != streams_.end()) stream->second.changed = world_.now();
}

void Calls::count(std::string_view id) {
  const auto found = streams_.find(id);
  if (found == streams_.end()) return;
  Stream& stream = found->second;
  const double passed = std::chrono::duration<double>(world_.now() - stream.counted_to).count();
  stream.counted_to = world_.now();
  if (stream.rate == 0 || passed <= 0) return;
  // Where each revision runs, and in how many instances.
  std::map<std::string, std::vector<std::pair<Host*, RunningRevision*>>> places;
  std::map<std::string, double> shares;
  double sum = 0;
  const auto weights = stores_.state().weights.find(std::string(id));
  for (auto& host : hosts_.all()) {
    if (!host->up) continue;
    const auto revisions = host->components.find(id);
    if (revisions == host->components.end()) continue;
    for (auto& [reference, running] : revisions->second) {
      places[reference].emplace_back(host.get(), &running);
      shares[reference] += running.count;
    }
  }
  if (weights != stores_.state().weights.end()) {
    double weighed = 0;
    for (const auto& [reference, share] : shares)
      if (const auto weight = weights->second.find(reference); weight != weights->second.end())
        weighed += weight->second;
    if (weighed > 0)
      for (auto& [reference, share] : shares) {
        const auto weight = weights->second.find(reference);
        share = weight == weights->second.end() ? 0 : weight->second;
      }
  }
  for (const auto& [reference, share] : shares) sum += share;
  if (sum <= 0) return;
  for (auto& [reference, share] : shares) {
    double& owed = stream.owed[reference];
    owed += stream.rate * passed * share / sum;
    const auto calls = static_cast<uint64_t>(owed);
    if (calls == 0) continue;
    owed -= static_cast<double>(calls);
    uint64_t& total = stream.totals[reference];
    const uint32_t every = manner_of(reference).fails_every;
    const uint64_t failures = every == 0 ? 0 : (total + calls) / every - total / every;
    total += calls;
    // To one place after the other, so that all are heard of.
    const auto& there = places[reference];
    for (size_t index = 0; index < there.size(); ++index) {
      const auto part = [&](uint64_t all) {
        return all / there.size() + (index < all % there.size() ? 1 : 0);
      };
      there[index].second->counts.calls += part(calls);
      there[index].second->counts.failures += part(failures);
      hosts_.changed(*there[index].first);
    }
  }
}

}  // namespace wattle::simulation
