#include "wit/value.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

namespace wattle::wit {
namespace {

bool same(float left, float right) {
  if (std::isnan(left) || std::isnan(right)) return std::isnan(left) && std::isnan(right);
  return std::bit_cast<uint32_t>(left) == std::bit_cast<uint32_t>(right);
}

bool same(double left, double right) {
  if (std::isnan(left) || std::isnan(right)) return std::isnan(left) && std::isnan(right);
  return std::bit_cast<uint64_t>(left) == std::bit_cast<uint64_t>(right);
}

bool same(const CaseValue& left, const CaseValue& right) {
  if (left.index != right.index) return false;
  if (!left.payload || !right.payload) return !left.payload && !right.payload;
  return *left.payload == *right.payload;
}

bool same(const FlagsValue& left, const FlagsValue& right) {
  return left.set == right.set;
}

bool same(const HandleValue& left, const HandleValue& right) {
  return left.owned == right.owned && left.representation == right.representation &&
         left.resource_type == right.resource_type;
}

bool same(const ByteList& bytes, const Values& values) {
  return std::ranges::equal(bytes, values, [](uint8_t byte, const Value& value) {
    const uint8_t* element = std::get_if<uint8_t>(&value.data);
    return element && *element == byte;
  });
}

template <class T>
bool same(const T& left, const T& right) {
  return left == right;
}

}  // namespace

bool Value::operator==(const Value& other) const {
  if (const auto* bytes = std::get_if<ByteList>(&data))
    if (const auto* values = std::get_if<Values>(&other.data)) return same(*bytes, *values);
  if (const auto* values = std::get_if<Values>(&data))
    if (const auto* bytes = std::get_if<ByteList>(&other.data)) return same(*bytes, *values);
  if (data.index() != other.data.index()) return false;
  return std::visit(
      [&other](const auto& value) {
        return same(value, std::get<std::decay_t<decltype(value)>>(other.data));
      },
      data);
}

Value case_value(uint32_t index) {
  return Value{CaseValue{index, nullptr}};
}

Value case_value(uint32_t index, Value payload) {
  return Value{CaseValue{index, std::make_shared<const Value>(std::move(payload))}};
}

bool is_list_of_bytes(const Type& type) {
  return type.kind == Kind::list && type.element()->kind == Kind::u8;
}

Value list_value(const TypeRef& element, Values elements) {
  if (element->kind != Kind::u8) return Value{std::move(elements)};
  ByteList bytes;
  bytes.reserve(elements.size());
  for (const Value& value : elements) {
    const uint8_t* byte = std::get_if<uint8_t>(&value.data);
    if (!byte) return Value{std::move(elements)};
    bytes.push_back(*byte);
  }
  return Value{std::move(bytes)};
}

}  // namespace wattle::wit
