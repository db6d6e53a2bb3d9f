#include "wit/layout.h"

#include <algorithm>
#include <utility>

namespace wattle::wit {
namespace {

uint32_t saturated(uint64_t bytes) {
  return static_cast<uint32_t>(std::min<uint64_t>(bytes, kOversized));
}

// "align_to"; an oversized offset stays oversized.
uint64_t aligned(uint64_t offset, uint32_t alignment) {
  return (offset + alignment - 1) / alignment * alignment;
}

// The smallest of 1, 2, 4 bytes whose values number at least `count`.
uint32_t discriminant_bytes(size_t count) {
  if (count <= 0x100) return 1;
  return count <= 0x10000 ? 2 : 4;
}

// "join": the core type that can carry either.
FlatType joined(FlatType left, FlatType right) {
  if (left == right) return left;
  bool both_32_bits =
      left != FlatType::i64 && left != FlatType::f64 && right != FlatType::i64 && right != FlatType::f64;
  return both_32_bits ? FlatType::i32 : FlatType::i64;
}

void append_flat(std::vector<FlatType>& flat, const std::vector<FlatType>& more) {
  size_t room = kMaxFlatKept - std::min(flat.size(), kMaxFlatKept);
  flat.insert(flat.end(), more.begin(), more.begin() + static_cast<ptrdiff_t>(std::min(room, more.size())));
}

void set_scalar(Layout& layout, uint32_t bytes, FlatType flat, bool is_plain) {
  layout.size = layout.alignment = bytes;
  layout.flat = {flat};
  layout.is_plain = is_plain;
}

void set_handle(Layout& layout, ResourceId resource) {
  set_scalar(layout, 4, FlatType::i32, false);
  layout.resource = resource;
  layout.has_handles = true;
}

void set_pointer_and_length(Layout& layout) {
  layout.size = 8;
  layout.alignment = 4;
  layout.flat = {FlatType::i32, FlatType::i32};
  layout.has_pointers = true;
}

void set_flags(Layout& layout, size_t label_count) {
  uint32_t bytes = label_count <= 8 ? 1 : label_count <= 16 ? 2 : 4;
  layout.label_count = static_cast<uint32_t>(label_count);
  set_scalar(layout, bytes, FlatType::i32, label_count == bytes * 8);
}

// Takes over from a part what it says about the whole.
void include_part(Layout& layout, const Layout& part) {
  layout.alignment = std::max(layout.alignment, part.alignment);
  layout.has_handles |= part.has_handles;
  layout.has_pointers |= part.has_pointers;
}

// Fields in `layout.members`, whose layouts are set and whose offsets are not.
void finish_record(Layout& layout) {
  uint64_t offset = 0;
  uint64_t used = 0;  // bytes without padding
  layout.is_plain = true;
  for (LayoutMember& field : layout.members) {
    include_part(layout, *field.layout);
    offset = aligned(offset, field.layout->alignment);
    field.offset = saturated(offset);
    offset += field.layout->size;
    used += field.layout->size;
    layout.is_plain &= field.layout->is_plain;
    append_flat(layout.flat, field.layout->flat);
  }
  uint64_t size = aligned(offset, layout.alignment);
  layout.size = saturated(size);
  layout.is_plain &= used == size && size < kOversized;
}

// Cases in `layout.members`, whose layouts (null: no payload) are set and whose offsets are not.
void finish_variant(Layout& layout) {
  layout.discriminant_bytes = discriminant_bytes(layout.members.size());
  layout.alignment = layout.discriminant_bytes;
  layout.flat = {FlatType::i32};
  uint64_t payload_size = 0;
  uint32_t payload_alignment = 1;
  for (const LayoutMember& member : layout.members) {
    if (!member.layout) continue;
    include_part(layout, *member.layout);
    payload_alignment = std::max(payload_alignment, member.layout->alignment);
    payload_size = std::max<uint64_t>(payload_size, member.layout->size);
    const std::vector<FlatType>& flat = member.layout->flat;
    for (size_t i = 0; i < flat.size() && i + 1 < kMaxFlatKept; i++) {
      if (i + 1 == layout.flat.size()) {
        layout.flat.push_back(flat[i]);
      } else {
        layout.flat[i + 1] = joined(layout.flat[i + 1], flat[i]);
      }
    }
  }
  uint64_t payload_offset = aligned(layout.discriminant_bytes, payload_alignment);
  for (LayoutMember& member : layout.members) member.offset = saturated(payload_offset);
  layout.size = saturated(aligned(payload_offset + payload_size, layout.alignment));
}

}  // namespace

LayoutRef Layouts::of(const TypeRef& type) {
  if (!type) return nullptr;
  if (auto known = known_.find(type.get()); known != known_.end()) return known->second.layout;
  LayoutRef layout = compute(type);
  known_.emplace(type.get(), Known{type, layout});
  return layout;
}

LayoutRef Layouts::compute(const TypeRef& type) {
  auto layout = std::make_shared<Layout>();
  layout->kind = type->kind == Kind::tuple ? Kind::record : type->kind;
  if (layout->kind == Kind::option) layout->members.push_back({});  // none
  if (layout->kind != Kind::flags)
    for (const Member& member : type->members) layout->members.push_back({0, of(member.type)});
  switch (layout->kind) {
    case Kind::boolean:
      set_scalar(*layout, 1, FlatType::i32, false);
      break;
    case Kind::s8:
    case Kind::u8:
      set_scalar(*layout, 1, FlatType::i32, true);
      break;
    case Kind::s16:
    case Kind::u16:
      set_scalar(*layout, 2, FlatType::i32, true);
      break;
    case Kind::s32:
    case Kind::u32:
      set_scalar(*layout, 4, FlatType::i32, true);
      break;
    case Kind::s64:
    case Kind::u64:
      set_scalar(*layout, 8, FlatType::i64, true);
      break;
    case Kind::f32:
      set_scalar(*layout, 4, FlatType::f32, true);
      break;
    case Kind::f64:
      set_scalar(*layout, 8, FlatType::f64, true);
      break;
    case Kind::character:
      set_scalar(*layout, 4, FlatType::i32, false);
      break;
    case Kind::string:
    case Kind::list:
      set_pointer_and_length(*layout);
      if (layout->kind == Kind::list) layout->has_handles = layout->members[0].layout->has_handles;
      break;
    case Kind::record:
    case Kind::tuple:
      finish_record(*layout);
      break;
    case Kind::variant:
    case Kind::enumeration:
    case Kind::option:
    case Kind::result:
      finish_variant(*layout);
      break;
    case Kind::flags:
      set_flags(*layout, type->members.size());
      break;
    case Kind::own:
    case Kind::borrow:
      set_handle(*layout, type->resource);
      break;
  }
  return layout;
}

FunctionLayout Layouts::of(const FunctionType& type) {
  auto parameters = std::make_shared<Layout>();
  parameters->kind = Kind::record;
  for (const Member& parameter : type.parameters) parameters->members.push_back({0, of(parameter.type)});
  finish_record(*parameters);

  FunctionLayout function;
  function.parameters = parameters;
  function.result = of(type.result);
  function.parameters_in_memory = parameters->flat.size() > kMaxFlatParameters;
  function.lifted_parameters =
      function.parameters_in_memory ? std::vector<FlatType>{FlatType::i32} : parameters->flat;
  function.lowered_parameters = function.lifted_parameters;
  if (!function.result) return function;
  function.result_in_memory = function.result->flat.size() > kMaxFlatResults;
  if (function.result_in_memory) {
    function.lifted_results = {FlatType::i32};
    function.lowered_parameters.push_back(FlatType::i32);
  } else {
    function.lifted_results = function.lowered_results = function.result->flat;
  }
  return function;
}

LayoutRef layout_of(const TypeRef& type) {
  return Layouts().of(type);
}

FunctionLayout layout_of(const FunctionType& type) {
  return Layouts().of(type);
}

}  // namespace wattle::wit
