#include "runtime/host.h"

namespace wattle::runtime {

uint32_t HostResources::insert(std::unique_ptr<HostResource> resource) {
  if (unused_.empty()) {
    slots_.push_back(std::move(resource));
    return static_cast<uint32_t>(slots_.size() - 1);
  }
  const uint32_t representation = unused_.back();
  unused_.pop_back();
  slots_[representation] = std::move(resource);
  return representation;
}

std::unique_ptr<HostResource> HostResources::take(uint32_t representation) {
  unused_.push_back(representation);
  return std::move(slots_[representation]);
}

// A resource's destructor may look at the others, but inserts none.
void HostResources::clear() {
  while (!slots_.empty()) {
    auto latest = std::move(slots_.back());
    slots_.pop_back();
  }
  unused_.clear();
}

}  // namespace wattle::runtime
