// Calls from C++ into guests and back.

#include <algorithm>
#include <array>
#include <bit>

#include "engine/store_impl.h"
#include "engine/trap_message.h"

namespace wattle::engine {
namespace {

// Values of more parameters than this go to the heap.
constexpr size_t kInlineValues = 20;

using v8::internal::Address;
using v8::internal::Internals;

// Small integers are values, not objects, and a 32-bit integer always is one where pointers have 64 bits.
// V8's headers know how they are encoded, so neither making nor reading one needs a call.
constexpr bool kIntegersAreSmall = v8::internal::SmiValuesAre32Bits();

int32_t to_i32(v8::Local<v8::Value> value) {
  const Address bits = *reinterpret_cast<const Address*>(*value);
  if (!Internals::HasHeapObjectTag(bits)) return Internals::SmiValue(bits);
  return value.As<v8::Int32>()->Value();
}

// `room` holds the encoded integer for as long as the handle is used.
v8::Local<v8::Value> from_i32([[maybe_unused]] v8::Isolate* isolate, int32_t value, Address& room) {
  if constexpr (kIntegersAreSmall) {
    room = Internals::IntToSmi(value);
    return std::bit_cast<v8::Local<v8::Value>>(&room);
  } else {
    return v8::Integer::New(isolate, value);
  }
}

v8::Local<v8::Value> to_v8(v8::Isolate* isolate, CoreType type, const CoreValue& value) {
  switch (type) {
    case CoreType::i32:
      return v8::Integer::New(isolate, value.i32);
    case CoreType::i64:
      return v8::BigInt::New(isolate, value.i64);
    case CoreType::f32:
      return v8::Number::New(isolate, value.f32);
    case CoreType::f64:
      return v8::Number::New(isolate, value.f64);
    default:
      return v8::Null(isolate);
  }
}

void from_v8(CoreType type, v8::Local<v8::Value> from, CoreValue& value) {
  switch (type) {
    case CoreType::i32:
      value.u64 = static_cast<uint32_t>(to_i32(from));
      break;
    case CoreType::i64:
      value.i64 = from.As<v8::BigInt>()->Int64Value();
      break;
    case CoreType::f32:
      value.u64 = 0;
      value.f32 = static_cast<float>(from.As<v8::Number>()->Value());
      break;
    case CoreType::f64:
      value.f64 = from.As<v8::Number>()->Value();
      break;
    default:
      value.u64 = 0;
  }
}

// The arguments of one call: on the stack, unless there are many.
struct Arguments {
  explicit Arguments(size_t count) {
    if (count <= kInlineValues) return;
    many_handles.resize(count);
    many_rooms.resize(count);
    handles = many_handles.data();
    rooms = many_rooms.data();
  }
  Arguments(const Arguments&) = delete;
  Arguments& operator=(const Arguments&) = delete;

