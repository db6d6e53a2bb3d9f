// The canonical ABI's view of a type, compiled once: size, alignment, offsets and flat form. Lifting and
// lowering walk layouts, never type trees.
//
// Clauses: component-model CanonicalABI.md "Alignment", "Element Size", "Flattening", "Despecialization".
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "wit/type.h"

namespace wattle::wit {

// Core types that the flat form uses.
enum class FlatType : uint8_t { i32, i64, f32, f64 };

// Limits of the canonical ABI (MAX_FLAT_PARAMS, MAX_FLAT_RESULTS).
inline constexpr size_t kMaxFlatParameters = 16;
inline constexpr size_t kMaxFlatResults = 1;
// A flat form is cut off here: nothing uses one that is longer than the limit, and the flat form of types
// that share parts can be exponentially longer than they are.
inline constexpr size_t kMaxFlatKept = kMaxFlatParameters + 1;

// Size and offsets saturate at this value: such a value fits no memory, so lifting and lowering trap on it.
inline constexpr uint32_t kOversized = UINT32_MAX;

struct Layout;
using LayoutRef = std::shared_ptr<const Layout>;

struct LayoutMember {
  uint32_t offset = 0;  // bytes from the start of the value; for cases: of the payload
  LayoutRef layout;     // null: no payload
};

struct Layout {
  Kind kind =
      Kind::boolean;  // tuple reads as record; option, result and enumeration keep their kind but carry cases
  uint32_t size = 0;  // bytes, "elem_size"; kOversized: 4 GiB or more
  uint32_t alignment = 1;           // bytes: 1, 2, 4 or 8
  uint32_t discriminant_bytes = 0;  // variants: 1, 2 or 4
  uint32_t label_count = 0;         // flags
  ResourceId resource = 0;          // own and borrow
  // Copying the bytes is copying the value: inside is no pointer, handle, bit pattern to check or normalise,
  // nor padding (whose old content would leak to the receiver).
  bool is_plain = false;
  // A borrow handle, an own handle, or a pointer is somewhere inside.
  bool has_handles = false;
  bool has_pointers = false;
  std::vector<LayoutMember>
      members;                 // record: fields; list: element; variant, option, result, enumeration: cases
  std::vector<FlatType> flat;  // complete up to kMaxFlatKept entries, which means "more than the limit"

  bool is_variant_like() const {
    return kind == Kind::variant || kind == Kind::option || kind == Kind::result || kind == Kind::enumeration;
  }
};

// Layouts of many types, each distinct Type (by address) computed once. Keeps the types alive. Not for use by
// several threads at once; the layouts are.
class Layouts {
 public:
  LayoutRef of(const TypeRef& type);  // null for null
  struct FunctionLayout of(const FunctionType& type);

 private:
  LayoutRef compute(const TypeRef& type);
  struct Known {
    TypeRef type;
    LayoutRef layout;
  };
  std::unordered_map<const Type*, Known> known_;
};

LayoutRef layout_of(const TypeRef& type);

// A whole function: its parameters as one record, its result, and its core signature.
struct FunctionLayout {
  LayoutRef parameters;               // record of all parameters
  LayoutRef result;                   // null: none
  bool parameters_in_memory = false;  // more than kMaxFlatParameters: passed as one pointer
  bool result_in_memory = false;      // more than kMaxFlatResults: through a pointer
  // Core signature when lifted (callee's export) and when lowered (caller's import, with the return pointer
  // last).
  std::vector<FlatType> lifted_parameters, lifted_results;
  std::vector<FlatType> lowered_parameters, lowered_results;
};

FunctionLayout layout_of(const FunctionType& type);

}  // namespace wattle::wit
