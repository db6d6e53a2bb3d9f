#include "wit/resolve.h"

#include <algorithm>
#include <map>
#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "wit/parser.h"
#include "wit/scope.h"

namespace wattle::wit {
namespace {

// Interfaces or worlds that are open at the same time while one is resolved.
constexpr uint32_t kMaxOpenItems = 100;
constexpr size_t kMaxNamesInMessage = 12;

using InterfaceRef = std::shared_ptr<const Interface>;

enum class State : uint8_t { open, busy, done };

// The items of one file, or of one nested package: where top-level uses hold.
struct FileScope {
  std::string file_name;
  const ast::Items* items;
};

struct InterfaceSlot {
  const ast::Interface* source = nullptr;
  size_t file = 0;  // in PackageSlot::files
  State state = State::open;
  InterfaceRef result;
};

struct WorldSlot {
  const ast::World* source = nullptr;
  size_t file = 0;
  State state = State::open;
  World result;
};

struct PackageSlot {
  PackageName name;
  std::string documentation;
  std::vector<FileScope> files;
  std::vector<std::string> texts;  // to tell a repetition from a contradiction
  std::vector<std::string> interface_order;
  std::vector<std::string> world_order;
  std::map<std::string, InterfaceSlot> interfaces;
  std::map<std::string, WorldSlot> worlds;
};

// Where a name is looked up from.
struct Place {
  PackageSlot* package;
  const FileScope* file;
};

tl::unexpected<Error> error_at(const FileScope& file, ast::Position position, std::string_view message) {
  return failure(ErrorCode::invalid, "{}:{}:{}: {}", file.file_name, position.line, position.column, message);
}

template <class Map>
std::string names_of(const Map& map) {
  std::string names;
  size_t count = 0;
  for (const auto& [name, unused] : map) {
    if (++count > kMaxNamesInMessage) return names + ", ...";
    if (!names.empty()) names += ", ";
    names += name;
  }
  return names.empty() ? "none" : names;
}

class Resolver {
 public:
  explicit Resolver(const ResolveOptions& options) : options_(options) {}

  Result<PackageSet> run(std::span<const SourcePackage> sources) {
    for (const SourcePackage& source : sources) WATTLE_CHECK(add(source));
    for (auto& package : packages_) WATTLE_CHECK(index(*package));
    PackageSet set;
    for (auto& package : packages_) {
      WATTLE_TRY(Package finished, finish(*package));
      set.packages.push_back(std::move(finished));
    }
    set.resources = arena_.take_resources();
    return set;
  }

 private:
  // ---- Packages

  Result<void> add(const SourcePackage& source) {
    auto package = std::make_unique<PackageSlot>();
    bool is_named = false;
    std::vector<std::unique_ptr<PackageSlot>> nested_packages;
    for (const SourceFile& file : source.files) {
      WATTLE_TRY(ast::File parsed, parse_wit(file.name, file.text));
      files_.push_back(std::make_unique<ast::File>(std::move(parsed)));
      const ast::File& kept = *files_.back();
      FileScope scope{kept.name, &kept.items};
      if (kept.package) {
        if (is_named && !(kept.package->name == package->name))
          return error_at(scope, kept.package->position,
                          fmt::format("this file is of package {}, its neighbours of {}",
                                      to_string(kept.package->name), to_string(package->name)));
        is_named = true;
        package->name = kept.package->name;
        if (package->documentation.empty()) package->documentation = kept.package->documentation;
      }
      package->files.push_back(std::move(scope));
      package->texts.push_back(file.text);
      for (const ast::NestedPackage& nested : kept.nested)
        nested_packages.push_back(nested_slot(kept, nested));
    }
    bool has_items = std::any_of(package->files.begin(), package->files.end(), [](const FileScope& file) {
      return !file.items->interfaces.empty() || !file.items->worlds.empty();
    });
    if (!is_named && has_items)
      return failure(ErrorCode::invalid,
                     "{}: no file says which package this is; write 'package space:name;' first",
                     source.files.empty() ? "no files" : source.files[0].name);
    for (auto& nested : nested_packages) WATTLE_CHECK(add_slot(std::move(nested)));
    if (is_named) WATTLE_CHECK(add_slot(std::move(package)));
    return {};
  }

