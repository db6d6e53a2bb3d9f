#include "wit/value.h"

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

template <class T>
bool same(const T& left, const T& right) {
  return left == right;
}

}  // namespace

bool Value::operator==(const Value& other) const {
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

}  // namespace wattle::wit