  // Not initialized: as many as the function has parameters are filled.
  alignas(v8::Local<v8::Value>) unsigned char few_handles[kInlineValues * sizeof(v8::Local<v8::Value>)];
  Address few_rooms[kInlineValues];
  std::vector<v8::Local<v8::Value>> many_handles;
  std::vector<Address> many_rooms;
  v8::Local<v8::Value>* handles = reinterpret_cast<v8::Local<v8::Value>*>(few_handles);
  Address* rooms = few_rooms;
};

bool read_results(v8::Local<v8::Context> context, const Signature& signature, v8::Local<v8::Value> result,
                  CoreValue* values) {
  auto list = result.As<v8::Object>();
  for (uint32_t index = 0; index < signature.results.size(); ++index) {
    v8::Local<v8::Value> item;
    if (!list->Get(context, index).ToLocal(&item)) return false;
    from_v8(signature.results[index], item, values[index]);
  }
  return true;
}

void return_results(const v8::FunctionCallbackInfo<v8::Value>& info, const Signature& signature,
                    const CoreValue* values) {
  v8::Isolate* isolate = info.GetIsolate();
  if (signature.results.size() == 1) {
    if (signature.results[0] == CoreType::i32) {
      info.GetReturnValue().Set(values[0].i32);
    } else {
      info.GetReturnValue().Set(to_v8(isolate, signature.results[0], values[0]));
    }
    return;
  }
  std::vector<v8::Local<v8::Value>> items;
  for (size_t index = 0; index < signature.results.size(); ++index) {
    items.push_back(to_v8(isolate, signature.results[index], values[index]));
  }
  info.GetReturnValue().Set(v8::Array::New(isolate, items.data(), items.size()));
}

// What V8 calls when a guest calls a host function. No exception may leave it.
void host_entry(const v8::FunctionCallbackInfo<v8::Value>& info) {
  auto& function = *static_cast<HostFunction*>(info.Data().As<v8::External>()->Value());
  Store::Impl& store = *function.store;
  const Signature& signature = function.signature;
  const size_t count = std::max(signature.parameters.size(), signature.results.size());
  std::array<CoreValue, kInlineValues> few;
  std::unique_ptr<CoreValue[]> many;
  CoreValue* values = few.data();
  if (count > kInlineValues) {
    many = std::make_unique<CoreValue[]>(count);
    values = many.get();
  }
  for (size_t index = 0; index < signature.parameters.size(); ++index) {
    from_v8(signature.parameters[index], info[static_cast<int>(index)], values[index]);
  }
  const bool returned = !store.stop && function.callback(function.context, values);
  if (!returned && !store.stop) {
    store.stop = store.trap_error ? *std::exchange(store.trap_error, std::nullopt)
                                  : Error(ErrorCode::trap, "a function of the host refused to go on");
  }
  if (store.find_reason_to_stop()) [[unlikely]]
    return store.stop_guest();
  if (!signature.results.empty()) return_results(info, signature, values);
}

}  // namespace

Result<void> Store::call(FunctionHandle handle, CoreValue* values) {
  Impl& store = *impl_;
  FunctionEntry& function = store.functions[handle.index];
  if (store.find_reason_to_stop()) [[unlikely]]
    return failure(*store.stop);
  if (!function.callable) [[unlikely]] {
    return failure(ErrorCode::unsupported,
                   "a function with vector or reference types cannot be called from outside");
  }
  v8::Isolate* isolate = store.isolate.get();
  v8::HandleScope handles(isolate);
  const Signature& signature = function.signature;
  const size_t count = signature.parameters.size();
  Arguments arguments(count);
  for (size_t index = 0; index < count; ++index) {
    const CoreType type = signature.parameters[index];
    arguments.handles[index] = type == CoreType::i32
                                   ? from_i32(isolate, values[index].i32, arguments.rooms[index])
                                   : to_v8(isolate, type, values[index]);
  }
  v8::TryCatch caught(isolate);
  caught.SetCaptureMessage(false);
  ++store.depth;
  auto context = local(store.context);
  auto called = local(function.function)
                    ->Call(context, v8::Undefined(isolate), static_cast<int>(count), arguments.handles);
  --store.depth;
  v8::Local<v8::Value> result;
  if (!called.ToLocal(&result)) [[unlikely]]
    return failure(store.call_failed(caught));
  if (store.terminating && store.depth == 0) [[unlikely]]
    store.clear_termination();
  if (signature.results.size() == 1) {
    from_v8(signature.results[0], result, values[0]);
  } else if (!signature.results.empty() && !read_results(context, signature, result, values)) {
    return failure(store.call_failed(caught));
  }
  return {};
}

void Store::Impl::clear_termination() {
  isolate->CancelTerminateExecution();
  terminating = false;
}

Error Store::Impl::call_failed(const v8::TryCatch& caught) {
  if (terminating || caught.HasTerminated()) {
    broken = broken || !stop;
    Error error = stop ? *stop : Error(ErrorCode::internal, "V8 ended the guest without a reason");
    if (depth == 0) clear_termination();
    return error;
  }
  return trap_error_of(exception_text(isolate.get(), caught));
}

Extern Store::make_host_function(const Signature& signature, HostCallback callback, void* context) {
  return impl_->make_host_function(signature, callback, context);
}

Extern Store::Impl::make_host_function(const Signature& signature, HostCallback callback,
                                       void* host_context) {
  v8::HandleScope handles(isolate.get());
  auto& host = host_functions.emplace_back(HostFunction{this, callback, host_context, signature});
  auto function =
      v8::Function::New(local(context), host_entry, v8::External::New(isolate.get(), &host),
                        static_cast<int>(signature.parameters.size()), v8::ConstructorBehavior::kThrow)
          .ToLocalChecked();
  return {ExternKind::function, add_function(function, signature)};
}

}  // namespace wattle::engine