  static std::unique_ptr<PackageSlot> nested_slot(const ast::File& file, const ast::NestedPackage& nested) {
    auto slot = std::make_unique<PackageSlot>();
    slot->name = nested.header.name;
    slot->documentation = nested.header.documentation;
    slot->files.push_back({file.name, &nested.items});
    return slot;
  }

  // The same package twice is fine if it was the same text.
  Result<void> add_slot(std::unique_ptr<PackageSlot> slot) {
    for (const auto& known : packages_) {
      if (!(known->name == slot->name)) continue;
      if (!slot->texts.empty() && known->texts == slot->texts) return {};
      return failure(ErrorCode::invalid, "the package {} is there twice: in {} and in {}",
                     to_string(slot->name), known->files[0].file_name, slot->files[0].file_name);
    }
    packages_.push_back(std::move(slot));
    return {};
  }

  Result<void> index(PackageSlot& package) {
    for (size_t i = 0; i < package.files.size(); i++) {
      const FileScope& file = package.files[i];
      for (const ast::Interface& interface : file.items->interfaces) {
        if (!is_included(interface.preamble.gate, package.name)) continue;
        WATTLE_CHECK(check_item_name(package, file, interface.name));
        package.interfaces.emplace(interface.name.text, InterfaceSlot{&interface, i, State::open, nullptr});
        package.interface_order.push_back(interface.name.text);
      }
      for (const ast::World& world : file.items->worlds) {
        if (!is_included(world.preamble.gate, package.name)) continue;
        WATTLE_CHECK(check_item_name(package, file, world.name));
        package.worlds.emplace(world.name.text, WorldSlot{&world, i, State::open, {}});
        package.world_order.push_back(world.name.text);
      }
    }
    return {};
  }

  static Result<void> check_item_name(const PackageSlot& package, const FileScope& file,
                                      const ast::Identifier& name) {
    if (!package.interfaces.contains(name.text) && !package.worlds.contains(name.text)) return {};
    return error_at(file, name.position,
                    fmt::format("the package has two items of the name '{}'", name.text));
  }

  bool is_included(const Gate& gate, const PackageName& package) const {
    if (!gate.unstable.empty() && !options_.all_features && !options_.features.contains(gate.unstable))
      return false;
    return !gate.since || !package.version || compare(*gate.since, *package.version) <= 0;
  }

  Result<Package> finish(PackageSlot& slot) {
    Package package{slot.name, slot.documentation, {}, {}};
    for (const std::string& name : slot.interface_order) {
      WATTLE_TRY(InterfaceRef interface, interface_in(slot, name));
      package.interfaces.push_back(std::move(interface));
    }
    for (const std::string& name : slot.world_order) {
      WATTLE_TRY(const World* world, world_in(slot, name));
      package.worlds.push_back(*world);
    }
    return package;
  }

  // ---- Looking up

  Result<PackageSlot*> package_of(const PackageName& wanted, const FileScope& file, ast::Position position) {
    PackageSlot* best = nullptr;
    std::map<std::string, bool> versions;
    for (auto& package : packages_) {
      if (package->name == wanted) return package.get();
      versions.emplace(to_string(package->name), true);
      if (unversioned(package->name) != unversioned(wanted)) continue;
      bool is_acceptable = options_.accept_compatible_versions && wanted.version && package->name.version &&
                           is_compatible(*package->name.version, *wanted.version);
      if (is_acceptable && (!best || compare(*package->name.version, *best->name.version) > 0))
        best = package.get();
    }
    if (best) return best;
    return error_at(
        file, position,
        fmt::format("there is no package {}; there are: {}", to_string(wanted), names_of(versions)));
  }

  // The package and the name of the item that a path leads to.
  Result<std::pair<PackageSlot*, std::string>> locate(const Place& place, const ast::Path& path) {
    if (!path.package) {
      for (const ast::TopLevelUse& use : place.file->items->uses) {
        if (use.alias.text != path.interface.text) continue;
        if (!use.path.package) return std::pair(place.package, use.path.interface.text);
        WATTLE_TRY(PackageSlot * package,
                   package_of(*use.path.package, *place.file, use.path.interface.position));
        return std::pair(package, use.path.interface.text);
      }
      return std::pair(place.package, path.interface.text);
    }
    bool is_own = !path.package->version && unversioned(*path.package) == unversioned(place.package->name);
    if (is_own) return std::pair(place.package, path.interface.text);
    WATTLE_TRY(PackageSlot * package, package_of(*path.package, *place.file, path.interface.position));
    return std::pair(package, path.interface.text);
  }

