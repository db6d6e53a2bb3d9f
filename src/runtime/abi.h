// The canonical ABI for C++ types, at compile time: how a host function's parameters are lifted from a guest
// and its result is lowered, without a Value in between.
//
//   WIT                     C++
//   bool, u8 ... s64        bool, uint8_t ... int64_t
//   f32, f64, char          float, double, char32_t
//   string                  std::string; as a parameter also std::string_view
//   list<T>                 std::vector<T>; list<u8> also std::span<const uint8_t> (a view, valid during the
//   call) option<T>, tuple<...>   std::optional<T>, std::tuple<...> result<T, E>            tl::expected<T,
//   E>; a missing T is void, a missing E is std::monostate variant                 std::variant, one
//   alternative a case, std::monostate for a case without payload enum                    enum class of any
//   width, with kCaseCount<E> specialised flags                   Flags<N> record                  an
//   aggregate struct, fields in order, at most 8 own<R>, borrow<R>       std::unique_ptr<R>, R*
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <optional>
#include <span>
#include <tuple>
#include <type_traits>
#include <variant>

#include "base/shape.h"
#include "runtime/call_context.h"
#include "wit/layout.h"

namespace wattle::runtime {

using engine::CoreValue;
using wit::FlatType;

// Abi<T>: kSize and kAlignment in bytes, kFlat (core types of the flat form), and
//   lift(context, values)          from flat values, advancing `values`
//   lower(context, value, values)  to flat values, advancing `values`
//   load(context, address)         from memory that was checked for kSize and kAlignment
//   store(context, value, pointer) to guest memory at `pointer`; may run guest code (realloc)
template <class T>
struct Abi;

namespace abi_detail {

constexpr uint32_t align_up(uint32_t offset, uint32_t alignment) {
  return (offset + alignment - 1) / alignment * alignment;
}

constexpr FlatType join(FlatType left, FlatType right) {
  if (left == right) return left;
  auto narrow = [](FlatType type) { return type == FlatType::i32 || type == FlatType::f32; };
  return narrow(left) && narrow(right) ? FlatType::i32 : FlatType::i64;
}

constexpr uint32_t discriminant_bytes(size_t cases) {
  return cases <= 256 ? 1 : cases <= 65536 ? 2 : 4;
}

inline uint32_t load_discriminant(const uint8_t* address, uint32_t bytes) {
  uint32_t value = 0;
  std::memcpy(&value, address, bytes);
  return value;
}

// Writes `bytes` bytes of `value` at `pointer`, looking the memory up anew: realloc may have run since.
inline void store_bytes(CallContext& context, uint32_t pointer, const void* value, uint32_t bytes) {
  if (uint8_t* address = context.at(pointer, bytes, 1)) std::memcpy(address, value, bytes);
}

}  // namespace abi_detail

// ---- Scalars

template <class T>
concept Scalar = std::integral<T> || std::floating_point<T>;

template <Scalar T>
struct Abi<T> {
  static constexpr uint32_t kSize = sizeof(T) == 0 ? 1 : sizeof(T);
  static constexpr uint32_t kAlignment = kSize;
  static constexpr std::array<FlatType, 1> kFlat = {std::same_as<T, float>    ? FlatType::f32
                                                    : std::same_as<T, double> ? FlatType::f64
                                                    : sizeof(T) == 8          ? FlatType::i64
                                                                              : FlatType::i32};

