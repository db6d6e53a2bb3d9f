// A component-level value with its shape known only at run time: what tools, tests and remote calls pass
// around. It does not carry its Type; functions that need the type take it beside the value.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "wit/type.h"

namespace wattle::wit {

struct Value;

// A case of a variant, enumeration, option or result: option none = 0, some = 1; result ok = 0, error = 1.
struct CaseValue {
  uint32_t index = 0;
  std::shared_ptr<const Value> payload;  // null: none
};
// Labels of a flags value that are set, by position.
struct FlagsValue {
  std::vector<bool> set;
};
// A handle. What `representation` means is up to the instance that the value came from.
struct HandleValue {
  bool owned = true;
  uint32_t representation = 0;
  const void* resource_type = nullptr;  // the runtime's identity of the resource type
};
using Values = std::vector<Value>;      // list, record, tuple
using ByteList = std::vector<uint8_t>;  // list<u8>: one byte each, where a Value takes 48

struct Value {
  std::variant<bool, int8_t, uint8_t, int16_t, uint16_t, int32_t, uint32_t, int64_t, uint64_t, float, double,
               char32_t, std::string, Values, ByteList, CaseValue, FlagsValue, HandleValue>
      data;
  // NaN equals NaN, payload ignored; -0 differs from 0. A list<u8> is the same as Values and as ByteList.
  bool operator==(const Value& other) const;
};

// Values of case types, shorter to write: none is {0}, ok(...) is {0, ...}.
Value case_value(uint32_t index);
Value case_value(uint32_t index, Value payload);

// A list in the form that lifting, parsing and decoding give it: a ByteList if its elements are u8. Whoever
// takes a list<u8> takes both forms.
Value list_value(const TypeRef& element, Values elements);
bool is_list_of_bytes(const Type& type);  // list<u8>

}  // namespace wattle::wit
