// WIT text as it was written: what the parser gives to the resolver. Names are not looked up yet.
//
// Clause: component-model WIT.md "Lexical structure" and the grammar that follows it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "wit/version.h"

namespace wattle::wit::ast {

struct Position {
  uint32_t line = 1;
  uint32_t column = 1;  // in characters
};

struct Identifier {
  std::string text;  // without %
  Position position;
};

// What may stand in front of every item.
struct Preamble {
  std::string documentation;  // lines of /// and /** */, without the marks
  Gate gate;
};

// "types" or "wasi:http/types@0.2.0"
struct Path {
  std::optional<PackageName> package;
  Identifier interface;
};

// A builtin with its arguments ("u8", "result" of two), or the name of a declared type. `arguments` of result
// may hold an empty name for "_".
struct TypeExpression {
  std::string name;
  Position position;
  bool is_builtin = false;
  std::vector<TypeExpression> arguments;
};

struct NamedType {
  Identifier name;
  std::optional<TypeExpression> type;  // none: a case or label alone
  std::string documentation;
};

struct FunctionExpression {
  bool is_async = false;
  std::vector<NamedType> parameters;
  std::optional<TypeExpression> result;
};

enum class FunctionRole : uint8_t { plain, method, static_function, constructor };

struct Function {
  Preamble preamble;
  Identifier name;  // of a constructor: that of the keyword's place, text empty
  FunctionRole role = FunctionRole::plain;
  FunctionExpression type;
};

enum class TypeForm : uint8_t { alias, record, variant, enumeration, flags, resource };

struct TypeDefinition {
  Preamble preamble;
  Identifier name;
  TypeForm form = TypeForm::alias;
  std::optional<TypeExpression> alias;
  std::vector<NamedType> members;   // fields, cases, labels
  std::vector<Function> functions;  // of a resource
};

// use path.{name as alias, ...};
struct Use {
  Preamble preamble;
  Path path;
  struct Name {
    Identifier name;
    Identifier alias;  // same as name where none is written
  };
  std::vector<Name> names;
};

using InterfaceItem = std::variant<Use, TypeDefinition, Function>;

struct Interface {
  Preamble preamble;
  Identifier name;  // text empty inside a world
  std::vector<InterfaceItem> items;
};

// import or export, under a plain name or under the interface's own.
struct Extern {
  Preamble preamble;
  bool is_export = false;
  std::optional<Identifier> name;  // none: `target` is a path, which gives the name
  std::variant<Path, FunctionExpression, Interface> target;
  Position position;
};

struct Include {
  Preamble preamble;
  Path world;
  struct Renaming {
    Identifier from;
    Identifier to;
  };
  std::vector<Renaming> renamings;
};

using WorldItem = std::variant<Use, TypeDefinition, Extern, Include>;

struct World {
  Preamble preamble;
  Identifier name;
  std::vector<WorldItem> items;
};

// use path as alias; at the top of a file
struct TopLevelUse {
  Path path;
  Identifier alias;
};

struct PackageHeader {
  PackageName name;
  Position position;
  std::string documentation;
};

// What stands beside or inside a package declaration.
struct Items {
  std::vector<TopLevelUse> uses;
  std::vector<Interface> interfaces;
  std::vector<World> worlds;
};

struct NestedPackage {
  PackageHeader header;
  Items items;
};

struct File {
  std::string name;  // for messages
  std::optional<PackageHeader> package;
  Items items;
  std::vector<NestedPackage> nested;
};

}  // namespace wattle::wit::ast
