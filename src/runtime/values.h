// Run-time values of a call: between wit::Value and a guest, with its memory and handles. Errors: trap (the
// guest's fault), invalid_argument (a value that is not of the type).
#pragma once

#include <optional>
#include <span>

#include "runtime/call_context.h"
#include "wit/codec.h"
#include "wit/layout.h"
#include "wit/value.h"

namespace wattle::runtime {

// The call's memory as wit's algorithms use it.
class ContextMemory final : public wit::Memory {
 public:
  explicit ContextMemory(CallContext& context) : context_(context) {}
  std::span<uint8_t> bytes() override {
    const engine::MemoryView view = context_.view();
    return {view.base, view.bytes};
  }
  Result<uint32_t> reallocate(uint32_t old_pointer, uint32_t old_bytes, uint32_t alignment,
                              uint32_t bytes) override {
    return context_.reallocate(old_pointer, old_bytes, alignment, bytes);
  }
  wit::StringEncoding string_encoding() const override { return context_.encoding; }

 private:
  CallContext& context_;
};

// `core`: what the core call carries; for results, room for one more (see lower_result).
Result<wit::Values> lift_parameters(CallContext& context, const wit::FunctionLayout& layout,
                                    const engine::CoreValue* core);
Result<std::optional<wit::Value>> lift_result(CallContext& context, const wit::FunctionLayout& layout,
                                              const engine::CoreValue* core);
Result<void> lower_parameters(CallContext& context, const wit::FunctionLayout& layout,
                              std::span<const wit::Value> arguments, engine::CoreValue* core);
// `return_pointer`: where the caller wants a result that goes through memory.
Result<void> lower_result(CallContext& context, const wit::FunctionLayout& layout,
                          const std::optional<wit::Value>& result, uint32_t return_pointer,
                          engine::CoreValue* core);

}  // namespace wattle::runtime
