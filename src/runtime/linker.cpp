#include <algorithm>
#include <set>

#include "runtime/interface_name.h"
#include "runtime/linked_component.h"
#include "runtime/plan.h"
#include "runtime/runtime.h"
#include "wit/layout.h"

namespace wattle::runtime {
namespace {

// "(i32, i64) -> i32"
std::string to_string(const std::vector<wit::FlatType>& parameters,
                      const std::vector<wit::FlatType>& results) {
  auto name = [](wit::FlatType type) {
    switch (type) {
      case wit::FlatType::i32:
        return "i32";
      case wit::FlatType::i64:
        return "i64";
      case wit::FlatType::f32:
        return "f32";
      case wit::FlatType::f64:
        return "f64";
    }
    return "?";
  };
  std::string text = "(";
  for (size_t index = 0; index < parameters.size(); ++index)
    text += fmt::format("{}{}", index > 0 ? ", " : "", name(parameters[index]));
  text += ")";
  for (wit::FlatType result : results) text += fmt::format(" -> {}", name(result));
  return text;
}

std::string_view package_of(std::string_view interface) {
  return interface.substr(0, interface.find('/'));
}

// What a linker of `interfaces` has where `wanted` is missing: its neighbours in the package, else the
// packages.
std::string offered_instead(std::string_view wanted, const std::vector<std::string>& interfaces) {
  std::vector<std::string> neighbours;
  std::set<std::string> packages;
  for (const auto& interface : interfaces) {
    const InterfaceName name = split_version(interface);
    if (package_of(name.base) == package_of(wanted)) neighbours.push_back(interface);
    packages.insert(
        fmt::format("{}{}{}", package_of(name.base), name.version.empty() ? "" : "@", name.version));
  }
  if (!neighbours.empty()) return nearest_names(wanted, std::move(neighbours));
  return packages.empty() ? "nothing" : fmt::format("{}", fmt::join(packages, ", "));
}

template <class Map>
void append_keys(std::vector<std::string>& names, const Map& map) {
  for (const auto& entry : map) names.push_back(entry.first);
}

}  // namespace

// Looks imports up in a linker's interfaces.
class Linker::Source final : public ImportSource {
 public:
  explicit Source(const Linker& linker) : linker_(linker) {}

  Result<Plan::HostImportRef> function(std::string_view interface, std::string_view name,
                                       const wit::FunctionType& type,
                                       const wit::ResourceNamer& resource_name) override {
    if (const LinkedFunction* linked = find_linked(interface))
      return linked_function(interface, name, *linked);
    WATTLE_TRY(const Interface* found, find(interface, name));
    if (auto declared = found->declarations.find(name); declared != found->declarations.end())
      WATTLE_CHECK(check_declared(interface, name, type, resource_name, declared->second));
    Plan::HostImport import;
    if (auto dynamic = found->dynamic_functions.find(name); dynamic != found->dynamic_functions.end()) {
      import.dynamic = dynamic->second;
      return std::make_shared<const Plan::HostImport>(std::move(import));
    }
    auto bound = found->functions.find(name);
    if (bound == found->functions.end()) return failure(missing_function(interface, name, *found));
    WATTLE_CHECK(check_flat(interface, name, type, resource_name, bound->second));
    import.closure = bound->second.closure;
    import.call = bound->second.call;
    return std::make_shared<const Plan::HostImport>(std::move(import));
  }

  Result<ResourceTypeRef> resource(std::string_view interface, std::string_view name) override {
    if (find_linked(interface) != nullptr) return linked_resource(interface, name);
    WATTLE_TRY(const Interface* found, find(interface, name));
    if (auto type = found->resources.find(name); type != found->resources.end())
      return ResourceTypeRef(ResourceTypeRef(), type->second);
    return failure(Error(ErrorCode::unlinkable,
                         fmt::format("the host's \"{}\" has no resource \"{}\", which the component imports",
                                     interface, name))
                       .with_remedy("it has " + nearest_names(name, names_of(*found))));
  }

