#include "wit/package.h"

namespace wattle::wit {
namespace {

std::shared_ptr<const Interface> interface_in(const Package& package, std::string_view name) {
  for (const auto& interface : package.interfaces)
    if (interface->name == name) return interface;
  return nullptr;
}

bool is_same_package(const PackageName& left, const PackageName& right) {
  return left.space == right.space && left.name == right.name;
}

}  // namespace

const FunctionEntry* Interface::find_function(std::string_view function) const {
  for (const FunctionEntry& entry : functions)
    if (entry.name == function) return &entry;
  return nullptr;
}

const TypeEntry* Interface::find_type(std::string_view type) const {
  for (const TypeEntry& entry : types)
    if (entry.name == type) return &entry;
  return nullptr;
}

std::shared_ptr<const Interface> PackageSet::find_interface(const InterfaceName& name) const {
  for (const Package& package : packages)
    if (package.name == name.package) return interface_in(package, name.interface);
  return nullptr;
}

std::shared_ptr<const Interface> PackageSet::find_compatible(const InterfaceName& name) const {
  if (auto exact = find_interface(name)) return exact;
  if (!name.package.version) return nullptr;
  std::shared_ptr<const Interface> best;
  const Version* best_version = nullptr;
  for (const Package& package : packages) {
    if (!is_same_package(package.name, name.package) || !package.name.version) continue;
    if (!is_compatible(*package.name.version, *name.package.version)) continue;
    if (best_version && compare(*package.name.version, *best_version) < 0) continue;
    auto found = interface_in(package, name.interface);
    if (!found) continue;
    best = std::move(found);
    best_version = &*package.name.version;
  }
  return best;
}

const World* PackageSet::find_world(const PackageName& name, std::string_view world) const {
  for (const Package& package : packages) {
    if (package.name != name) continue;
    for (const World& candidate : package.worlds)
      if (candidate.name == world) return &candidate;
  }
  return nullptr;
}

}  // namespace wattle::wit
