// Makes a host function of a C++ callable:
//
//   bind([](Host& host, OutputStream& stream, std::span<const uint8_t> bytes) -> tl::expected<void,
//   StreamError> {...})
//
// The first parameter is Host&; the others and the result follow the table in abi.h, and `R&` may stand for
// `R*`. A callable that returns Result<T> (wattle's own error type) traps the guest with that error. The
// callable may wait (its fiber suspends); views into guest memory stay valid meanwhile, since the guest does
// not run.
#pragma once

#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "runtime/abi.h"

namespace wattle::runtime {

// A host function as the linker keeps it. `call` lifts from `values`, runs, and lowers into `values`; on
// failure the context has the error.
struct HostFunction {
  std::shared_ptr<const void> closure;
  void (*call)(const void* closure, CallContext& context, engine::CoreValue* values) = nullptr;
  // Of the lowered function, as the guest imports it: must equal the import's layout.
  std::vector<wit::FlatType> lowered_parameters;
  std::vector<wit::FlatType> lowered_results;
  // Sizes in memory of the parameters as one record and of the result, by which tests see what the core
  // signature hides behind a pointer.
  uint32_t parameter_bytes = 0;
  uint32_t result_bytes = 0;
};

namespace bind_detail {

// How an argument is kept between lifting and calling, and handed over.
template <class T>
struct Parameter {
  using Stored = T;
  static T&& pass(T& value) { return std::move(value); }
};
template <class T>
struct Parameter<const T&> {
  using Stored = T;
  static const T& pass(T& value) { return value; }
};
template <class T>
  requires std::derived_from<T, HostResource>
struct Parameter<T&> {
  using Stored = T*;
  static T& pass(T*& value) { return *value; }
};
template <>
struct Parameter<std::string_view> {
  using Stored = std::string;
  static std::string_view pass(std::string& value) { return value; }
};

template <class T>
struct IsWattleResult : std::false_type {
  using Value = T;
};
template <class T>
struct IsWattleResult<Result<T>> : std::true_type {
  using Value = T;
};

template <class Signature>
struct Traits;
template <class F, class R, class... Args>
struct Traits<R (F::*)(Host&, Args...) const> {
  using Returned = R;
  using Value = typename IsWattleResult<R>::Value;
  using Stored = std::tuple<typename Parameter<Args>::Stored...>;
  using Parameters = ProductAbi<typename Parameter<Args>::Stored...>;
  template <class Callable>
  static R apply(const Callable& callable, Host& host, Stored& stored) {
    return [&]<size_t... I>(std::index_sequence<I...>) -> R {
      return callable(host, Parameter<Args>::pass(std::get<I>(stored))...);
    }(std::index_sequence_for<Args...>{});
  }
};

template <class Value>
constexpr size_t result_flat_count() {
  if constexpr (std::is_void_v<Value>)
    return 0;
  else
    return Abi<Value>::kFlat.size();
}

template <class Parameters>
auto lift_parameters(CallContext& context, const engine::CoreValue*& values) {
  if constexpr (Parameters::kFlatCount > wit::kMaxFlatParameters) {
    const uint32_t pointer = (values++)->u32;
    const uint8_t* address = context.at(pointer, Parameters::kSize, Parameters::kAlignment);
    static constexpr uint8_t kNothing[Parameters::kSize + 1] = {};
    return Parameters::load_all(context, address == nullptr ? kNothing : address);
  } else {
    return Parameters::lift_all(context, values);
  }
}

// `return_pointer` is the guest's last argument where the result does not fit in one flat value.
template <class Value>
void lower_result(CallContext& context, Value value, uint32_t return_pointer, engine::CoreValue* values) {
  if constexpr (result_flat_count<Value>() > wit::kMaxFlatResults) {
    if (context.at(return_pointer, Abi<Value>::kSize, Abi<Value>::kAlignment) == nullptr) return;
    Abi<Value>::store(context, std::move(value), return_pointer);
  } else {
    Abi<Value>::lower(context, std::move(value), values);
  }
}

template <class Callable>
void call_bound(const void* closure, CallContext& context, engine::CoreValue* values) {
  using T = Traits<decltype(&Callable::operator())>;
  using Value = typename T::Value;
  const engine::CoreValue* cursor = values;
  auto arguments = lift_parameters<typename T::Parameters>(context, cursor);
  [[maybe_unused]] const uint32_t return_pointer =
      result_flat_count<Value>() > wit::kMaxFlatResults ? cursor->u32 : 0;
  if (context.failed()) return;
  const Callable& callable = *static_cast<const Callable*>(closure);
  if constexpr (IsWattleResult<typename T::Returned>::value) {
    auto result = T::apply(callable, context.host, arguments);
    if (!result) return context.fail(std::move(result).error());
    if constexpr (!std::is_void_v<Value>)
      lower_result<Value>(context, std::move(*result), return_pointer, values);
  } else if constexpr (std::is_void_v<Value>) {
    T::apply(callable, context.host, arguments);
  } else {
    lower_result<Value>(context, T::apply(callable, context.host, arguments), return_pointer, values);
  }
}

}  // namespace bind_detail

template <class Callable>
HostFunction bind(Callable callable) {
  using T = bind_detail::Traits<decltype(&Callable::operator())>;
  using Value = typename T::Value;
  HostFunction function;
  function.closure = std::make_shared<const Callable>(std::move(callable));
  function.call = bind_detail::call_bound<Callable>;
  if constexpr (T::Parameters::kFlatCount > wit::kMaxFlatParameters) {
    function.lowered_parameters = {FlatType::i32};
  } else {
    function.lowered_parameters.assign(T::Parameters::kFlat.begin(), T::Parameters::kFlat.end());
  }
  function.parameter_bytes = T::Parameters::kSize;
  if constexpr (!std::is_void_v<Value>) function.result_bytes = Abi<Value>::kSize;
  if constexpr (bind_detail::result_flat_count<Value>() > wit::kMaxFlatResults) {
    function.lowered_parameters.push_back(FlatType::i32);
  } else if constexpr (!std::is_void_v<Value>) {
    function.lowered_results.assign(Abi<Value>::kFlat.begin(), Abi<Value>::kFlat.end());
  }
  return function;
}

}  // namespace wattle::runtime