  static T check(CallContext& context, T value) {
    if constexpr (std::same_as<T, char32_t>) {
      if (value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) {
        context.trap("invalid `char` bit pattern");
        return U' ';
      }
    }
    return value;
  }
  static T lift(CallContext& context, const CoreValue*& values) {
    const CoreValue value = *values++;
    if constexpr (std::same_as<T, bool>)
      return value.u32 != 0;
    else if constexpr (std::same_as<T, float>)
      return value.f32;
    else if constexpr (std::same_as<T, double>)
      return value.f64;
    else if constexpr (sizeof(T) == 8)
      return static_cast<T>(value.u64);
    else
      return check(context, static_cast<T>(value.u32));
  }
  static void lower(CallContext&, T value, CoreValue*& values) {
    CoreValue& slot = *values++;
    slot.u64 = 0;
    if constexpr (std::same_as<T, float>)
      slot.f32 = value;
    else if constexpr (std::same_as<T, double>)
      slot.f64 = value;
    else if constexpr (sizeof(T) == 8)
      slot.u64 = static_cast<uint64_t>(value);
    else if constexpr (std::signed_integral<T>)
      slot.i32 = static_cast<int32_t>(value);
    else
      slot.u32 = static_cast<uint32_t>(value);
  }
  static T load(CallContext& context, const uint8_t* address) {
    if constexpr (std::same_as<T, bool>) {
      return *address != 0;
    } else {
      T value;
      std::memcpy(&value, address, sizeof(T));
      return check(context, value);
    }
  }
  static void store(CallContext& context, T value, uint32_t pointer) {
    abi_detail::store_bytes(context, pointer, &value, sizeof(T));
  }
};

// ---- Enumerations and flags

template <class E>
  requires std::is_enum_v<E>
struct Abi<E> {
  static_assert(kCaseCount<E> > 0, "specialise kCaseCount for this enumeration");
  static constexpr uint32_t kSize = abi_detail::discriminant_bytes(kCaseCount<E>);
  static constexpr uint32_t kAlignment = kSize;
  static constexpr std::array<FlatType, 1> kFlat = {FlatType::i32};

  static E check(CallContext& context, uint32_t value) {
    if (value >= kCaseCount<E>) {
      context.trap("unexpected discriminant: " + std::to_string(value));
      value = 0;
    }
    return static_cast<E>(value);
  }
  static E lift(CallContext& context, const CoreValue*& values) { return check(context, (values++)->u32); }
  static void lower(CallContext&, E value, CoreValue*& values) {
    (values++)->u64 = static_cast<uint32_t>(value);
  }
  static E load(CallContext& context, const uint8_t* address) {
    return check(context, abi_detail::load_discriminant(address, kSize));
  }
  static void store(CallContext& context, E value, uint32_t pointer) {
    const uint32_t index = static_cast<uint32_t>(value);
    abi_detail::store_bytes(context, pointer, &index, kSize);
  }
};

template <uint32_t N>
struct Abi<Flags<N>> {
  static_assert(N >= 1 && N <= 32);
  static constexpr uint32_t kSize = N <= 8 ? 1 : N <= 16 ? 2 : 4;
  static constexpr uint32_t kAlignment = kSize;
  static constexpr std::array<FlatType, 1> kFlat = {FlatType::i32};
  static constexpr uint32_t kMask = N == 32 ? 0xffffffffu : (1u << N) - 1;

