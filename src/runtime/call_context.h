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
#include "runtime/host.h"
#include "wit/strings.h"

namespace wattle::runtime {

class ComponentInstance;  // handle table and flags of one component instance

class CallContext {
 public:
  CallContext(engine::Store& its_store, ComponentInstance& its_instance, Host& its_host)
      : store(its_store), instance(its_instance), host(its_host) {}

  engine::Store& store;
  ComponentInstance& instance;
  Host& host;
  std::optional<engine::MemoryHandle> memory;
  std::optional<engine::FunctionHandle> realloc;
  wit::StringEncoding encoding = wit::StringEncoding::utf8;

  // The bytes [pointer, pointer + bytes) if they are aligned and inside the memory; else fails with a trap
  // and returns null. The address holds until guest code runs. `alignment` is a power of two.
  uint8_t* at(uint32_t pointer, uint64_t bytes, uint32_t alignment);
  // Calls realloc(0, 0, alignment, bytes) and checks what it returns. 0 and failed() when it trapped or lied.
  uint32_t allocate(uint32_t alignment, uint64_t bytes);

  // Strings. `length` is as the encoding counts it (with Latin-1+UTF-16's tag bit).
  std::string lift_string(uint32_t pointer, uint32_t length);
  // The same without a copy where the guest's encoding is UTF-8; `storage` keeps it otherwise.
  std::string_view view_string(uint32_t pointer, uint32_t length, std::string& storage);
  // `text` must be UTF-8. Returns pointer and length.
  std::pair<uint32_t, uint32_t> lower_string(std::string_view text);

  // Handles of host resources: from the guest's handle table to the representation, and back. Failing, they
  // return 0.
  uint32_t lift_own(uint32_t handle, const ResourceType& type);
  uint32_t lift_borrow(uint32_t handle, const ResourceType& type);
  uint32_t lower_own(uint32_t representation, const ResourceType& type);

  void fail(Error error) {
    if (!error_) error_.emplace(std::move(error));
  }
  void trap(std::string_view message) { fail(Error(ErrorCode::trap, std::string(message))); }
  bool failed() const { return error_.has_value(); }
  const std::optional<Error>& error() const { return error_; }
  std::optional<Error> take_error() { return std::exchange(error_, std::nullopt); }

 private:
  std::optional<Error> error_;
};

}  // namespace wattle::runtime
