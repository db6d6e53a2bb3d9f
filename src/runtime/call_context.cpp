#include "runtime/call_context.h"

#include <algorithm>

#include "runtime/values.h"

namespace wattle::runtime {
namespace {

constexpr ResourceIndex kNoResource = UINT32_MAX;

std::string_view describe(const ResourceType& type) {
  return type.is_host ? "host-defined resource" : "guest-defined resource";
}

}  // namespace

uint8_t* CallContext::at(uint32_t pointer, uint64_t bytes, uint32_t alignment) {
  const engine::MemoryView memory_view = view();
  if ((pointer & (alignment - 1)) == 0 && pointer + bytes <= memory_view.bytes && bytes <= UINT32_MAX)
    return memory_view.base + pointer;
  auto checked = wit::check_range(memory_view.bytes, pointer, bytes, alignment, "list");
  fail(checked ? Error(ErrorCode::trap, "list content out-of-bounds") : std::move(checked).error());
  return nullptr;
}

Result<uint32_t> CallContext::reallocate(uint32_t old_pointer, uint32_t old_bytes, uint32_t alignment,
                                         uint32_t bytes) {
  if (!realloc) return failure(ErrorCode::trap, "this call has no realloc option, but needs memory");
  engine::CoreValue values[4] = {
      {.u64 = old_pointer}, {.u64 = old_bytes}, {.u64 = alignment}, {.u64 = bytes}};
  instance.may_leave = false;
  WATTLE_CHECK(store.call(*realloc, values));
  instance.may_leave = true;
  return values[0].u32;
}

uint32_t CallContext::allocate(uint32_t alignment, uint64_t bytes, std::string_view what) {
  if (failed()) return 0;
  ContextMemory target(*this);
  auto allocated = wit::allocate_checked(target, alignment, bytes, what);
  if (allocated) return *allocated;
  fail(std::move(allocated).error());
  return 0;
}

// ---- Strings

std::string CallContext::lift_string(uint32_t pointer, uint32_t length) {
  const engine::MemoryView memory_view = view();
  auto text = wit::text_at({memory_view.base, memory_view.bytes}, encoding, {pointer, length});
  if (text) {
    if (!take_copy_budget(text->bytes.size())) return {};
    auto utf8 = wit::to_utf8(*text);
    if (utf8) return std::move(*utf8);
    fail(std::move(utf8).error());
  } else {
    fail(std::move(text).error());
  }
  return {};
}

std::string_view CallContext::view_string(uint32_t pointer, uint32_t length, std::string& storage) {
  if (encoding != wit::StringEncoding::utf8) return storage = lift_string(pointer, length);
  const engine::MemoryView memory_view = view();
  auto text = wit::text_at({memory_view.base, memory_view.bytes}, encoding, {pointer, length});
  if (!text) return fail(std::move(text).error()), std::string_view();
  if (auto valid = wit::validate_utf8(text->bytes); !valid)
    return fail(std::move(valid).error()), std::string_view();
  return {reinterpret_cast<const char*>(text->bytes.data()), text->bytes.size()};
}

wit::StringRange CallContext::lower_text(const wit::Text& text) {
  if (failed()) return {};
  ContextMemory target(*this);
  auto stored = wit::store_text(target, text);
  if (stored) return *stored;
  fail(std::move(stored).error());
  return {};
}

std::pair<uint32_t, uint32_t> CallContext::lower_string(std::string_view text) {
  const wit::StringRange range = lower_text(wit::text_of(text));
  return {range.address, range.tagged_length};
}

// ---- Handles

ResourceIndex CallContext::index_of(const ResourceType& type) const {
  const auto& resources = instance.resources;
  const auto found = std::find_if(resources.begin(), resources.end(),
                                  [&](const ResourceDefinition& each) { return each.type == &type; });
  return found == resources.end() ? kNoResource : static_cast<ResourceIndex>(found - resources.begin());
}

Handle* CallContext::find_handle(uint32_t handle, const ResourceType& type) {
  Handle* found = instance.handles.get(handle);
  if (found == nullptr) {
    trap(fmt::format("unknown handle index {}", handle));
  } else if (const ResourceType& actual = *instance.resources[found->resource].type; &actual != &type) {
    const bool same_side = actual.is_host == type.is_host;
    trap(fmt::format("handle index {} used with the wrong type, expected {} but found a {}{}", handle,
                     describe(type), same_side ? "different " : "", describe(actual)));
  } else {
    return found;
  }
  return nullptr;
}

Handle* CallContext::find_handle(uint32_t handle, ResourceIndex resource) {
  Handle* found = instance.handles.get(handle);
  if (found != nullptr && found->resource == resource) return found;
  return find_handle(handle, *instance.resources[resource].type);
}

uint32_t CallContext::add_handle(const Handle& handle) {
  if (failed()) return 0;
  const uint32_t index = instance.handles.add(handle);
  if (index == 0) trap(fmt::format("the handle table is full: {} handles", HandleTable::kMaxHandles));
  return index;
}

uint32_t CallContext::take_own(uint32_t index, const Handle* handle) {
  if (handle == nullptr) return 0;
  if (!handle->is_own()) return trap(fmt::format("handle index {} is a borrow, not an own", index)), 0;
  if (handle->lend_count != 0) return trap("cannot remove owned resource while borrowed"), 0;
  const uint32_t representation = handle->representation;
  instance.handles.remove(index);
  return representation;
}

uint32_t CallContext::lend(uint32_t index, const Handle* handle) {
  if (handle == nullptr) return 0;
  lenders.add(instance.handles, index);
  return handle->representation;
}

uint32_t CallContext::lift_own(uint32_t handle, const ResourceType& type) {
  return take_own(handle, find_handle(handle, type));
}

uint32_t CallContext::lift_own(uint32_t handle, ResourceIndex resource) {
  return take_own(handle, find_handle(handle, resource));
}

uint32_t CallContext::lift_borrow(uint32_t handle, const ResourceType& type) {
  return lend(handle, find_handle(handle, type));
}

uint32_t CallContext::lift_borrow(uint32_t handle, ResourceIndex resource) {
  return lend(handle, find_handle(handle, resource));
}

uint32_t CallContext::lower_own(uint32_t representation, const ResourceType& type) {
  const ResourceIndex resource = index_of(type);
  if (resource == kNoResource)
    return trap(fmt::format("the component does not import the resource \"{}\"", type.name)), 0;
  return lower_own(representation, resource);
}

uint32_t CallContext::lower_own(uint32_t representation, ResourceIndex resource) {
  return add_handle({.representation = representation, .resource = resource});
}

uint32_t CallContext::lower_borrow(uint32_t representation, ResourceIndex resource) {
  if (instance.resources[resource].definer == &instance) return representation;
  const uint32_t index =
      add_handle({.representation = representation, .resource = resource, .borrow_scope = task});
  if (index != 0) ++task->borrow_count;
  return index;
}

}  // namespace wattle::runtime