  static Flags<N> lift(CallContext&, const CoreValue*& values) { return {(values++)->u32 & kMask}; }
  static void lower(CallContext&, Flags<N> value, CoreValue*& values) { (values++)->u64 = value.bits; }
  static Flags<N> load(CallContext&, const uint8_t* address) {
    return {abi_detail::load_discriminant(address, kSize) & kMask};
  }
  static void store(CallContext& context, Flags<N> value, uint32_t pointer) {
    abi_detail::store_bytes(context, pointer, &value.bits, kSize);
  }
};

// ---- Strings and lists: pointer and length

struct PairAbi {
  static constexpr uint32_t kSize = 8;
  static constexpr uint32_t kAlignment = 4;
  static constexpr std::array<FlatType, 2> kFlat = {FlatType::i32, FlatType::i32};
  struct Pair {
    uint32_t pointer = 0;
    uint32_t length = 0;
  };
  static Pair lift_pair(const CoreValue*& values) {
    Pair pair{values[0].u32, values[1].u32};
    values += 2;
    return pair;
  }
  static void lower_pair(Pair pair, CoreValue*& values) {
    (values++)->u64 = pair.pointer;
    (values++)->u64 = pair.length;
  }
  static Pair load_pair(const uint8_t* address) {
    Pair pair;
    std::memcpy(&pair, address, sizeof pair);
    return pair;
  }
  static void store_pair(CallContext& context, Pair pair, uint32_t pointer) {
    abi_detail::store_bytes(context, pointer, &pair, sizeof pair);
  }
};

template <>
struct Abi<std::string> : PairAbi {
  static std::string lift_from(CallContext& context, Pair pair) {
    return context.lift_string(pair.pointer, pair.length);
  }
  static Pair lower_to(CallContext& context, std::string_view text) {
    auto [pointer, length] = context.lower_string(text);
    return {pointer, length};
  }
  static std::string lift(CallContext& context, const CoreValue*& values) {
    return lift_from(context, lift_pair(values));
  }
  static void lower(CallContext& context, std::string_view text, CoreValue*& values) {
    lower_pair(lower_to(context, text), values);
  }
  static std::string load(CallContext& context, const uint8_t* address) {
    return lift_from(context, load_pair(address));
  }
  static void store(CallContext& context, std::string_view text, uint32_t pointer) {
    store_pair(context, lower_to(context, text), pointer);
  }
};

template <class T>
struct ListAbi : PairAbi {
  static std::vector<T> lift_from(CallContext& context, Pair pair) {
    const uint8_t* address =
        context.at(pair.pointer, uint64_t{pair.length} * Abi<T>::kSize, Abi<T>::kAlignment);
    std::vector<T> list;
    if (address == nullptr || !context.take_copy_budget(uint64_t{pair.length} * sizeof(T))) return list;
    if constexpr (Scalar<T> && !std::same_as<T, bool> && !std::same_as<T, char32_t>) {
      list.resize(pair.length);
      if (pair.length > 0) std::memcpy(list.data(), address, size_t{pair.length} * sizeof(T));
      return list;
    }
    list.reserve(pair.length);
    for (uint32_t index = 0; index < pair.length && !context.failed(); ++index)
      list.push_back(Abi<T>::load(context, address + size_t{index} * Abi<T>::kSize));
    return list;
  }
  template <class List>
  static Pair lower_to(CallContext& context, List&& list) {
    const uint64_t bytes = uint64_t{list.size()} * Abi<T>::kSize;
    if (bytes > 0x7fffffff) {
      context.trap("list too long for the guest's memory");
      return {};
    }
    const uint32_t pointer = context.allocate(Abi<T>::kAlignment, bytes);
    if (context.failed()) return {};
    if constexpr (Scalar<T> && !std::same_as<T, bool> && !std::same_as<T, char32_t>) {
      if (bytes > 0) abi_detail::store_bytes(context, pointer, list.data(), static_cast<uint32_t>(bytes));
    } else {
      uint32_t at = pointer;
      for (auto& item : list) {
        Abi<T>::store(context, std::move(item), at);
        at += Abi<T>::kSize;
      }
    }
    return {pointer, static_cast<uint32_t>(list.size())};
  }
  static std::vector<T> lift(CallContext& context, const CoreValue*& values) {
    return lift_from(context, PairAbi::lift_pair(values));
  }
  template <class List>
  static void lower(CallContext& context, List&& list, CoreValue*& values) {
    PairAbi::lower_pair(lower_to(context, std::forward<List>(list)), values);
  }
  static std::vector<T> load(CallContext& context, const uint8_t* address) {
    return lift_from(context, PairAbi::load_pair(address));
  }
  template <class List>
  static void store(CallContext& context, List&& list, uint32_t pointer) {
    PairAbi::store_pair(context, lower_to(context, std::forward<List>(list)), pointer);
  }
};

template <class T>
struct Abi<std::vector<T>> : ListAbi<T> {};

// Bytes without a copy on the way in; a span of the host's own bytes on the way out.
template <>
struct Abi<std::span<const uint8_t>> : ListAbi<uint8_t> {
  using View = std::span<const uint8_t>;
  static View lift_from(CallContext& context, Pair pair) {
    const uint8_t* address = context.at(pair.pointer, pair.length, 1);
    return address == nullptr ? View{} : View{address, pair.length};
  }
  static View lift(CallContext& context, const CoreValue*& values) {
    return lift_from(context, lift_pair(values));
  }
  static View load(CallContext& context, const uint8_t* address) {
    return lift_from(context, load_pair(address));
  }
};

// ---- Products

template <class... T>
struct ProductAbi {
  static constexpr size_t kCount = sizeof...(T);
  static constexpr uint32_t kAlignment = std::max({uint32_t{1}, Abi<T>::kAlignment...});
  static constexpr std::array<uint32_t, kCount + 1> kOffsets = [] {
    std::array<uint32_t, kCount + 1> offsets{};
    uint32_t at = 0;
    size_t index = 0;
    ((at = abi_detail::align_up(at, Abi<T>::kAlignment), offsets[index++] = at, at += Abi<T>::kSize), ...);
    offsets[index] = abi_detail::align_up(at, kAlignment);
    return offsets;
  }();
  static constexpr uint32_t kSize = kOffsets[kCount];
  static constexpr size_t kFlatCount = (size_t{0} + ... + Abi<T>::kFlat.size());
  static constexpr auto kFlat = [] {
    std::array<FlatType, kFlatCount> flat{};
    size_t at = 0;
    auto append = [&](auto& part) {
      for (FlatType type : part) flat[at++] = type;
    };
    (void)append;
    (append(Abi<T>::kFlat), ...);
    return flat;
  }();

