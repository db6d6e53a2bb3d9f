#include "host/running_components.h"

#include <algorithm>

namespace wattle::host {

void RunningComponents::put(const ComponentSpec& spec, std::shared_ptr<Revision> revision) {
  auto& revisions = components_[spec.id].revisions;
  Running running{spec.digest, spec.image_ref, std::move(revision)};
  const auto same = std::find_if(revisions.begin(), revisions.end(),
                                 [&](const Running& each) { return each.digest == spec.digest; });
  if (same != revisions.end())
    *same = std::move(running);
  else
    revisions.insert(revisions.begin(), std::move(running));
  refresh();
}

void RunningComponents::rename(const RevisionKey& key, const std::string& image_ref) {
  const auto found = components_.find(key.id);
  if (found == components_.end()) return;
  for (Running& each : found->second.revisions)
    if (each.digest == key.digest) each.image_ref = image_ref;
  refresh();
}

void RunningComponents::remove(const std::string& id) {
  components_.erase(id);
  refresh();
}

void RunningComponents::remove(const RevisionKey& key) {
  const auto found = components_.find(key.id);
  if (found == components_.end()) return;
  std::erase_if(found->second.revisions, [&](const Running& each) { return each.digest == key.digest; });
  if (found->second.revisions.empty()) components_.erase(found);
  refresh();
}

bool RunningComponents::has_only(const RevisionKey& key) const {
  const auto found = components_.find(key.id);
  return found != components_.end() && found->second.revisions.size() == 1 &&
         found->second.revisions.front().digest == key.digest;
}

// ---- Shares

void RunningComponents::follow(std::shared_ptr<const lattice::WeightTable> weights) {
  weights_ = std::move(weights);
  refresh();
}

void RunningComponents::follow(std::shared_ptr<const lattice::DirectorySnapshot> hosts) {
  hosts_ = std::move(hosts);
  refresh();
}

void RunningComponents::refresh() {
  if (weights_->empty() && shares_.empty()) return;
  for (auto& [id, component] : components_) component.shares = nullptr;
  shares_.clear();
  for (const auto& [id, weights] : *weights_) {
    Shares shares = share(id, weights);
    if (shares.total == 0) continue;
    const Shares& kept = shares_.emplace(id, std::move(shares)).first->second;
    if (const auto found = components_.find(id); found != components_.end()) found->second.shares = &kept;
  }
}

// What does not run now has no share. What runs here is known better than what this host has told of itself.
RunningComponents::Shares RunningComponents::share(std::string_view id,
                                                   const lattice::RevisionWeights& weights) const {
  const auto runs_elsewhere = [&](const std::string& image_ref) {
    if (hosts_ == nullptr) return false;
    const auto places = hosts_->places(id);
    return std::any_of(places.begin(), places.end(), [&](const auto& place) {
      return place.component != nullptr && place.component->image_ref == image_ref && !place.host->draining &&
             place.host->host_id != own_host_;
    });
  };
  Shares shares;
  for (const auto& [image_ref, weight] : weights) {
    const Running* here = find_image(id, image_ref);
    if (weight == 0 || (here == nullptr && !runs_elsewhere(image_ref))) continue;
    shares.revisions.push_back({image_ref, weight, here == nullptr ? nullptr : here->revision});
    shares.total += weight;
    if (here != nullptr) shares.total_here += weight;
  }
  return shares;
}

// ---- Choosing

RunningComponents::Choice RunningComponents::choose(std::string_view id) {
  const auto found = components_.find(id);
  const Shares* shares = nullptr;
  if (found != components_.end()) {
    shares = found->second.shares;
    if (shares == nullptr) return {&found->second.revisions.front().revision, {}};
  } else {
    const auto elsewhere = shares_.find(id);
    if (elsewhere == shares_.end()) return {};
    shares = &elsewhere->second;
  }
  uint32_t left = static_cast<uint32_t>(random_()) % shares->total;
  const Weighed* picked = &shares->revisions.front();
  while (left >= picked->weight) left -= picked++->weight;
  return {picked->here == nullptr ? nullptr : &picked->here, picked->image_ref};
}

const std::shared_ptr<Revision>* RunningComponents::choose_here(std::string_view id,
                                                                std::string_view image_ref) {
  const auto found = components_.find(id);
  if (found == components_.end()) return nullptr;
  const Component& component = found->second;
  if (!image_ref.empty())
    if (const Running* wanted = find_image(id, image_ref)) return &wanted->revision;
  if (component.shares == nullptr || component.shares->total_here == 0)
    return &component.revisions.front().revision;
  uint32_t left = static_cast<uint32_t>(random_()) % component.shares->total_here;
  for (const Weighed& each : component.shares->revisions) {
    if (each.here == nullptr) continue;
    if (left < each.weight) return &each.here;
    left -= each.weight;
  }
  return &component.revisions.front().revision;
}

const RunningComponents::Running* RunningComponents::find_image(std::string_view id,
                                                                std::string_view image_ref) const {
  const auto found = components_.find(id);
  if (found == components_.end()) return nullptr;
  for (const Running& each : found->second.revisions)
    if (each.image_ref == image_ref) return &each;
  return nullptr;
}

std::shared_ptr<Revision> RunningComponents::find(const RevisionKey& key) const {
  const auto found = components_.find(key.id);
  if (found == components_.end()) return nullptr;
  for (const Running& each : found->second.revisions)
    if (each.digest == key.digest) return each.revision;
  return nullptr;
}

const Revision* RunningComponents::newest(std::string_view id) const {
  const auto found = components_.find(id);
  return found == components_.end() ? nullptr : found->second.revisions.front().revision.get();
}

// ---- All of them

std::vector<std::string> RunningComponents::ids() const {
  std::vector<std::string> ids;
  for (const auto& [id, component] : components_) ids.push_back(id);
  return ids;
}

std::vector<std::shared_ptr<Revision>> RunningComponents::revisions() const {
  std::vector<std::shared_ptr<Revision>> revisions;
  for (const auto& [id, component] : components_)
    for (const Running& each : component.revisions) revisions.push_back(each.revision);
  return revisions;
}

std::vector<RevisionKey> RunningComponents::parked(std::string_view id) const {
  std::vector<RevisionKey> parked;
  if (const auto found = components_.find(id); found != components_.end())
    for (const Running& each : found->second.revisions)
      if (each.revision->is_parked()) parked.push_back({found->first, each.digest});
  return parked;
}

void RunningComponents::clear() {
  shares_.clear();
  components_.clear();
}

}  // namespace wattle::host
