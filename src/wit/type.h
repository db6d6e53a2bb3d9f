// Component-level types: what WIT declares and what component binaries carry.
//
// A Type is an immutable value shared by reference; equal structure means equal type, except that a resource
// is known by its id alone. Names are kept as written (kebab-case).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace wattle::wit {

// In the order of the component-model binary format's primitive types, then the constructors.
enum class Kind : uint8_t {
  boolean,
  s8,
  u8,
  s16,
  u16,
  s32,
  u32,
  s64,
  u64,
  f32,
  f64,
  character,
  string,
  list,         // members: element
  record,       // members: fields, in order
  tuple,        // members: elements, named "0", "1", ...
  variant,      // members: cases; type is null for a case without payload
  enumeration,  // members: cases, all without type
  option,       // members: "some"
  result,       // members: "ok", "error"; either type may be null
  flags,        // members: labels, all without type
  own,
  borrow,  // resource
};

inline bool is_primitive(Kind kind) {
  return kind <= Kind::string;
}

// The kind's name as WIT writes it: "bool", "enum", "own".
std::string_view kind_name(Kind kind);

// A resource type's identity within the scope of the declaration that uses it: a validated component
// definition or a resolved set of WIT packages. The owner of that scope says what it stands for.
using ResourceId = uint32_t;

struct Type;
using TypeRef = std::shared_ptr<const Type>;

struct Member {
  std::string name;
  TypeRef type;  // null where the kind allows no type
};

struct Type {
  Kind kind = Kind::boolean;
  std::vector<Member> members;
  ResourceId resource = 0;  // own and borrow only

  const TypeRef& element() const { return members[0].type; }  // list, option
  const TypeRef& ok() const { return members[0].type; }       // result
  const TypeRef& error() const { return members[1].type; }    // result
};

// Parameters are named; the result is null for a function that returns nothing.
struct FunctionType {
  std::vector<Member> parameters;
  TypeRef result;
  bool is_async = false;  // later than WASI 0.2; kept so that validation can say so
};

TypeRef primitive(Kind kind);
TypeRef list_of(TypeRef element);
TypeRef record_of(std::vector<Member> fields);
TypeRef tuple_of(std::vector<TypeRef> elements);
TypeRef variant_of(std::vector<Member> cases);
TypeRef enumeration_of(std::vector<std::string> names);
TypeRef flags_of(std::vector<std::string> names);
TypeRef option_of(TypeRef some);
TypeRef result_of(TypeRef ok, TypeRef error);
TypeRef own_of(ResourceId resource);
TypeRef borrow_of(ResourceId resource);

// Structural equality; resources by id. Null equals null. Takes time in proportion to the distinct types, not
// to the tree that they unfold to.
bool equal(const TypeRef& left, const TypeRef& right);
bool equal(const FunctionType& left, const FunctionType& right);

// The same for types of two scopes, whose resource ids have nothing to do with each other: the caller says
// which of them mean the same resource.
using SameResource = std::function<bool(ResourceId left, ResourceId right)>;
bool equal(const FunctionType& left, const FunctionType& right, const SameResource& same_resource);

// One line of WIT text, without trailing punctuation: "result<list<u8>, option<string>>",
// "record { name: string, age: u8 }". `resource_name` names own and borrow (default: "resource-7"). Types can
// share parts so that their text is exponentially longer than they are: text ends in "..." past kMaxTypeText.
using ResourceNamer = std::function<std::string(ResourceId)>;
inline constexpr size_t kMaxTypeText = 16 * 1024;  // bytes
std::string to_string(const TypeRef& type, const ResourceNamer& resource_name = nullptr);
// "func(a: u32, b: string) -> u32"
std::string to_string(const FunctionType& type, const ResourceNamer& resource_name = nullptr);

}  // namespace wattle::wit