  // Braced initialisation fixes the order of evaluation: left to right, as the ABI asks.
  static std::tuple<T...> lift_all(CallContext& context, const CoreValue*& values) {
    (void)context, (void)values;
    return std::tuple<T...>{Abi<T>::lift(context, values)...};
  }
  static std::tuple<T...> load_all(CallContext& context, const uint8_t* address) {
    return [&]<size_t... I>(std::index_sequence<I...>) {
      (void)context, (void)address;
      return std::tuple<T...>{Abi<T>::load(context, address + kOffsets[I])...};
    }(std::index_sequence_for<T...>{});
  }
  template <class Tuple>
  static void lower_all(CallContext& context, Tuple&& tuple, CoreValue*& values) {
    [&]<size_t... I>(std::index_sequence<I...>) {
      (void)context, (void)values;
      (Abi<T>::lower(context, std::move(std::get<I>(tuple)), values), ...);
    }(std::index_sequence_for<T...>{});
  }
  template <class Tuple>
  static void store_all(CallContext& context, Tuple&& tuple, uint32_t pointer) {
    [&]<size_t... I>(std::index_sequence<I...>) {
      (void)context, (void)pointer;
      (Abi<T>::store(context, std::move(std::get<I>(tuple)), pointer + kOffsets[I]), ...);
    }(std::index_sequence_for<T...>{});
  }
};

template <class... T>
struct Abi<std::tuple<T...>> : ProductAbi<T...> {
  using Product = ProductAbi<T...>;
  static std::tuple<T...> lift(CallContext& context, const CoreValue*& values) {
    return Product::lift_all(context, values);
  }
  static std::tuple<T...> load(CallContext& context, const uint8_t* address) {
    return Product::load_all(context, address);
  }
  static void lower(CallContext& context, std::tuple<T...> value, CoreValue*& values) {
    Product::lower_all(context, value, values);
  }
  static void store(CallContext& context, std::tuple<T...> value, uint32_t pointer) {
    Product::store_all(context, value, pointer);
  }
};

namespace abi_detail {
template <class Tuple>
struct ProductOf;
template <class... T>
struct ProductOf<std::tuple<T&...>> {
  using type = ProductAbi<std::remove_cv_t<T>...>;
};
}  // namespace abi_detail

template <class T>
concept Record = std::is_aggregate_v<T> && std::is_class_v<T>;

template <Record T>
struct Abi<T> : abi_detail::ProductOf<decltype(tie_fields(std::declval<T&>()))>::type {
  using Product = typename abi_detail::ProductOf<decltype(tie_fields(std::declval<T&>()))>::type;
  static T from(auto&& tuple) {
    return std::apply([](auto&&... fields) { return T{std::move(fields)...}; }, tuple);
  }
  static T lift(CallContext& context, const CoreValue*& values) {
    return from(Product::lift_all(context, values));
  }
  static T load(CallContext& context, const uint8_t* address) {
    return from(Product::load_all(context, address));
  }
  static void lower(CallContext& context, T value, CoreValue*& values) {
    Product::lower_all(context, tie_fields(value), values);
  }
  static void store(CallContext& context, T value, uint32_t pointer) {
    Product::store_all(context, tie_fields(value), pointer);
  }
};

template <>
struct Abi<std::monostate> : ProductAbi<> {
  static std::monostate lift(CallContext&, const CoreValue*&) { return {}; }
  static std::monostate load(CallContext&, const uint8_t*) { return {}; }
  static void lower(CallContext&, std::monostate, CoreValue*&) {}
  static void store(CallContext&, std::monostate, uint32_t) {}
};

// ---- Sums

template <class... T>
struct SumAbi {
  static constexpr uint32_t kDiscriminantBytes = abi_detail::discriminant_bytes(sizeof...(T));
  static constexpr uint32_t kAlignment = std::max({kDiscriminantBytes, Abi<T>::kAlignment...});
  static constexpr uint32_t kPayload =
      abi_detail::align_up(kDiscriminantBytes, std::max({uint32_t{1}, Abi<T>::kAlignment...}));
  static constexpr uint32_t kSize =
      abi_detail::align_up(kPayload + std::max({uint32_t{0}, Abi<T>::kSize...}), kAlignment);
  static constexpr size_t kFlatCount = 1 + std::max({size_t{0}, Abi<T>::kFlat.size()...});
  static constexpr auto kFlat = [] {
    std::array<FlatType, kFlatCount> flat{};
    std::array<bool, kFlatCount> used{};
    flat[0] = FlatType::i32;
    auto merge = [&](auto& part) {
      for (size_t index = 0; index < part.size(); ++index) {
        flat[index + 1] = used[index + 1] ? abi_detail::join(flat[index + 1], part[index]) : part[index];
        used[index + 1] = true;
      }
    };
    (merge(Abi<T>::kFlat), ...);
    return flat;
  }();

