#include "stores.h"

namespace wattle::simulation {

void put_config(StoreState& state, const std::string& name, const manager::StringMap& values) {
  auto next = std::make_shared<lattice::ConfigTable>(*state.configs);
  (*next)[name] = values;
  state.configs = std::move(next);
}

void delete_config(StoreState& state, const std::string& name) {
  auto next = std::make_shared<lattice::ConfigTable>(*state.configs);
  next->erase(name);
  state.configs = std::move(next);
}

Result<void> Stores::apply(Topic topic, const Change& change) {
  if (topic == Topic::lattice && before_lattice_change_) before_lattice_change_();
  auto done = change(state_);
  if (!done) return done;
  if (topic == Topic::lattice) {
    std::erase_if(state_.links, [](const auto& links) { return links.second.empty(); });
    earlier_.push_back(std::make_shared<const manager::LatticeChanged>(lattice_view()));
    if (earlier_.size() > kEarlierKept) earlier_.pop_front();
  }
  if (topic != Topic::none)
    for (const auto& listener : listeners_) listener(topic);
  return {};
}

void Stores::write(Endpoint from, Topic topic, Change change, Done done) {
  bus_.send(
      from, kStoreEndpoint,
      [this, from, topic, change = std::move(change), done = std::move(done)](const Delivery& delivery) {
        // Comparing and setting takes a repeated message once.
        if (away_ || delivery.repeated) return;
        Result<void> result;
        if (unknown_outcomes_ > 0 && world_.random().chance(unknown_outcomes_)) {
          if (world_.random().chance(0.5)) (void)apply(topic, change);
          result = failure(ErrorCode::io, "no space left on the device, or the write was not acknowledged");
        } else {
          result = apply(topic, change);
        }
        bus_.send(kStoreEndpoint, from, [done, result](const Delivery&) { done(result); });
      });
}

Result<void> Stores::write_now(Topic topic, const Change& change) {
  if (away_) return failure(ErrorCode::unavailable, "the store is away");
  return apply(topic, change);
}

lattice::BorderTable Stores::borders() const {
  std::vector<lattice::Border> borders;
  if (keeps_borders_)
    for (const auto& [name, border] : state_.borders) borders.push_back(border);
  return lattice::BorderTable(std::move(borders));
}

manager::LatticeChanged Stores::lattice_view() const {
  manager::LatticeChanged view;
  const lattice::BorderTable holding = borders();
  for (const auto& [group, links] : state_.links)
    for (const lattice::StoredLink& stored : links)
      if (stored.phase == lattice::LinkPhase::in_force && holding.check(stored.link))
        view.links[group].push_back(stored.link);
  view.configs.insert(state_.configs->begin(), state_.configs->end());
  view.weights = state_.weights;
  view.borders.insert(state_.borders.begin(), state_.borders.end());
  return view;
}

manager::LatticeChanged Stores::earlier_view() {
  if (earlier_.empty()) return lattice_view();
  return *earlier_[static_cast<size_t>(world_.random().below(earlier_.size()))];
}

manager::ApplicationsChanged Stores::applications_view() const {
  manager::ApplicationsChanged view;
  for (const auto& [name, record] : state_.applications) {
    manager::ApplicationInput input;
    input.name = name;
    input.version_name = record.deployed;
    if (const auto version = record.versions.find(record.deployed); version != record.versions.end())
      input.version = version->second;
    if (const auto stable = record.versions.find(record.note.stable); stable != record.versions.end())
      input.stable = stable->second;
    input.note = record.note;
    view.applications.push_back(std::move(input));
  }
  return view;
}

}  // namespace wattle::simulation
