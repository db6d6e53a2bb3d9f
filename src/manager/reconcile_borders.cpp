// What belongs to which application, and whom it lets in: hosts hold links to it.
#include <algorithm>

#include "manager/reconcile_objects.h"
#include "manager/reconciler.h"

namespace wattle::manager {
namespace {

std::vector<lattice::BorderPass> passes_of(const Application& application) {
  if (!application.shared) return {};
  if (application.allowances.empty()) return {{.application = "*"}};
  std::vector<lattice::BorderPass> passes;
  for (const Allowance& allowance : application.allowances)
    passes.push_back(
        {allowance.application, allowance.wit_namespace, allowance.wit_package, allowance.interface});
  return passes;
}

}  // namespace

// Whoever has a link from another's provider into itself lets that provider in, where its owner shares it.
void Reconciler::add_own_passes(const Application& application, lattice::Border& border) const {
  for (const Link& link : application.links) {
    const Part* source = find_part(application, link.source);
    if (source == nullptr || !source->shared) continue;
    const auto owner = applications_.find(source->shared->application);
    if (owner == applications_.end() || !owner->second.input.version) continue;
    for (const std::string& interface : link.interfaces) {
      if (!may_use(*owner->second.input.version, application.name, link.wit_namespace, link.wit_package,
                   interface))
        continue;
      const lattice::BorderPass pass{owner->first, link.wit_namespace, link.wit_package, interface};
      if (std::find(border.passes.begin(), border.passes.end(), pass) == border.passes.end())
        border.passes.push_back(pass);
    }
  }
}

void Reconciler::keep_border(const std::string& name, const Known* known, TimePoint now) {
  if (known != nullptr && !known->input.unreadable.empty()) return;
  const auto there = borders_.find(name);
  if (known == nullptr || !known->input.version) {
    if (there != borders_.end()) want(border_object(name), "delete", DeleteBorder{name}, now);
    return;
  }
  lattice::Border border{.application = name, .parts = {}, .passes = passes_of(*known->input.version)};
  border.forming = is_forming(*known);
  for (const std::string& id : table_.of(name).parts)
    if (desired().parts.find(id)->second.application == name) border.parts.push_back(id);
  add_own_passes(*known->input.version, border);
  if (known->rollout) add_own_passes(*known->input.stable, border);
  if (there != borders_.end() && there->second == border) return;
  std::string json = lattice::to_json(border);
  want(border_object(name), std::move(json), PutBorder{std::move(border)}, now);
}

}  // namespace wattle::manager
