// Packages of interfaces and worlds with every name looked up: what the resolver makes of WIT text, what the
// printer writes, and what imports and exports of components are checked against.
//
// Plain data: a decoded component can be described with it as well.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wit/type.h"
#include "wit/version.h"

namespace wattle::wit {

// A name for a type, in an interface or a world.
struct TypeEntry {
  std::string name;
  std::string documentation;
  Gate gate;
  TypeRef type;                        // null for a resource
  std::optional<ResourceId> resource;  // set: the name of a resource
  // Set for `use interface.{name as ...}`: where the name comes from.
  struct Origin {
    std::string interface;  // "wasi:io/streams@0.2.0"
    std::string name;
  };
  std::optional<Origin> origin;
  // Not empty: why this build cannot represent it ("stream<u8> is later than WASI 0.2"); then neither type
  // nor resource is set.
  std::string unsupported;
};

struct FunctionEntry {
  std::string name;  // as in component binaries: "run", "[method]blob.write", "[constructor]blob"
  std::string documentation;
  Gate gate;
  FunctionType type;
  std::string unsupported;  // as above; then `type` is empty
};

struct Interface {
  std::string name;  // "types"; empty for one that is written inside a world
  std::string id;    // "wasi:http/types@0.2.0"; empty likewise
  std::string documentation;
  Gate gate;
  std::vector<TypeEntry> types;
  std::vector<FunctionEntry> functions;
  std::vector<std::shared_ptr<const Interface>> uses;  // whose types it uses, directly

  const FunctionEntry* find_function(std::string_view function) const;
  const TypeEntry* find_type(std::string_view type) const;
};

// Something that a world imports or exports: an interface or a function.
struct WorldItem {
  std::string name;  // plain, or the interface's id
  std::string documentation;
  Gate gate;
  std::shared_ptr<const Interface> interface;
  std::optional<FunctionEntry> function;
};

struct World {
  std::string name;
  std::string documentation;
  Gate gate;
  std::vector<TypeEntry> types;
  // With the interfaces whose types they use, dependencies first.
  std::vector<WorldItem> imports;
  std::vector<WorldItem> exports;
};

struct Package {
  PackageName name;
  std::string documentation;
  std::vector<std::shared_ptr<const Interface>> interfaces;
  std::vector<World> worlds;
};

// Where a resource is declared; its id is its position in PackageSet::resources.
struct ResourceEntry {
  std::string interface;  // id; empty in a world
  std::string name;
};

// Packages that were resolved together and share resource ids.
struct PackageSet {
  std::vector<Package> packages;
  std::vector<ResourceEntry> resources;

  // Exactly this name and version; null: none.
  std::shared_ptr<const Interface> find_interface(const InterfaceName& name) const;
  // This version, else the newest one that is compatible with it; null: none.
  std::shared_ptr<const Interface> find_compatible(const InterfaceName& name) const;
  const World* find_world(const PackageName& package, std::string_view world) const;
};

}  // namespace wattle::wit
