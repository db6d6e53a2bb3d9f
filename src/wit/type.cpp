#include "wit/type.h"

#include <fmt/format.h>

#include <array>
#include <unordered_set>
#include <utility>

namespace wattle::wit {
namespace {

TypeRef make(Kind kind, std::vector<Member> members, ResourceId resource = 0) {
  return std::make_shared<const Type>(Type{kind, std::move(members), resource});
}

std::vector<Member> labels(std::vector<std::string> names) {
  std::vector<Member> members;
  members.reserve(names.size());
  for (std::string& name : names) members.push_back({std::move(name), nullptr});
  return members;
}

// Two types whose equality is still open, or assumed while their parts are compared: types have no cycles, so
// an assumption is only ever used after the parts were queued.
using TypePair = std::pair<const Type*, const Type*>;

struct HashPair {
  size_t operator()(const TypePair& pair) const {
    size_t first = std::hash<const void*>{}(pair.first);
    size_t second = std::hash<const void*>{}(pair.second);
    return first ^ (second + 0x9e3779b97f4a7c15 + (first << 6) + (first >> 2));
  }
};

class Comparison {
 public:
  // Null: resources are compared by id.
  explicit Comparison(const SameResource* same_resource = nullptr) : same_resource_(same_resource) {}

  // Queues a pair; false if it is known to differ.
  bool add(const TypeRef& left, const TypeRef& right) {
    if (left == right && !same_resource_) return true;
    if (!left || !right) return !left && !right;
    if (left->kind != right->kind || left->members.size() != right->members.size()) return false;
    if (left->kind == Kind::own || left->kind == Kind::borrow)
      return same_resource_ ? (*same_resource_)(left->resource, right->resource)
                            : left->resource == right->resource;
    if (left->members.empty()) return true;
    if (seen_.emplace(left.get(), right.get()).second) open_.emplace_back(left.get(), right.get());
    return true;
  }

  bool run() {
    while (!open_.empty()) {
      auto [left, right] = open_.back();
      open_.pop_back();
      for (size_t i = 0; i < left->members.size(); i++) {
        if (left->members[i].name != right->members[i].name) return false;
        if (!add(left->members[i].type, right->members[i].type)) return false;
      }
    }
    return true;
  }

 private:
  const SameResource* same_resource_;
  std::unordered_set<TypePair, HashPair> seen_;
  std::vector<TypePair> open_;
};

class Printer {
 public:
  explicit Printer(const ResourceNamer& resource_name) : resource_name_(resource_name) {}

  void type(const TypeRef& type) {
    if (full()) return;
    if (!type) {
      text_ += '_';
      return;
    }
    switch (type->kind) {
      case Kind::list:
        return arguments("list", {type->element()});
      case Kind::option:
        return arguments("option", {type->element()});
      case Kind::tuple:
        return tuple(*type);
      case Kind::result:
        return result(*type);
      case Kind::record:
        return block("record", *type, ": ", "");
      case Kind::variant:
        return block("variant", *type, "(", ")");
      case Kind::enumeration:
        return block("enum", *type, "", "");
      case Kind::flags:
        return block("flags", *type, "", "");
      case Kind::own:
        text_ += name_of(type->resource);
        return;
      case Kind::borrow:
        text_ += "borrow<" + name_of(type->resource) + ">";
        return;
      default:
        text_ += kind_name(type->kind);
    }
  }

  void function(const FunctionType& function) {
    text_ += function.is_async ? "async func(" : "func(";
    for (size_t i = 0; i < function.parameters.size() && !full(); i++) {
      if (i > 0) text_ += ", ";
      text_ += function.parameters[i].name + ": ";
      type(function.parameters[i].type);
    }
    text_ += ")";
    if (!function.result) return;
    text_ += " -> ";
    type(function.result);
  }

  std::string take() {
    if (full()) {
      text_.resize(kMaxTypeText);
      text_ += "...";
    }
    return std::move(text_);
  }

 private:
  bool full() const { return text_.size() > kMaxTypeText; }

  std::string name_of(ResourceId resource) const {
    return resource_name_ ? resource_name_(resource) : fmt::format("resource-{}", resource);
  }

  void arguments(std::string_view name, const std::vector<TypeRef>& types) {
    text_ += name;
    text_ += '<';
    for (size_t i = 0; i < types.size(); i++) {
      if (i > 0) text_ += ", ";
      type(types[i]);
    }
    text_ += '>';
  }

