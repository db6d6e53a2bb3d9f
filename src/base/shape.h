// How C++ types stand for those of WIT that C++ has no word for: aggregate structs for records, whose fields
// are found without naming them, enumerations with their number of cases, and flags.
#pragma once

#include <cstddef>
#include <cstdint>
#include <tuple>
#include <type_traits>

namespace wattle {

// An enum class stands for a WIT enum where this is specialised.
template <class E>
inline constexpr uint32_t kCaseCount = 0;

// A WIT flags value: label i is bit i. N is at most 32.
template <uint32_t N>
struct Flags {
  uint32_t bits = 0;
  bool has(uint32_t label) const { return (bits >> label & 1) != 0; }
  bool operator==(const Flags&) const = default;
};

namespace shape_detail {

struct AnyField {
  template <class T>
  operator T() const;
};
// How many fields an aggregate has: as many as it takes initialisers. A record whose fields convert
// ambiguously says it itself: `static constexpr size_t kFieldCount = 3;`.
template <class T, class... Fields>
constexpr size_t field_count() {
  if constexpr (requires { T::kFieldCount; }) {
    return T::kFieldCount;
  } else if constexpr (sizeof...(Fields) <= 8 && requires { T{Fields{}..., AnyField{}}; }) {
    return field_count<T, Fields..., AnyField>();
  } else {
    return sizeof...(Fields);
  }
}

}  // namespace shape_detail

// The fields of an aggregate as a tuple of references.
template <class T>
auto tie_fields(T& record) {
  constexpr size_t count = shape_detail::field_count<std::remove_const_t<T>>();
  static_assert(count >= 1 && count <= 8, "records of 1 to 8 fields");
  if constexpr (count == 1) {
    auto& [a] = record;
    return std::tie(a);
  } else if constexpr (count == 2) {
    auto& [a, b] = record;
    return std::tie(a, b);
  } else if constexpr (count == 3) {
    auto& [a, b, c] = record;
    return std::tie(a, b, c);
  } else if constexpr (count == 4) {
    auto& [a, b, c, d] = record;
    return std::tie(a, b, c, d);
  } else if constexpr (count == 5) {
    auto& [a, b, c, d, e] = record;
    return std::tie(a, b, c, d, e);
  } else if constexpr (count == 6) {
    auto& [a, b, c, d, e, f] = record;
    return std::tie(a, b, c, d, e, f);
  } else if constexpr (count == 7) {
    auto& [a, b, c, d, e, f, g] = record;
    return std::tie(a, b, c, d, e, f, g);
  } else {
    auto& [a, b, c, d, e, f, g, h] = record;
    return std::tie(a, b, c, d, e, f, g, h);
  }
}

}  // namespace wattle
