// Values between a guest's memory or core values and the host: lift makes a Value, lower takes one apart. For
// calls whose types are known only at run time, and for tests; calls between components copy from memory to
// memory in src/runtime.
//
// Clauses: CanonicalABI.md "Loading", "Storing", "Flat Lifting", "Flat Lowering", "Lifting and Lowering
// Values".
//
//   Codec codec{.memory = &memory, .handles = &handles};
//   WATTLE_TRY(Values arguments, codec.lift_parameters(layout, core_values));
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "wit/layout.h"
#include "wit/memory.h"
#include "wit/value.h"

namespace wattle::wit {

// MAX_LIST_BYTE_LENGTH
inline constexpr uint64_t kMaxListBytes = (uint64_t{1} << 28) - 1;

// How handles cross: the runtime's handle tables, or a test's.
class HandleTranslator {
 public:
  virtual ~HandleTranslator() = default;
  // From the guest's table. Own: moves the handle out (lift_own). Borrow: lends it (lift_borrow).
  virtual Result<HandleValue> lift_handle(Kind kind, ResourceId resource, uint32_t index) = 0;
  // Into the guest's table: what the guest gets (lower_own, lower_borrow).
  virtual Result<uint32_t> lower_handle(Kind kind, ResourceId resource, const HandleValue& handle) = 0;
};

// A core value as its bits: i32 and f32 in the low half, upper half zero.
using FlatValue = uint64_t;

struct Codec {
  Memory* memory = nullptr;             // may be null where no type has a pointer and nothing is in memory
  HandleTranslator* handles = nullptr;  // may be null where no type has a handle
  bool canonicalize_nan = false;        // lift every NaN as the canonical one
  // Host memory that lifting may take, in bytes: lists that overlap in a small guest memory can stand for far
  // more than that memory. Counts down; when it is used up, lifting traps.
  uint64_t budget_bytes = uint64_t{1} << 30;

  // One value in memory, at `address`. Checks alignment and bounds.
  Result<Value> load(const Layout& layout, uint32_t address);
  Result<void> store(const Layout& layout, const Value& value, uint32_t address);

  // One value in flat form, of layout.flat.size() core values, which must be at most kMaxFlatParameters.
  Result<Value> lift_flat(const Layout& layout, std::span<const FlatValue> flat);
  Result<std::vector<FlatValue>> lower_flat(const Layout& layout, const Value& value);

  // The parameters or the result of a whole function, on either side: flat, or, past the limits, in memory.
  // Lifting takes what the core call carries: flat values or one pointer.
  Result<Values> lift_parameters(const FunctionLayout& function, std::span<const FlatValue> core);
  Result<Value> lift_result(const FunctionLayout& function, std::span<const FlatValue> core);
  // Lowering parameters past the limit allocates; returns the core values of the call without a return
  // pointer.
  Result<std::vector<FlatValue>> lower_parameters(const FunctionLayout& function, const Values& parameters);
  // A result that goes through memory is stored at `return_address`, which the caller gave; then no core
  // values.
  Result<std::vector<FlatValue>> lower_result(const FunctionLayout& function, const Value& result,
                                              uint32_t return_address);
};

}  // namespace wattle::wit