 private:
  // Null: `interface` is not one for links.
  const LinkedFunction* find_linked(std::string_view interface) const {
    auto found = linker_.interfaces_.find(split_version(interface).base);
    if (found != linker_.interfaces_.end()) return found->second.linked ? &found->second.linked : nullptr;
    return linker_.linked_otherwise_ && !interface.empty() ? &linker_.linked_otherwise_ : nullptr;
  }

  Plan::HostImportRef linked_function(std::string_view interface, std::string_view name,
                                      const LinkedFunction& call) {
    Plan::HostImport import;
    import.linked_import = LinkedImport{std::string(interface), std::string(name), linked_count_++};
    import.linked = call;
    return std::make_shared<const Plan::HostImport>(std::move(import));
  }

  // With the names that it refers to.
  static ResourceTypeRef linked_resource(std::string_view interface, std::string_view name) {
    struct Named {
      std::string interface, name;
      ResourceType type;
    };
    auto named = std::make_shared<Named>(
        Named{std::string(split_version(interface).base), std::string(name), ResourceType{}});
    named->type = ResourceType{named->interface, named->name, false};
    return ResourceTypeRef(named, &named->type);
  }

  Result<const Interface*> find(std::string_view interface, std::string_view name) const {
    const InterfaceName wanted = split_version(interface);
    auto found = linker_.interfaces_.find(wanted.base);
    const std::string what = interface.empty() ? fmt::format("the function \"{}\"", name)
                                               : fmt::format("\"{}\" (for \"{}\")", interface, name);
    if (found == linker_.interfaces_.end())
      return failure(
          Error(ErrorCode::unlinkable, fmt::format("the component imports {}, which is not available", what))
              .with_remedy(
                  fmt::format("available here: {}; to allow the import, compose the component with one "
                              "that exports it",
                              offered_instead(interface, linker_.interfaces()))));
    const std::string& version = found->second.version;
    // Who names no version takes any: the types are compared all the same.
    if (!wanted.version.empty() && version_track(version) != version_track(wanted.version))
      return failure(Error(ErrorCode::unlinkable,
                           fmt::format("the component imports {}, but the host has version {} of it", what,
                                       version.empty() ? "\"none\"" : version))
                         .with_remedy(fmt::format("build the component against \"{}{}{}\"", wanted.base,
                                                  version.empty() ? "" : "@", version)));
    return &found->second;
  }

  static std::vector<std::string> names_of(const Interface& interface) {
    std::vector<std::string> names;
    append_keys(names, interface.functions);
    append_keys(names, interface.dynamic_functions);
    append_keys(names, interface.resources);
    return names;
  }

  static Error missing_function(std::string_view interface, std::string_view name, const Interface& found) {
    return Error(ErrorCode::unlinkable,
                 fmt::format("the host's \"{}\" has no function \"{}\", which the component imports",
                             interface, name))
        .with_remedy(
            fmt::format("it has {}{}", nearest_names(name, names_of(found)),
                        found.version.empty() ? "" : fmt::format("; its version is {}", found.version)));
  }

  static Error mismatch(std::string_view interface, std::string_view name, const std::string& expected,
                        const std::string& offered) {
    return Error(ErrorCode::unlinkable,
                 fmt::format(
                     "the import \"{}\" of \"{}\" has another type than the host's:\n  the component asks "
                     "for  {}\n  the host has          {}",
                     name, interface, expected, offered))
        .with_remedy("build the component against the host's version of the interface");
  }

  static Result<void> check_flat(std::string_view interface, std::string_view name,
                                 const wit::FunctionType& type, const wit::ResourceNamer& resource_name,
                                 const HostFunction& offered) {
    const wit::FunctionLayout layout = wit::layout_of(type);
    if (layout.lowered_parameters == offered.lowered_parameters &&
        layout.lowered_results == offered.lowered_results)
      return {};
    return failure(mismatch(
        interface, name,
        fmt::format("{}, in core types {}", wit::to_string(type, resource_name),
                    to_string(layout.lowered_parameters, layout.lowered_results)),
        fmt::format("core types {}", to_string(offered.lowered_parameters, offered.lowered_results))));
  }