  // Calls visit(std::integral_constant<size_t, index>) for the case; out of range is a trap and visits case
  // 0.
  template <class Visit>
  static auto with_case(CallContext& context, uint32_t index, Visit visit) {
    if (index >= sizeof...(T)) {
      context.trap("unexpected discriminant: " + std::to_string(index));
      index = 0;
    }
    return dispatch<0>(index, visit);
  }
  template <size_t I, class Visit>
  static auto dispatch(uint32_t index, Visit& visit) {
    if constexpr (I + 1 == sizeof...(T)) {
      return visit(std::integral_constant<size_t, I>{});
    } else {
      if (index == I) return visit(std::integral_constant<size_t, I>{});
      return dispatch<I + 1>(index, visit);
    }
  }
  template <class Visit>
  static auto lift_case(CallContext& context, const CoreValue*& values, Visit visit) {
    const uint32_t index = values->u32;
    const CoreValue* payload = values + 1;
    values += kFlatCount;
    return with_case(context, index, [&](auto i) { return visit(i, payload); });
  }
  template <class Visit>
  static auto load_case(CallContext& context, const uint8_t* address, Visit visit) {
    const uint32_t index = abi_detail::load_discriminant(address, kDiscriminantBytes);
    return with_case(context, index, [&](auto i) { return visit(i, address + kPayload); });
  }
  // `lower_payload(values)` writes the payload's flat values.
  template <class LowerPayload>
  static void lower_case(uint32_t index, CoreValue*& values, LowerPayload lower_payload) {
    CoreValue* end = values + kFlatCount;
    (values++)->u64 = index;
    lower_payload(values);
    while (values < end) (values++)->u64 = 0;
  }
  static void store_discriminant(CallContext& context, uint32_t index, uint32_t pointer) {
    abi_detail::store_bytes(context, pointer, &index, kDiscriminantBytes);
  }
};

template <class... T>
struct Abi<std::variant<T...>> : SumAbi<T...> {
  using Sum = SumAbi<T...>;
  using Value = std::variant<T...>;
  template <size_t I>
  using Case = std::variant_alternative_t<I, Value>;