  void tuple(const Type& tuple) {
    std::vector<TypeRef> types;
    for (const Member& member : tuple.members) types.push_back(member.type);
    arguments("tuple", types);
  }

  void result(const Type& result) {
    if (!result.ok() && !result.error()) {
      text_ += "result";
    } else if (!result.error()) {
      arguments("result", {result.ok()});
    } else {
      arguments("result", {result.ok(), result.error()});
    }
  }

  void block(std::string_view keyword, const Type& block, std::string_view open, std::string_view close) {
    text_ += keyword;
    text_ += " {";
    for (size_t i = 0; i < block.members.size() && !full(); i++) {
      text_ += i > 0 ? ", " : " ";
      text_ += block.members[i].name;
      if (!block.members[i].type) continue;
      text_ += open;
      type(block.members[i].type);
      text_ += close;
    }
    text_ += " }";
  }

  const ResourceNamer& resource_name_;
  std::string text_;
};

}  // namespace

std::string_view kind_name(Kind kind) {
  static constexpr std::array<std::string_view, 23> names = {
      "bool",    "s8",   "u8",     "s16",    "u16",    "s32",  "u32",    "s64",
      "u64",     "f32",  "f64",    "char",   "string", "list", "record", "tuple",
      "variant", "enum", "option", "result", "flags",  "own",  "borrow"};
  return names[static_cast<size_t>(kind)];
}

TypeRef primitive(Kind kind) {
  static const std::array<TypeRef, 13> types = [] {
    std::array<TypeRef, 13> all;
    for (size_t i = 0; i < all.size(); i++) all[i] = make(static_cast<Kind>(i), {});
    return all;
  }();
  return types[static_cast<size_t>(kind)];
}

TypeRef list_of(TypeRef element) {
  return make(Kind::list, {{"", std::move(element)}});
}

TypeRef record_of(std::vector<Member> fields) {
  return make(Kind::record, std::move(fields));
}

TypeRef tuple_of(std::vector<TypeRef> elements) {
  std::vector<Member> members;
  members.reserve(elements.size());
  for (TypeRef& element : elements) members.push_back({std::to_string(members.size()), std::move(element)});
  return make(Kind::tuple, std::move(members));
}

TypeRef variant_of(std::vector<Member> cases) {
  return make(Kind::variant, std::move(cases));
}

TypeRef enumeration_of(std::vector<std::string> names) {
  return make(Kind::enumeration, labels(std::move(names)));
}

TypeRef flags_of(std::vector<std::string> names) {
  return make(Kind::flags, labels(std::move(names)));
}

TypeRef option_of(TypeRef some) {
  return make(Kind::option, {{"some", std::move(some)}});
}

TypeRef result_of(TypeRef ok, TypeRef error) {
  return make(Kind::result, {{"ok", std::move(ok)}, {"error", std::move(error)}});
}

TypeRef own_of(ResourceId resource) {
  return make(Kind::own, {}, resource);
}

TypeRef borrow_of(ResourceId resource) {
  return make(Kind::borrow, {}, resource);
}

bool equal(const TypeRef& left, const TypeRef& right) {
  Comparison comparison;
  return comparison.add(left, right) && comparison.run();
}

namespace {

bool equal_functions(const FunctionType& left, const FunctionType& right, Comparison comparison) {
  if (left.is_async != right.is_async || left.parameters.size() != right.parameters.size()) return false;
  for (size_t i = 0; i < left.parameters.size(); i++) {
    if (left.parameters[i].name != right.parameters[i].name) return false;
    if (!comparison.add(left.parameters[i].type, right.parameters[i].type)) return false;
  }
  return comparison.add(left.result, right.result) && comparison.run();
}

}  // namespace

bool equal(const FunctionType& left, const FunctionType& right) {
  return equal_functions(left, right, Comparison());
}

bool equal(const FunctionType& left, const FunctionType& right, const SameResource& same_resource) {
  return equal_functions(left, right, Comparison(&same_resource));
}

std::string to_string(const TypeRef& type, const ResourceNamer& resource_name) {
  Printer printer(resource_name);
  printer.type(type);
  return printer.take();
}

std::string to_string(const FunctionType& type, const ResourceNamer& resource_name) {
  Printer printer(resource_name);
  printer.function(type);
  return printer.take();
}

}  // namespace wattle::wit