  // Resources are compared by name: ids of two scopes have nothing to do with each other.
  static Result<void> check_declared(std::string_view interface, std::string_view name,
                                     const wit::FunctionType& type, const wit::ResourceNamer& resource_name,
                                     const Declaration& declared) {
    const auto name_of = [](const wit::ResourceNamer& namer, wit::ResourceId id) {
      return namer ? namer(id) : std::to_string(id);
    };
    const auto is_same_resource = [&](wit::ResourceId left, wit::ResourceId right) {
      return name_of(resource_name, left) == name_of(declared.resource_name, right);
    };
    if (wit::equal(type, *declared.type, is_same_resource)) return {};
    return failure(mismatch(interface, name, wit::to_string(type, resource_name),
                            wit::to_string(*declared.type, declared.resource_name)));
  }

  const Linker& linker_;
  uint32_t linked_count_ = 0;
};

// An interface may be defined in parts; the highest version that is named counts for the whole.
Linker::Interface& Linker::interface(std::string_view name) {
  const InterfaceName parts = split_version(name);
  Interface& found = interfaces_.try_emplace(std::string(parts.base)).first->second;
  if (found.version.empty() || is_later_version(parts.version, found.version)) found.version = parts.version;
  return found;
}

void Linker::define(std::string_view name, std::string_view function, HostFunction definition) {
  interface(name).functions.insert_or_assign(std::string(function), std::move(definition));
}

void Linker::dynamic_function(std::string_view name, std::string_view function, DynamicFunction definition) {
  interface(name).dynamic_functions.insert_or_assign(std::string(function), std::move(definition));
}

void Linker::linked_interface(std::string_view name, LinkedFunction call) {
  interface(name).linked = std::move(call);
}

void Linker::link_other_interfaces(LinkedFunction call) {
  linked_otherwise_ = std::move(call);
}

void Linker::define_resource(const ResourceType& type, std::string_view version) {
  std::string name(type.interface);
  if (!version.empty()) name.append("@").append(version);
  interface(name).resources.insert_or_assign(std::string(type.name), &type);
}

void Linker::declare(std::string_view name, std::string_view function,
                     std::shared_ptr<const wit::FunctionType> type, wit::ResourceNamer resource_name) {
  interface(name).declarations.insert_or_assign(std::string(function),
                                                Declaration{std::move(type), std::move(resource_name)});
}

std::vector<std::string> Linker::interfaces() const {
  std::vector<std::string> names;
  for (const auto& [name, interface] : interfaces_)
    names.push_back(interface.version.empty() ? name : name + "@" + interface.version);
  return names;
}

const HostFunction* Linker::find_function(std::string_view name, std::string_view function) const {
  auto found = interfaces_.find(split_version(name).base);
  if (found == interfaces_.end()) return nullptr;
  auto defined = found->second.functions.find(function);
  return defined == found->second.functions.end() ? nullptr : &defined->second;
}

bool Linker::has_resource(std::string_view name, std::string_view resource) const {
  auto found = interfaces_.find(split_version(name).base);
  return found != interfaces_.end() && found->second.resources.contains(resource);
}

Result<std::shared_ptr<const LinkedComponent>> Linker::link(
    std::shared_ptr<const Component> component) const {
  if (!component->options().compile)
    return failure(ErrorCode::invalid_argument, "the component was loaded without being compiled");
  auto linked = std::make_shared<LinkedComponent>();
  auto imports = std::make_shared<RecordedImports>();
  Source source(*this);
  RecordedImports::Recorder recorder(source, *imports);
  WATTLE_TRY(linked->plan_, make_plan(*component, recorder));
  linked->options_ = component->options();
  linked->binary_ = component->definition().binary;
  WATTLE_CHECK(component::for_each_core_module(
      component->definition(), [&](const component::ModuleBytes& bytes) -> Result<void> {
        linked->modules_.push_back(component->module(bytes)->record());
        return {};
      }));
  linked->modules_.shrink_to_fit();
  linked->imports_ = std::move(imports);
  return std::shared_ptr<const LinkedComponent>(std::move(linked));
}

}  // namespace wattle::runtime
