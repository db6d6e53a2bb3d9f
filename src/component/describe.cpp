#include "component/describe.h"

#include <algorithm>
#include <unordered_map>

namespace wattle::component {
namespace {

using Origin = wit::TypeEntry::Origin;

class Describer {
 public:
  std::vector<wit::Package> describe(const Component& component) {
    wit::Package root;
    root.name.space = "root";
    root.name.name = "component";
    packages_.push_back(std::move(root));
    wit::World world;
    world.name = "root";
    for (const NamedExtern& item : component.type.imports) add(item, world, world.imports);
    for (const NamedExtern& item : component.type.exports) add(item, world, world.exports);
    packages_[0].worlds.push_back(std::move(world));
    return std::move(packages_);
  }

 private:
  void add(const NamedExtern& item, wit::World& world, std::vector<wit::WorldItem>& items) {
    const ExternType& type = *item.type;
    if (type.sort == Sort::type) {
      if (auto entry = describe_type(item.name, type, "")) world.types.push_back(*std::move(entry));
      return;
    }
    wit::WorldItem made;
    made.name = item.name;
    if (type.sort == Sort::function) {
      made.function = describe_function(item.name, *type.function);
    } else if (type.sort == Sort::instance) {
      made.interface = describe_interface(item.name, *type.instance);
    } else {
      return;
    }
    items.push_back(std::move(made));
  }

  static wit::FunctionEntry describe_function(const std::string& name, const wit::FunctionType& type) {
    wit::FunctionEntry entry;
    entry.name = name;
    entry.type = type;
    return entry;
  }

  // Null for types that WIT cannot name: of functions, instances and components.
  std::optional<wit::TypeEntry> describe_type(const std::string& name, const ExternType& type,
                                              const std::string& interface) {
    wit::TypeEntry entry;
    entry.name = name;
    if (!type.later_type.empty()) {
      entry.unsupported = fmt::format("{} is later than WASI 0.2", type.later_type);
      return entry;
    }
    if (type.type.resource) {
      entry.resource = type.type.resource;
      const auto [known, added] = resources_.emplace(*entry.resource, Origin{interface, name});
      if (!added && known->second.interface != interface) entry.origin = known->second;
      return entry;
    }
    if (!type.type.value_type) return std::nullopt;
    entry.type = type.type.value_type;
    Origin origin{interface, name};
    if (const auto source = types_.find(type.type.source.get()); source != types_.end())
      origin = source->second;
    if (origin.interface != interface && !origin.interface.empty()) entry.origin = origin;
    types_.emplace(entry.type.get(), Origin{interface, name});
    return entry;
  }

  // An interface with an id goes into its package, the first one of a name: import before export.
  std::shared_ptr<const wit::Interface> describe_interface(const std::string& name,
                                                           const InstanceType& instance) {
    const auto id = wit::parse_interface_name(name);
    wit::Interface interface;
    if (id) {
      interface.name = id->interface;
      interface.id = name;
    }
    for (const NamedExtern& item : instance.exports) {
      if (item.type->sort == Sort::function)
        interface.functions.push_back(describe_function(item.name, *item.type->function));
      if (item.type->sort != Sort::type) continue;
      if (auto entry = describe_type(item.name, *item.type, name))
        interface.types.push_back(*std::move(entry));
    }
    auto made = std::make_shared<const wit::Interface>(std::move(interface));
    if (id) place(id->package, made);
    return made;
  }

  void place(const wit::PackageName& name, const std::shared_ptr<const wit::Interface>& interface) {
    auto package = std::find_if(packages_.begin() + 1, packages_.end(),
                                [&](const wit::Package& candidate) { return candidate.name == name; });
    if (package == packages_.end()) {
      packages_.emplace_back();
      package = packages_.end() - 1;
      package->name = name;
    }
    for (const auto& known : package->interfaces)
      if (known->id == interface->id) return;
    package->interfaces.push_back(interface);
  }

  std::vector<wit::Package> packages_;
  std::unordered_map<wit::ResourceId, Origin> resources_;  // where each was declared first
  std::unordered_map<const wit::Type*, Origin> types_;
};

}  // namespace

std::vector<wit::Package> describe(const Component& component) {
  return Describer().describe(component);
}

}  // namespace wattle::component
