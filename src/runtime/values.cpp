#include "runtime/values.h"

#include <array>

namespace wattle::runtime {
namespace {

using engine::CoreValue;

class ContextHandles final : public wit::HandleTranslator {
 public:
  explicit ContextHandles(CallContext& context) : context_(context) {}

  Result<wit::HandleValue> lift_handle(wit::Kind kind, wit::ResourceId resource, uint32_t index) override {
    const bool is_own = kind == wit::Kind::own;
    const uint32_t representation =
        is_own ? context_.lift_own(index, resource) : context_.lift_borrow(index, resource);
    if (context_.failed()) return failure(*context_.take_error());
    return wit::HandleValue{is_own, representation, context_.instance.resources[resource].type};
  }

  Result<uint32_t> lower_handle(wit::Kind kind, wit::ResourceId resource,
                                const wit::HandleValue& handle) override {
    const ResourceType* type = context_.instance.resources[resource].type;
    if (handle.resource_type != type)
      return failure(ErrorCode::invalid_argument,
                     "the handle is not one of the resource \"{}\" of this instance", type->name);
    const uint32_t lowered = kind == wit::Kind::own ? context_.lower_own(handle.representation, resource)
                                                    : context_.lower_borrow(handle.representation, resource);
    if (context_.failed()) return failure(*context_.take_error());
    return lowered;
  }

 private:
  CallContext& context_;
};

// The parts of a codec, at fixed addresses for one operation.
struct ContextCodec {
  explicit ContextCodec(CallContext& context) : memory(context), handles(context) {
    codec.memory = context.memory ? &memory : nullptr;
    codec.handles = &handles;
  }
  ContextMemory memory;
  ContextHandles handles;
  wit::Codec codec;
};

using FlatBits = std::array<wit::FlatValue, wit::kMaxFlatParameters + 1>;

std::span<const wit::FlatValue> bits_of(const CoreValue* core, size_t count, FlatBits& bits) {
  for (size_t index = 0; index < count; ++index) bits[index] = core[index].u64;
  return {bits.data(), count};
}

void put_bits(const std::vector<wit::FlatValue>& bits, CoreValue* core) {
  for (size_t index = 0; index < bits.size(); ++index) core[index].u64 = bits[index];
}

}  // namespace

Result<wit::Values> lift_parameters(CallContext& context, const wit::FunctionLayout& layout,
                                    const CoreValue* core) {
  FlatBits bits;
  return ContextCodec(context).codec.lift_parameters(layout,
                                                     bits_of(core, layout.lifted_parameters.size(), bits));
}

Result<std::optional<wit::Value>> lift_result(CallContext& context, const wit::FunctionLayout& layout,
                                              const CoreValue* core) {
  if (layout.result == nullptr) return std::nullopt;
  FlatBits bits;
  ContextCodec parts(context);
  WATTLE_TRY(wit::Value value,
             parts.codec.lift_result(layout, bits_of(core, layout.lifted_results.size(), bits)));
  return std::optional<wit::Value>(std::move(value));
}

Result<void> lower_parameters(CallContext& context, const wit::FunctionLayout& layout,
                              std::span<const wit::Value> arguments, CoreValue* core) {
  ContextCodec parts(context);
  WATTLE_TRY(auto bits,
             parts.codec.lower_parameters(layout, wit::Values(arguments.begin(), arguments.end())));
  put_bits(bits, core);
  return {};
}

Result<void> lower_result(CallContext& context, const wit::FunctionLayout& layout,
                          const std::optional<wit::Value>& result, uint32_t return_pointer, CoreValue* core) {
  if (result.has_value() != (layout.result != nullptr))
    return failure(ErrorCode::internal, "the host function's result does not fit its type: {}",
                   result ? "the type has none" : "it is missing");
  if (!result) return {};
  ContextCodec parts(context);
  WATTLE_TRY(auto bits, parts.codec.lower_result(layout, *result, return_pointer));
  put_bits(bits, core);
  return {};
}

}  // namespace wattle::runtime
