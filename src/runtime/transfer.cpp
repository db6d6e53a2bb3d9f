// Transfer: copying values from one component to another.
#include <cstring>

#include "runtime/canonical.h"
#include "wit/codec.h"

namespace wattle::runtime {
namespace {

using engine::CoreValue;
using wit::Kind;
using wit::Layout;

uint32_t read_bytes(const uint8_t* address, uint32_t bytes) {
  uint32_t value = 0;
  std::memcpy(&value, address, bytes);
  return value;
}

uint32_t label_mask(const Layout& layout) {
  return layout.label_count >= 32 ? UINT32_MAX : (uint32_t{1} << layout.label_count) - 1;
}

}  // namespace

uint32_t Transfer::checked_char(uint32_t character) {
  if (!wit::is_scalar_value(character)) from_.trap("invalid `char` bit pattern");
  return character;
}

bool Transfer::is_case(const Layout& layout, uint32_t index) {
  if (index < layout.members.size()) return true;
  from_.trap(fmt::format("invalid variant discriminant: unexpected discriminant: {} of {} cases", index,
                         layout.members.size()));
  return false;
}

uint32_t Transfer::handle(const Layout& layout, uint32_t handle) {
  if (importer_ != nullptr) return move_resource(*importer_->resources[layout.resource].type, handle);
  const bool is_own = layout.kind == Kind::own;
  const uint32_t representation =
      is_own ? from_.lift_own(handle, layout.resource) : from_.lift_borrow(handle, layout.resource);
  if (failed()) return 0;
  return is_own ? to_.lower_own(representation, layout.resource)
                : to_.lower_borrow(representation, layout.resource);
}

uint32_t Transfer::move_resource(const ResourceType& type, uint32_t handle) {
  const uint32_t representation = from_.lift_own(handle, type);
  if (failed()) return 0;
  auto resource = from_.host.resources.take(representation);
  HostResources& receiver = to_.host.resources;
  if (receiver.full())
    return to_.fail(Error(ErrorCode::memory_exceeded, "the guest holds too many resources of its host")), 0;
  if (!resource->move_to(receiver))
    return to_.fail(Error(ErrorCode::unsupported,
                          fmt::format("this \"{}\" of \"{}\" cannot go to another component", type.name,
                                      type.interface))),
           0;
  return to_.lower_own(receiver.insert(std::move(resource)), type);
}

Transfer::Pair Transfer::string(Pair range) {
  const engine::MemoryView memory = from_.view();
  auto text = wit::text_at({memory.base, memory.bytes}, from_.encoding, {range.pointer, range.length});
  if (!text) return from_.fail(std::move(text).error()), Pair{};
  const wit::StringRange stored = to_.lower_text(*text);
  if (to_.failed()) [[unlikely]] {
    if (auto valid = wit::to_utf8(*text); !valid) from_.fail(std::move(valid).error());
  }
  return {stored.address, stored.tagged_length};
}

Transfer::Pair Transfer::list(const Layout& element, Pair range) {
  const uint64_t bytes = uint64_t{range.length} * element.size;
  if (bytes > wit::kMaxListBytes)
    return from_.trap(
               fmt::format("list content out-of-bounds: a list of {} bytes is longer than the limit of {}",
                           bytes, wit::kMaxListBytes)),
           Pair{};
  if (from_.at(range.pointer, bytes, element.alignment) == nullptr) return {};
  const uint32_t pointer = to_.allocate(element.alignment, bytes);
  if (failed()) return {};
  if (element.is_plain) {
    if (bytes > 0) std::memcpy(target(pointer), source(range.pointer), bytes);
  } else {
    for (uint32_t index = 0; index < range.length && !failed(); ++index)
      copy(element, range.pointer + index * element.size, pointer + index * element.size);
  }
  return {pointer, range.length};
}

// ---- Flat values

void Transfer::flat(const Layout& layout, CoreValue*& values) {
  CoreValue& value = *values;
  switch (layout.kind) {
    case Kind::boolean:
      value.u64 = value.u32 != 0;
      break;
    case Kind::u8:
      value.u64 = static_cast<uint8_t>(value.u32);
      break;
    case Kind::s8:
      value.u64 = static_cast<uint32_t>(static_cast<int8_t>(value.u32));
      break;
    case Kind::u16:
      value.u64 = static_cast<uint16_t>(value.u32);
      break;
    case Kind::s16:
      value.u64 = static_cast<uint32_t>(static_cast<int16_t>(value.u32));
      break;
    case Kind::u32:
    case Kind::s32:
    case Kind::f32:
      value.u64 = value.u32;
      break;
    case Kind::u64:
    case Kind::s64:
    case Kind::f64:
      break;
    case Kind::character:
      value.u64 = checked_char(value.u32);
      break;
    case Kind::flags:
      value.u64 = value.u32 & label_mask(layout);
      break;
    case Kind::own:
    case Kind::borrow:
      value.u64 = handle(layout, value.u32);
      break;
    case Kind::string:
    case Kind::list: {
      const Pair range{values[0].u32, values[1].u32};
      const Pair moved = layout.kind == Kind::string ? string(range) : list(*layout.members[0].layout, range);
      values[0].u64 = moved.pointer;
      values[1].u64 = moved.length;
      values += 2;
      return;
    }
    case Kind::record:
    case Kind::tuple:
      for (const wit::LayoutMember& member : layout.members) {
        if (failed()) return;
        flat(*member.layout, values);
      }
      return;
    case Kind::variant:
    case Kind::option:
    case Kind::result:
    case Kind::enumeration:
      return flat_variant(layout, values);
  }
  ++values;
}

void Transfer::flat_variant(const Layout& layout, CoreValue*& values) {
  CoreValue* const end = values + layout.flat.size();
  const uint32_t index = values->u32;
  if (!is_case(layout, index)) return;
  (values++)->u64 = index;
  if (const wit::LayoutRef& payload = layout.members[index].layout) flat(*payload, values);
  while (values < end) (values++)->u64 = 0;
}

// ---- Memory

void Transfer::memory(const Layout& layout, uint32_t source, uint32_t target) {
  if (failed()) return;
  if (from_.at(source, layout.size, layout.alignment) == nullptr) return;
  if (to_.at(target, layout.size, layout.alignment) == nullptr) return;
  copy(layout, source, target);
}

// Both ranges are inside their memories, which never shrink nor move.
void Transfer::copy(const Layout& layout, uint32_t from, uint32_t to) {
  if (layout.is_plain) {
    std::memcpy(target(to), source(from), layout.size);
    return;
  }
  switch (layout.kind) {
    case Kind::boolean:
      *target(to) = *source(from) != 0;
      return;
    case Kind::character:
    case Kind::flags:
    case Kind::own:
    case Kind::borrow: {
      uint32_t value = read_bytes(source(from), layout.size);
      if (layout.kind == Kind::character)
        value = checked_char(value);
      else if (layout.kind == Kind::flags)
        value &= label_mask(layout);
      else
        value = handle(layout, value);
      std::memcpy(target(to), &value, layout.size);
      return;
    }
    case Kind::string:
    case Kind::list: {
      Pair range{read_bytes(source(from), 4), read_bytes(source(from + 4), 4)};
      range = layout.kind == Kind::string ? string(range) : list(*layout.members[0].layout, range);
      if (!failed()) std::memcpy(target(to), &range, sizeof range);
      return;
    }
    case Kind::record:
    case Kind::tuple:
      for (const wit::LayoutMember& member : layout.members) {
        if (failed()) return;
        copy(*member.layout, from + member.offset, to + member.offset);
      }
      return;
    case Kind::variant:
    case Kind::option:
    case Kind::result:
    case Kind::enumeration:
      return copy_variant(layout, from, to);
    default:  // integers and floats of any width
      std::memcpy(target(to), source(from), layout.size);
      return;
  }
}

void Transfer::copy_variant(const Layout& layout, uint32_t from, uint32_t to) {
  const uint32_t index = read_bytes(source(from), layout.discriminant_bytes);
  if (!is_case(layout, index)) return;
  std::memcpy(target(to), &index, layout.discriminant_bytes);
  const wit::LayoutMember& member = layout.members[index];
  if (member.layout) copy(*member.layout, from + member.offset, to + member.offset);
}

}  // namespace wattle::runtime
