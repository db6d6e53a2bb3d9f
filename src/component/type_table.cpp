#include "component/type_table.h"

#include <algorithm>

#include "component/reader.h"

namespace wattle::component {

using wit::Kind;

namespace {

// CanonicalABI.md "Flattening": the core type that can carry either of two.
CoreValueType join(CoreValueType left, CoreValueType right) {
  if (left == right) return left;
  const auto is_32 = [](CoreValueType type) { return type == kI32 || type == kF32; };
  return is_32(left) && is_32(right) ? kI32 : kI64;
}

FlatForm flat_primitive(Kind kind) {
  switch (kind) {
    case Kind::s64:
    case Kind::u64:
      return {{kI64}, false};
    case Kind::f32:
      return {{kF32}, false};
    case Kind::f64:
      return {{kF64}, false};
    case Kind::string:
      return {{kI32, kI32}, false};
    default:
      return {{kI32}, false};
  }
}

}  // namespace

void FlatForm::append(const FlatForm& other) {
  overflow = overflow || other.overflow || types.size() + other.types.size() > kMaxFlat;
  if (!overflow) types.insert(types.end(), other.types.begin(), other.types.end());
}

Result<void> add_size(uint32_t& whole, uint32_t part, uint64_t offset) {
  if (part > kMaxTypeSize || whole > kMaxTypeSize - part)
    return failure(error_at(ErrorCode::invalid, offset,
                            fmt::format("effective type size exceeds the limit of {}", kMaxTypeSize)));
  whole += part;
  return {};
}

Result<void> add_depth(uint32_t& whole, uint32_t part, uint64_t offset) {
  whole = std::max(whole, part + 1);
  if (whole > kMaxTypeDepth) return failure(error_at(ErrorCode::invalid, offset, "type nesting is too deep"));
  return {};
}

TypeTable::TypeTable() {
  for (size_t i = 0; i < primitives_.size(); i++) {
    wit::Type type;
    type.kind = static_cast<Kind>(i);
    primitives_[i] = std::make_shared<const wit::Type>(std::move(type));
    TypeInfo info;
    info.has_pointers = primitives_[i]->kind == Kind::string;
    types_[primitives_[i].get()] = {primitives_[i], info};
  }
}

Result<wit::TypeRef> TypeTable::add(wit::Type type, uint64_t offset, uint32_t alias) {
  TypeInfo whole;
  whole.has_borrow = type.kind == Kind::borrow;
  whole.has_resources = type.kind == Kind::own || type.kind == Kind::borrow;
  whole.has_pointers = type.kind == Kind::string || type.kind == Kind::list;
  whole.alias = alias;
  for (const wit::Member& member : type.members) {
    if (member.type == nullptr) continue;
    const TypeInfo& part = info(member.type);
    WATTLE_CHECK(add_size(whole.size, part.size, offset));
    WATTLE_CHECK(add_depth(whole.depth, part.depth, offset));
    whole.has_borrow = whole.has_borrow || part.has_borrow;
    whole.has_resources = whole.has_resources || part.has_resources;
    whole.has_pointers = whole.has_pointers || part.has_pointers;
  }
  auto made = std::make_shared<const wit::Type>(std::move(type));
  types_[made.get()] = {made, whole};
  return made;
}

wit::TypeRef TypeTable::copy(const wit::TypeRef& type) {
  const TypeInfo known = info(type);
  auto made = std::make_shared<const wit::Type>(*type);
  types_[made.get()] = {made, known};
  return made;
}

Result<std::shared_ptr<const wit::FunctionType>> TypeTable::add(wit::FunctionType type, uint64_t offset) {
  TypeInfo whole;
  const auto include = [&](const wit::TypeRef& part) -> Result<void> {
    if (part == nullptr) return {};
    WATTLE_CHECK(add_size(whole.size, info(part).size, offset));
    whole.has_resources = whole.has_resources || info(part).has_resources;
    return {};
  };
  for (const wit::Member& parameter : type.parameters) WATTLE_CHECK(include(parameter.type));
  WATTLE_CHECK(include(type.result));
  auto made = std::make_shared<const wit::FunctionType>(std::move(type));
  functions_[made.get()] = {made, whole};
  return made;
}

TypeInfo TypeTable::info(const ExternType& type) const {
  TypeInfo result;
  if (type.function) return info(*type.function);
  if (type.instance) {
    result.size = type.instance->size;
    result.depth = type.instance->depth;
    result.has_resources = type.instance->has_resources;
  } else if (type.component) {
    result.size = type.component->size;
    result.depth = type.component->depth;
    result.has_resources = type.component->has_resources;
  } else if (type.module) {
    result.size = static_cast<uint32_t>(
        std::min<size_t>(kMaxTypeSize, 1 + type.module->imports.size() + type.module->exports.size()));
  } else if (type.type.resource) {
    result.has_resources = true;
  } else if (type.type.value_type) {
    return info(type.type.value_type);
  }
  return result;
}

const FlatForm& TypeTable::flat(const wit::TypeRef& type) {
  if (const auto known = flat_.find(type.get()); known != flat_.end()) return known->second;
  FlatForm form;
  switch (type->kind) {
    case Kind::list:
      form.types = {kI32, kI32};
      break;
    case Kind::record:
    case Kind::tuple:
      for (const wit::Member& member : type->members) form.append(flat(member.type));
      break;
    case Kind::variant:
    case Kind::option:
    case Kind::result:
    case Kind::enumeration: {
      FlatForm payload;
      for (const wit::Member& member : type->members) {
        if (member.type == nullptr) continue;
        const FlatForm& one = flat(member.type);
        payload.overflow = payload.overflow || one.overflow;
        for (size_t i = 0; i < one.types.size(); i++) {
          if (i < payload.types.size())
            payload.types[i] = join(payload.types[i], one.types[i]);
          else
            payload.types.push_back(one.types[i]);
        }
      }
      form.types = {kI32};
      form.append(payload);
      break;
    }
    case Kind::flags:
    case Kind::own:
    case Kind::borrow:
      form.types = {kI32};
      break;
    default:
      form = flat_primitive(type->kind);
  }
  return flat_[type.get()] = std::move(form);
}

}  // namespace wattle::component