  Result<InterfaceRef> find_interface(const Place& place, const ast::Path& path) {
    WATTLE_TRY(auto located, locate(place, path));
    auto [package, name] = located;
    auto found = package->interfaces.find(name);
    if (found == package->interfaces.end())
      return error_at(*place.file, path.interface.position,
                      fmt::format("there is no interface '{}' in {}; there are: {}", name,
                                  to_string(package->name), names_of(package->interfaces)));
    if (found->second.state == State::busy)
      return error_at(*place.file, path.interface.position,
                      fmt::format("the interface '{}' uses itself", name));
    return interface_in(*package, name);
  }

  // ---- Interfaces

  Result<InterfaceRef> interface_in(PackageSlot& package, const std::string& name) {
    InterfaceSlot& slot = package.interfaces.at(name);
    if (slot.state == State::done) return slot.result;
    Place place{&package, &package.files[slot.file]};
    if (open_items_ >= kMaxOpenItems)
      return error_at(*place.file, slot.source->name.position,
                      "interfaces use each other in too long a chain");
    slot.state = State::busy;
    open_items_++;
    InterfaceName id{package.name, name};
    Result<Interface> interface = resolve_interface(place, *slot.source, to_string(id));
    open_items_--;
    if (!interface) return failure(std::move(interface).error());
    uint32_t chain = 1;
    for (const InterfaceRef& used : interface->uses) chain = std::max(chain, chain_length_[used.get()] + 1);
    if (chain > kMaxOpenItems)
      return error_at(*place.file, slot.source->name.position,
                      "interfaces use each other in too long a chain");
    slot.result = std::make_shared<const Interface>(std::move(*interface));
    chain_length_.emplace(slot.result.get(), chain);
    slot.state = State::done;
    return slot.result;
  }

  Result<Interface> resolve_interface(const Place& place, const ast::Interface& source,
                                      const std::string& id) {
    Interface interface;
    interface.name = source.name.text;
    interface.id = id;
    interface.documentation = source.preamble.documentation;
    interface.gate = source.preamble.gate;
    TypeScope scope(arena_, place.file->file_name, id);
    for (const ast::InterfaceItem& item : source.items) {
      if (!is_included(preamble_of(item).gate, place.package->name)) continue;
      if (const auto* use = std::get_if<ast::Use>(&item))
        WATTLE_CHECK(bind_use(place, *use, scope, interface.uses));
      if (const auto* type = std::get_if<ast::TypeDefinition>(&item)) WATTLE_CHECK(scope.declare(*type));
      if (const auto* function = std::get_if<ast::Function>(&item)) WATTLE_CHECK(scope.claim(function->name));
    }
    WATTLE_TRY(interface.types, scope.finish());
    for (const ast::InterfaceItem& item : source.items) {
      if (!is_included(preamble_of(item).gate, place.package->name)) continue;
      WATTLE_CHECK(add_functions(place, item, scope, interface.functions));
    }
    return interface;
  }

  template <class Item>
  static const ast::Preamble& preamble_of(const Item& item) {
    return std::visit([](const auto& any) -> const ast::Preamble& { return any.preamble; }, item);
  }

  Result<void> add_functions(const Place& place, const ast::InterfaceItem& item, TypeScope& scope,
                             std::vector<FunctionEntry>& functions) {
    if (const auto* function = std::get_if<ast::Function>(&item)) {
      WATTLE_TRY(FunctionEntry entry, scope.function(*function));
      functions.push_back(std::move(entry));
    }
    const auto* type = std::get_if<ast::TypeDefinition>(&item);
    if (!type || type->form != ast::TypeForm::resource) return {};
    WATTLE_TRY(std::vector<FunctionEntry> entries, scope.resource_functions(*type));
    for (FunctionEntry& entry : entries)
      if (is_included(entry.gate, place.package->name)) functions.push_back(std::move(entry));
    return {};
  }