  static Value lift(CallContext& context, const CoreValue*& values) {
    return Sum::lift_case(context, values, [&](auto i, const CoreValue* payload) {
      return Value(std::in_place_index<i>, Abi<Case<i>>::lift(context, payload));
    });
  }
  static Value load(CallContext& context, const uint8_t* address) {
    return Sum::load_case(context, address, [&](auto i, const uint8_t* payload) {
      return Value(std::in_place_index<i>, Abi<Case<i>>::load(context, payload));
    });
  }
  static void lower(CallContext& context, Value value, CoreValue*& values) {
    const uint32_t index = static_cast<uint32_t>(value.index());
    Sum::lower_case(index, values, [&](CoreValue*& payload) {
      Sum::with_case(context, index,
                     [&](auto i) { Abi<Case<i>>::lower(context, std::move(std::get<i>(value)), payload); });
    });
  }
  static void store(CallContext& context, Value value, uint32_t pointer) {
    const uint32_t index = static_cast<uint32_t>(value.index());
    Sum::store_discriminant(context, index, pointer);
    Sum::with_case(context, index, [&](auto i) {
      Abi<Case<i>>::store(context, std::move(std::get<i>(value)), pointer + Sum::kPayload);
    });
  }
};

template <class T>
struct Abi<std::optional<T>> : SumAbi<std::monostate, T> {
  using Sum = SumAbi<std::monostate, T>;
  using Value = std::optional<T>;
  static Value lift(CallContext& context, const CoreValue*& values) {
    return Sum::lift_case(context, values, [&](auto i, const CoreValue* payload) -> Value {
      if constexpr (i == 0)
        return std::nullopt;
      else
        return Abi<T>::lift(context, payload);
    });
  }
  static Value load(CallContext& context, const uint8_t* address) {
    return Sum::load_case(context, address, [&](auto i, const uint8_t* payload) -> Value {
      if constexpr (i == 0)
        return std::nullopt;
      else
        return Abi<T>::load(context, payload);
    });
  }
  static void lower(CallContext& context, Value value, CoreValue*& values) {
    Sum::lower_case(value.has_value(), values, [&](CoreValue*& payload) {
      if (value) Abi<T>::lower(context, std::move(*value), payload);
    });
  }
  static void store(CallContext& context, Value value, uint32_t pointer) {
    Sum::store_discriminant(context, value.has_value(), pointer);
    if (value) Abi<T>::store(context, std::move(*value), pointer + Sum::kPayload);
  }
};

namespace abi_detail {
template <class T>
using NotVoid = std::conditional_t<std::is_void_v<T>, std::monostate, T>;
}

template <class T, class E>
struct Abi<tl::expected<T, E>> : SumAbi<abi_detail::NotVoid<T>, E> {
  using Sum = SumAbi<abi_detail::NotVoid<T>, E>;
  using Value = tl::expected<T, E>;

