// One side of a call for the canonical ABI: a component instance's memory, realloc, string encoding and
// handles, as the canonical options of the lift or lower at hand name them.
//
// Errors are sticky: the first fail() wins, later operations do nothing sensible but stay in bounds, and
// whoever runs the call looks at failed() before guest code goes on. So lifting code reads without a branch
// per field.
//
// Clauses: CanonicalABI.md "Loading", "Storing", "Lifting", "Lowering", "LiftLowerContext".
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "engine/engine.h"
#include "runtime/handle_table.h"
#include "runtime/host.h"
#include "wit/strings.h"

namespace wattle::runtime {

// Canonical options of a live instance.
struct LiveOptions {
  std::optional<engine::MemoryHandle> memory = {};
  std::optional<engine::FunctionHandle> realloc = {}, post_return = {};
  wit::StringEncoding encoding = wit::StringEncoding::utf8;
};

class CallContext {
 public:
  CallContext(engine::Store& entered_store, ComponentInstance& component_instance, Host& host_state,
              const LiveOptions& options = {})
      : store(entered_store),
        instance(component_instance),
        host(host_state),
        memory(options.memory),
        realloc(options.realloc),
        encoding(options.encoding) {}

  engine::Store& store;
  ComponentInstance& instance;
  Host& host;
  std::optional<engine::MemoryHandle> memory;
  std::optional<engine::FunctionHandle> realloc;
  wit::StringEncoding encoding = wit::StringEncoding::utf8;
  Task* task = nullptr;  // the call that borrow handles are lowered for: on the callee's side only
  Lenders lenders;       // the handles that were lent by lifting borrows: on the caller's side only

  // The bytes [pointer, pointer + bytes) if they are aligned and inside the memory; else fails with a trap
  // and returns null. The address holds until guest code runs. `alignment` is a power of two.
  uint8_t* at(uint32_t pointer, uint64_t bytes, uint32_t alignment);
  // All bytes, as of now.
  engine::MemoryView view() const { return memory ? store.view(*memory) : engine::MemoryView{}; }
  // Calls realloc(0, 0, alignment, bytes) and checks what it returns. 0 and failed() when it trapped or lied.
  // `what` is "list", "string" or "value", for the message.
  uint32_t allocate(uint32_t alignment, uint64_t bytes, std::string_view what = "list");
  // Calls realloc, with the instance shut for calls out of it; the result is not checked.
  Result<uint32_t> reallocate(uint32_t old_pointer, uint32_t old_bytes, uint32_t alignment, uint32_t bytes);

  // Strings. `length` is as the encoding counts it (with Latin-1+UTF-16's tag bit).
  std::string lift_string(uint32_t pointer, uint32_t length);
  // The same without a copy where the guest's encoding is UTF-8; `storage` keeps it otherwise.
  std::string_view view_string(uint32_t pointer, uint32_t length, std::string& storage);
  // `text` must be UTF-8. Returns pointer and length.
  std::pair<uint32_t, uint32_t> lower_string(std::string_view text);
  // Text of any encoding, which must not lie in this context's memory.
  wit::StringRange lower_text(const wit::Text& text);

  // Handles of host resources: from the guest's handle table to the representation, and back. Failing, they
  // return 0.
  uint32_t lift_own(uint32_t handle, const ResourceType& type);
  uint32_t lift_borrow(uint32_t handle, const ResourceType& type);
  uint32_t lower_own(uint32_t representation, const ResourceType& type);

  // The same for any resource, by its index in the plan. A borrow that is lowered into the component that
  // defines the resource is the representation itself, no handle.
  uint32_t lift_own(uint32_t handle, ResourceIndex resource);
  uint32_t lift_borrow(uint32_t handle, ResourceIndex resource);
  uint32_t lower_own(uint32_t representation, ResourceIndex resource);
  uint32_t lower_borrow(uint32_t representation, ResourceIndex resource);
  // The handle, if it is of that type; else fails and returns null.
  Handle* find_handle(uint32_t handle, ResourceIndex resource);

  // What one call may copy out of a guest's memory into the host. Lists and strings that overlap would
  // otherwise multiply the guest's memory in the host's. False: failed.
  bool take_copy_budget(uint64_t bytes) {
    if (bytes <= copy_budget_bytes_) {
      copy_budget_bytes_ -= bytes;
      return true;
    }
    fail(Error(ErrorCode::memory_exceeded, "the guest passes more than the host copies in one call"));
    return false;
  }

  void fail(Error error) {
    if (!error_) error_.emplace(std::move(error));
  }
  void trap(std::string_view message) { fail(Error(ErrorCode::trap, std::string(message))); }
  bool failed() const { return error_.has_value(); }
  const std::optional<Error>& error() const { return error_; }
  std::optional<Error> take_error() { return std::exchange(error_, std::nullopt); }

 private:
  ResourceIndex index_of(const ResourceType& type) const;
  Handle* find_handle(uint32_t handle, const ResourceType& type);
  uint32_t add_handle(const Handle& handle);
  uint32_t take_own(uint32_t index, const Handle* handle);
  uint32_t lend(uint32_t index, const Handle* handle);

  uint64_t copy_budget_bytes_ = uint64_t{64} << 20;
  std::optional<Error> error_;
};

}  // namespace wattle::runtime
