#include "wit/printer.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "wit/lexer.h"

namespace wattle::wit {
namespace {

// Types in one line: those of a hostile component can share parts so that their text would never end.
constexpr size_t kMaxTypeNodes = 4096;

bool needs_name(Kind kind) {
  return kind == Kind::record || kind == Kind::variant || kind == Kind::enumeration || kind == Kind::flags;
}

// "blob" and "write" of "[method]blob.write"; "blob" and "" of "[constructor]blob".
struct ResourceFunctionName {
  std::string_view role;
  std::string_view resource;
  std::string_view function;
};

std::optional<ResourceFunctionName> split_resource_function(std::string_view name) {
  size_t close = name.find(']');
  if (!name.starts_with('[') || close == name.npos) return std::nullopt;
  ResourceFunctionName split{name.substr(1, close - 1), name.substr(close + 1), {}};
  size_t dot = split.resource.find('.');
  if (dot == split.resource.npos) return split;
  split.function = split.resource.substr(dot + 1);
  split.resource = split.resource.substr(0, dot);
  return split;
}

class Writer {
 public:
  explicit Writer(const PackageName& package) : package_(package) {}

  void package_items(const Package& package) {
    bool is_first = true;
    for (const auto& item : package.interfaces) {
      if (!std::exchange(is_first, false)) text_ += '\n';
      interface(*item);
    }
    for (const World& item : package.worlds) {
      if (!std::exchange(is_first, false)) text_ += '\n';
      world(item);
    }
  }

  void interface(const Interface& interface) {
    preamble(interface.documentation, interface.gate);
    line(fmt::format("interface {} {{", wit_identifier(interface.name)));
    interface_body(interface);
    line("}");
  }

  void world(const World& world) {
    preamble(world.documentation, world.gate);
    line(fmt::format("world {} {{", wit_identifier(world.name)));
    indent_++;
    set_scope(world.types);
    std::vector<FunctionEntry> functions;  // of resources that the world declares
    for (const WorldItem& item : world.imports)
      if (item.function) functions.push_back(*item.function);
    types(world.types, functions);
    for (const WorldItem& item : world.imports) world_item("import", item, world.types);
    for (const WorldItem& item : world.exports) world_item("export", item, world.types);
    indent_--;
    line("}");
  }