  Result<void> bind_use(const Place& place, const ast::Use& use, TypeScope& scope,
                        std::vector<InterfaceRef>& uses) {
    WATTLE_TRY(InterfaceRef target, find_interface(place, use.path));
    for (const ast::Use::Name& name : use.names) {
      const TypeEntry* entry = target->find_type(name.name.text);
      if (!entry) {
        std::map<std::string, bool> names;
        for (const TypeEntry& known : target->types) names.emplace(known.name, true);
        return error_at(*place.file, name.name.position,
                        fmt::format("there is no type '{}' in {}; there are: {}", name.name.text, target->id,
                                    names_of(names)));
      }
      TypeEntry bound = *entry;
      bound.name = name.alias.text;
      bound.documentation = use.preamble.documentation;
      bound.gate = use.preamble.gate;
      bound.origin = TypeEntry::Origin{target->id, name.name.text};
      WATTLE_CHECK(scope.bind(name.alias, std::move(bound)));
    }
    if (std::find(uses.begin(), uses.end(), target) == uses.end()) uses.push_back(std::move(target));
    return {};
  }

  // ---- Worlds

  Result<const World*> world_in(PackageSlot& package, const std::string& name) {
    WorldSlot& slot = package.worlds.at(name);
    if (slot.state == State::done) return &slot.result;
    Place place{&package, &package.files[slot.file]};
    if (open_items_ >= kMaxOpenItems)
      return error_at(*place.file, slot.source->name.position,
                      "worlds include each other in too long a chain");
    slot.state = State::busy;
    open_items_++;
    Result<World> world = resolve_world(place, *slot.source);
    open_items_--;
    if (!world) return failure(std::move(world).error());
    slot.result = std::move(*world);
    slot.state = State::done;
    return &slot.result;
  }

  Result<World> resolve_world(const Place& place, const ast::World& source) {
    World world{source.name.text, source.preamble.documentation, source.preamble.gate, {}, {}, {}};
    TypeScope scope(arena_, place.file->file_name, "");
    std::vector<InterfaceRef> uses;
    for (const ast::WorldItem& item : source.items) {
      if (!is_included(preamble_of(item).gate, place.package->name)) continue;
      if (const auto* use = std::get_if<ast::Use>(&item)) WATTLE_CHECK(bind_use(place, *use, scope, uses));
      if (const auto* type = std::get_if<ast::TypeDefinition>(&item)) WATTLE_CHECK(scope.declare(*type));
    }
    WATTLE_TRY(world.types, scope.finish());
    for (const InterfaceRef& used : uses) add_import(world, used);
    for (const ast::WorldItem& item : source.items) {
      if (!is_included(preamble_of(item).gate, place.package->name)) continue;
      if (const auto* type = std::get_if<ast::TypeDefinition>(&item))
        WATTLE_CHECK(add_resource(world, scope, *type));
      if (const auto* item_extern = std::get_if<ast::Extern>(&item))
        WATTLE_CHECK(add_extern(place, *item_extern, scope, world));
      if (const auto* include = std::get_if<ast::Include>(&item))
        WATTLE_CHECK(add_include(place, *include, world));
    }
    import_what_exports_use(world);
    return world;
  }

  static bool has_item(const std::vector<WorldItem>& items, std::string_view name) {
    return std::any_of(items.begin(), items.end(), [&](const WorldItem& item) { return item.name == name; });
  }

  // An interface's import, after those whose types it uses. The depth is bounded: interfaces were resolved.
  static void add_import(World& world, const InterfaceRef& interface) {
    if (has_item(world.imports, interface->id)) return;
    for (const InterfaceRef& used : interface->uses) add_import(world, used);
    world.imports.push_back({interface->id, {}, {}, interface, {}});
  }

  // What an export uses is imported, unless it is exported as well (WIT.md "Transitive imports and worlds").
  static void import_what_exports_use(World& world) {
    std::vector<InterfaceRef> open;
    for (const WorldItem& item : world.exports)
      if (item.interface) open.insert(open.end(), item.interface->uses.begin(), item.interface->uses.end());
    std::unordered_set<const Interface*> seen;
    while (!open.empty()) {
      InterfaceRef next = open.back();
      open.pop_back();
      if (!seen.insert(next.get()).second) continue;
      if (has_item(world.exports, next->id)) {
        open.insert(open.end(), next->uses.begin(), next->uses.end());
      } else {
        add_import(world, next);
      }
    }
  }