  static Value lift(CallContext& context, const CoreValue*& values) {
    return Sum::lift_case(context, values, [&](auto i, const CoreValue* payload) -> Value {
      if constexpr (i == 1)
        return tl::make_unexpected(Abi<E>::lift(context, payload));
      else if constexpr (std::is_void_v<T>)
        return {};
      else
        return Abi<T>::lift(context, payload);
    });
  }
  static Value load(CallContext& context, const uint8_t* address) {
    return Sum::load_case(context, address, [&](auto i, const uint8_t* payload) -> Value {
      if constexpr (i == 1)
        return tl::make_unexpected(Abi<E>::load(context, payload));
      else if constexpr (std::is_void_v<T>)
        return {};
      else
        return Abi<T>::load(context, payload);
    });
  }
  static void lower(CallContext& context, Value value, CoreValue*& values) {
    Sum::lower_case(!value.has_value(), values, [&](CoreValue*& payload) {
      if (!value)
        Abi<E>::lower(context, std::move(value.error()), payload);
      else if constexpr (!std::is_void_v<T>)
        Abi<T>::lower(context, std::move(*value), payload);
    });
  }
  static void store(CallContext& context, Value value, uint32_t pointer) {
    Sum::store_discriminant(context, !value.has_value(), pointer);
    if (!value)
      Abi<E>::store(context, std::move(value.error()), pointer + Sum::kPayload);
    else if constexpr (!std::is_void_v<T>)
      Abi<T>::store(context, std::move(*value), pointer + Sum::kPayload);
  }
};

// ---- Handles of host resources

struct HandleAbi {
  static constexpr uint32_t kSize = 4;
  static constexpr uint32_t kAlignment = 4;
  static constexpr std::array<FlatType, 1> kFlat = {FlatType::i32};
};

template <class T>
  requires std::derived_from<T, HostResource>
struct Abi<T*> : HandleAbi {
  // Null only after a failure: the bound function is not called then.
  static T* lift_from(CallContext& context, uint32_t handle) {
    const uint32_t representation = context.lift_borrow(handle, host_resource_type<T>);
    return context.failed() ? nullptr : static_cast<T*>(context.host.resources.get(representation));
  }
  static T* lift(CallContext& context, const CoreValue*& values) {
    return lift_from(context, (values++)->u32);
  }
  static T* load(CallContext& context, const uint8_t* address) {
    return lift_from(context, abi_detail::load_discriminant(address, 4));
  }
};

template <class T>
  requires std::derived_from<T, HostResource>
struct Abi<std::unique_ptr<T>> : HandleAbi {
  static std::unique_ptr<T> lift_from(CallContext& context, uint32_t handle) {
    const uint32_t representation = context.lift_own(handle, host_resource_type<T>);
    if (context.failed()) return nullptr;
    return std::unique_ptr<T>(static_cast<T*>(context.host.resources.take(representation).release()));
  }
  static uint32_t lower_to(CallContext& context, std::unique_ptr<T> resource) {
    if (context.host.resources.full()) {
      context.fail(Error(ErrorCode::memory_exceeded, "the guest holds too many resources of its host"));
      return 0;
    }
    return context.lower_own(context.host.resources.insert(std::move(resource)), host_resource_type<T>);
  }
  static std::unique_ptr<T> lift(CallContext& context, const CoreValue*& values) {
    return lift_from(context, (values++)->u32);
  }
  static std::unique_ptr<T> load(CallContext& context, const uint8_t* address) {
    return lift_from(context, abi_detail::load_discriminant(address, 4));
  }
  static void lower(CallContext& context, std::unique_ptr<T> resource, CoreValue*& values) {
    (values++)->u64 = lower_to(context, std::move(resource));
  }
  static void store(CallContext& context, std::unique_ptr<T> resource, uint32_t pointer) {
    const uint32_t handle = lower_to(context, std::move(resource));
    abi_detail::store_bytes(context, pointer, &handle, 4);
  }
};

}  // namespace wattle::runtime