  void line(std::string_view text) {
    type_nodes_ = 0;
    if (!text.empty()) text_.append(2 * indent_, ' ');
    text_ += text;
    text_ += '\n';
  }
  void indent() { indent_++; }
  void dedent() { indent_--; }
  void documentation(std::string_view text) {
    while (!text.empty()) {
      size_t end = std::min(text.find('\n'), text.size());
      std::string_view one = text.substr(0, end);
      line(one.empty() ? "///" : fmt::format("/// {}", one));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
  }
  std::string take() { return std::move(text_); }

 private:
  void preamble(std::string_view text, const Gate& gate) {
    documentation(text);
    if (gate.since) line(fmt::format("@since(version = {})", to_string(*gate.since)));
    if (!gate.unstable.empty()) line(fmt::format("@unstable(feature = {})", wit_identifier(gate.unstable)));
    if (gate.deprecated) line(fmt::format("@deprecated(version = {})", to_string(*gate.deprecated)));
  }

  void set_scope(const std::vector<TypeEntry>& types) {
    scope_ = &types;
    names_.clear();
    for (const TypeEntry& entry : types) {
      // Primitives are shared by all that use them, so their address names nothing.
      bool is_shared =
          entry.type && is_primitive(entry.type->kind) && entry.type == primitive(entry.type->kind);
      if (entry.type && !is_shared) names_.emplace(entry.type.get(), entry.name);
    }
  }

  void interface_body(const Interface& interface) {
    indent_++;
    set_scope(interface.types);
    types(interface.types, interface.functions);
    for (const FunctionEntry& entry : interface.functions)
      if (!is_written_in_resource(entry.name)) function(entry);
    indent_--;
  }

  bool is_written_in_resource(std::string_view function) const {
    std::optional<ResourceFunctionName> split = split_resource_function(function);
    return split && std::any_of(scope_->begin(), scope_->end(), [&](const TypeEntry& entry) {
             return entry.resource && entry.name == split->resource;
           });
  }

  // ---- Worlds

  void world_item(std::string_view verb, const WorldItem& item, const std::vector<TypeEntry>& world_types) {
    if (item.function && is_written_in_resource(item.name)) return;
    preamble(item.documentation, item.gate);
    if (item.function) {
      if (!item.function->unsupported.empty())
        return line(fmt::format("// {}: {}", item.name, item.function->unsupported));
      return line(
          fmt::format("{} {}: {};", verb, wit_identifier(item.name), function_type(item.function->type)));
    }
    if (!item.interface) return;
    std::string path = interface_path(item.interface->id);
    if (!item.interface->id.empty() && item.name == item.interface->id)
      return line(fmt::format("{} {};", verb, path));
    if (!item.interface->id.empty())
      return line(fmt::format("{} {}: {};", verb, wit_identifier(item.name), path));
    line(fmt::format("{} {}: interface {{", verb, wit_identifier(item.name)));
    interface_body(*item.interface);
    line("}");
    set_scope(world_types);
  }

  // "types" for an interface of this package, else its whole name with what is a keyword escaped.
  std::string interface_path(const std::string& id) const {
    Result<InterfaceName> name = parse_interface_name(id);
    if (!name) return id;
    if (name->package == package_) return wit_identifier(name->interface);
    std::string version = name->package.version ? "@" + to_string(*name->package.version) : "";
    return fmt::format("{}:{}/{}{}", wit_identifier(name->package.space), wit_identifier(name->package.name),
                       wit_identifier(name->interface), version);
  }

  // ---- Types

  void types(const std::vector<TypeEntry>& entries, const std::vector<FunctionEntry>& functions) {
    for (size_t i = 0; i < entries.size(); i++) {
      if (entries[i].origin) {
        i = uses(entries, i);
      } else {
        definition(entries, i, functions);
      }
    }
  }

  // One `use` for all neighbours from the same interface; returns the last one's position.
  size_t uses(const std::vector<TypeEntry>& entries, size_t first) {
    const TypeEntry& start = entries[first];
    preamble(start.documentation, start.gate);
    std::string names;
    size_t next = first;
    for (; next < entries.size(); next++) {
      const TypeEntry& entry = entries[next];
      if (!entry.origin || entry.origin->interface != start.origin->interface) break;
      if (next > first && (!entry.documentation.empty() || entry.gate.since || !entry.gate.unstable.empty()))
        break;
      if (!names.empty()) names += ", ";
      names += wit_identifier(entry.origin->name);
      if (entry.origin->name != entry.name) names += " as " + wit_identifier(entry.name);
    }
    line(fmt::format("use {}.{{{}}};", interface_path(start.origin->interface), names));
    return next - 1;
  }

  void definition(const std::vector<TypeEntry>& entries, size_t index,
                  const std::vector<FunctionEntry>& functions) {
    const TypeEntry& entry = entries[index];
    std::string name = wit_identifier(entry.name);
    preamble(entry.documentation, entry.gate);
    if (!entry.unsupported.empty()) return line(fmt::format("// {}: {}", entry.name, entry.unsupported));
    if (const TypeEntry* original = same_before(entries, index))
      return line(fmt::format("type {} = {};", name, wit_identifier(original->name)));
    if (entry.resource) return resource(entry, functions);
    if (!entry.type) return;
    if (needs_name(entry.type->kind)) return block(entry);
    own_ = entry.type.get();
    line(fmt::format("type {} = {};", name, type(entry.type)));
    own_ = nullptr;
  }

  // An earlier name of the same resource, record, variant, enumeration or flags.
  static const TypeEntry* same_before(const std::vector<TypeEntry>& entries, size_t index) {
    const TypeEntry& entry = entries[index];
    for (size_t i = 0; i < index; i++) {
      if (entry.resource && entries[i].resource == entry.resource) return &entries[i];
      if (entry.type && needs_name(entry.type->kind) && equal(entries[i].type, entry.type))
        return &entries[i];
    }
    return nullptr;
  }

  void block(const TypeEntry& entry) {
    std::string_view keyword = kind_name(entry.type->kind);
    line(fmt::format("{} {} {{", keyword, wit_identifier(entry.name)));
    indent_++;
    for (const Member& member : entry.type->members) {
      std::string text = wit_identifier(member.name);
      if (member.type)
        text += entry.type->kind == Kind::record ? ": " + type(member.type) : "(" + type(member.type) + ")";
      line(text + ",");
    }
    indent_--;
    line("}");
  }

  void resource(const TypeEntry& entry, const std::vector<FunctionEntry>& functions) {
    std::vector<const FunctionEntry*> own;
    for (const FunctionEntry& function : functions)
      if (auto split = split_resource_function(function.name); split && split->resource == entry.name)
        own.push_back(&function);
    if (own.empty()) return line(fmt::format("resource {};", wit_identifier(entry.name)));
    line(fmt::format("resource {} {{", wit_identifier(entry.name)));
    indent_++;
    for (const FunctionEntry* function : own) resource_function(entry, *function);
    indent_--;
    line("}");
  }

  void resource_function(const TypeEntry& resource, const FunctionEntry& entry) {
    preamble(entry.documentation, entry.gate);
    if (!entry.unsupported.empty()) return line(fmt::format("// {}: {}", entry.name, entry.unsupported));
    ResourceFunctionName split = *split_resource_function(entry.name);
    FunctionType type = entry.type;
    if (split.role == "constructor") {
      bool is_plain =
          type.result && type.result->kind == Kind::own && type.result->resource == *resource.resource;
      if (is_plain) type.result = nullptr;
      return line(fmt::format("constructor{};", signature(type)));
    }
    bool is_method = split.role == "method";
    if (is_method && !type.parameters.empty()) type.parameters.erase(type.parameters.begin());
    std::string_view prefix = is_method ? "" : "static ";
    line(fmt::format("{}: {}{};", wit_identifier(split.function), prefix, function_type(type)));
  }

  // ---- Functions

  void function(const FunctionEntry& entry) {
    preamble(entry.documentation, entry.gate);
    if (!entry.unsupported.empty()) return line(fmt::format("// {}: {}", entry.name, entry.unsupported));
    line(fmt::format("{}: {};", wit_identifier(entry.name), function_type(entry.type)));
  }

  std::string function_type(const FunctionType& type) {
    return (type.is_async ? "async func" : "func") + signature(type);
  }

  std::string signature(const FunctionType& function) {
    std::string text = "(";
    for (const Member& parameter : function.parameters) {
      if (text.size() > 1) text += ", ";
      text += wit_identifier(parameter.name) + ": " + type(parameter.type);
    }
    text += ")";
    if (function.result) text += " -> " + type(function.result);
    return text;
  }

  // ---- References to types

  std::string type(const TypeRef& type) {
    if (!type) return "_";
    if (type_nodes_++ > kMaxTypeNodes) return "...";
    if (type.get() != own_)
      if (auto named = names_.find(type.get()); named != names_.end()) return wit_identifier(named->second);
    switch (type->kind) {
      case Kind::list:
        return "list<" + this->type(type->element()) + ">";
      case Kind::option:
        return "option<" + this->type(type->element()) + ">";
      case Kind::tuple:
        return tuple(*type);
      case Kind::result:
        return result(*type);
      case Kind::own:
        return resource_name(type->resource);
      case Kind::borrow:
        return "borrow<" + resource_name(type->resource) + ">";
      case Kind::record:
      case Kind::variant:
      case Kind::enumeration:
      case Kind::flags:
        return structural_name(type);
      default:
        return std::string(kind_name(type->kind));
    }
  }

  std::string tuple(const Type& tuple) {
    std::string text = "tuple<";
    for (const Member& member : tuple.members) {
      if (&member != &tuple.members[0]) text += ", ";
      text += type(member.type);
    }
    return text + ">";
  }

  std::string result(const Type& result) {
    if (!result.ok() && !result.error()) return "result";
    if (!result.error()) return "result<" + type(result.ok()) + ">";
    return "result<" + type(result.ok()) + ", " + type(result.error()) + ">";
  }

  std::string resource_name(ResourceId resource) const {
    for (const TypeEntry& entry : *scope_)
      if (entry.resource == resource) return wit_identifier(entry.name);
    return fmt::format("resource-{}", resource);
  }

  // By structure, for types that came without their name's identity; the structure itself where there is no
  // name.
  std::string structural_name(const TypeRef& type) const {
    for (const TypeEntry& entry : *scope_)
      if (entry.type && equal(entry.type, type)) return wit_identifier(entry.name);
    return to_string(type);
  }

  const PackageName& package_;
  std::string text_;
  size_t indent_ = 0;
  const std::vector<TypeEntry>* scope_ = nullptr;
  std::unordered_map<const Type*, std::string> names_;
  size_t type_nodes_ = 0;      // written in this line
  const Type* own_ = nullptr;  // the type that is being defined: not written as its own name
};

std::string package_header(const PackageName& name) {
  std::string version = name.version ? "@" + to_string(*name.version) : "";
  return fmt::format("package {}:{}{}", wit_identifier(name.space), wit_identifier(name.name), version);
}

}  // namespace

std::string wit_identifier(std::string_view name) {
  return (is_wit_keyword(name) ? "%" : "") + std::string(name);
}

std::string to_wit(const Interface& interface, const PackageName& package) {
  Writer writer(package);
  writer.interface(interface);
  return writer.take();
}

std::string to_wit(const World& world, const PackageName& package) {
  Writer writer(package);
  writer.world(world);
  return writer.take();
}

std::string to_wit(const Package& package) {
  return to_wit(std::span(&package, 1));
}

std::string to_wit(std::span<const Package> packages) {
  std::string text;
  for (const Package& package : packages) {
    Writer writer(package.name);
    bool is_root = &package == &packages[0];
    if (!is_root) writer.line("");
    writer.documentation(package.documentation);
    writer.line(package_header(package.name) + (is_root ? ";\n" : " {"));
    if (!is_root) writer.indent();
    writer.package_items(package);
    if (!is_root) {
      writer.dedent();
      writer.line("}");
    }
    text += writer.take();
  }
  return text;
}

}  // namespace wattle::wit