  Result<void> add_resource(World& world, TypeScope& scope, const ast::TypeDefinition& type) {
    if (type.form != ast::TypeForm::resource) return {};
    WATTLE_TRY(std::vector<FunctionEntry> entries, scope.resource_functions(type));
    for (FunctionEntry& entry : entries)
      world.imports.push_back({entry.name, entry.documentation, entry.gate, nullptr, std::move(entry)});
    return {};
  }

  Result<void> add_extern(const Place& place, const ast::Extern& source, TypeScope& scope, World& world) {
    WorldItem item;
    item.documentation = source.preamble.documentation;
    item.gate = source.preamble.gate;
    if (source.name) item.name = source.name->text;
    if (const auto* path = std::get_if<ast::Path>(&source.target)) {
      WATTLE_TRY(item.interface, find_interface(place, *path));
      if (!source.name) item.name = item.interface->id;
    } else if (const auto* inner = std::get_if<ast::Interface>(&source.target)) {
      WATTLE_TRY(Interface interface, resolve_interface(place, *inner, ""));
      item.interface = std::make_shared<const Interface>(std::move(interface));
    } else {
      ast::Function function;
      function.name = *source.name;
      function.type = std::get<ast::FunctionExpression>(source.target);
      WATTLE_TRY(item.function, scope.function(function));
    }
    return add_item(place, source.position, source.is_export, std::move(item), world);
  }

  // Adds under a name that must be new, except that an interface under its own name may be there already.
  Result<void> add_item(const Place& place, ast::Position position, bool is_export, WorldItem item,
                        World& world) {
    std::vector<WorldItem>& items = is_export ? world.exports : world.imports;
    bool has_own_name = item.interface && item.name == item.interface->id;
    if (!is_export && item.interface)
      for (const InterfaceRef& used : item.interface->uses) add_import(world, used);
    if (has_item(items, item.name)) {
      if (has_own_name) return {};
      return error_at(*place.file, position,
                      fmt::format("the world {} two things of the name '{}'",
                                  is_export ? "exports" : "imports", item.name));
    }
    items.push_back(std::move(item));
    return {};
  }

  Result<void> add_include(const Place& place, const ast::Include& include, World& world) {
    WATTLE_TRY(auto located, locate(place, include.world));
    auto [package, name] = located;
    ast::Position position = include.world.interface.position;
    auto found = package->worlds.find(name);
    if (found == package->worlds.end())
      return error_at(*place.file, position,
                      fmt::format("there is no world '{}' in {}; there are: {}", name,
                                  to_string(package->name), names_of(package->worlds)));
    if (found->second.state == State::busy)
      return error_at(*place.file, position, fmt::format("the world '{}' includes itself", name));
    WATTLE_TRY(const World* included, world_in(*package, name));
    for (const ast::Include::Renaming& renaming : include.renamings)
      if (!has_item(included->imports, renaming.from.text) &&
          !has_item(included->exports, renaming.from.text))
        return error_at(
            *place.file, renaming.from.position,
            fmt::format("the world '{}' has nothing of the plain name '{}'", name, renaming.from.text));
    for (const TypeEntry& type : included->types)
      if (std::none_of(world.types.begin(), world.types.end(),
                       [&](const auto& own) { return own.name == type.name; }))
        world.types.push_back(type);
    for (const WorldItem& item : included->imports)
      WATTLE_CHECK(add_item(place, position, false, renamed(item, include), world));
    for (const WorldItem& item : included->exports)
      WATTLE_CHECK(add_item(place, position, true, renamed(item, include), world));
    return {};
  }

  static WorldItem renamed(WorldItem item, const ast::Include& include) {
    for (const ast::Include::Renaming& renaming : include.renamings) {
      if (item.name != renaming.from.text) continue;
      item.name = renaming.to.text;
      if (item.function) item.function->name = item.name;
      break;
    }
    return item;
  }

  const ResolveOptions& options_;
  TypeArena arena_;
  std::vector<std::unique_ptr<ast::File>> files_;
  std::vector<std::unique_ptr<PackageSlot>> packages_;
  // Interfaces on the longest way of uses from each one down, itself included.
  std::unordered_map<const Interface*, uint32_t> chain_length_;
  uint32_t open_items_ = 0;
};

}  // namespace

Result<PackageSet> resolve(std::span<const SourcePackage> sources, const ResolveOptions& options) {
  return Resolver(options).run(sources);
}

}  // namespace wattle::wit
