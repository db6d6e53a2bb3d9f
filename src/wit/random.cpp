#include "wit/random.h"

#include <algorithm>
#include <bit>
#include <iterator>
#include <limits>
#include <utility>

#include "wit/transcode.h"

namespace wattle::wit {
namespace {

constexpr float kFloats32[] = {0.0f,
                               -0.0f,
                               1.0f,
                               -1.5f,
                               0.1f,
                               std::numeric_limits<float>::min(),
                               std::numeric_limits<float>::denorm_min(),
                               std::numeric_limits<float>::max(),
                               std::numeric_limits<float>::infinity(),
                               -std::numeric_limits<float>::infinity(),
                               std::numeric_limits<float>::quiet_NaN()};
constexpr double kFloats64[] = {0.0,
                                -0.0,
                                1.0,
                                -1.5,
                                0.1,
                                std::numeric_limits<double>::min(),
                                std::numeric_limits<double>::denorm_min(),
                                std::numeric_limits<double>::max(),
                                std::numeric_limits<double>::infinity(),
                                -std::numeric_limits<double>::infinity(),
                                std::numeric_limits<double>::quiet_NaN()};
// One range for each width that some encoding knows.
constexpr std::pair<char32_t, char32_t> kCharacters[] = {
    {0x20, 0x7e},    {0x00, 0x1f},     {0x7f, 0xff},       {0x100, 0x7ff},
    {0x800, 0xd7ff}, {0xe000, 0xffff}, {0x10000, 0x10ffff}};
// Names that mean something in WIT or in WAVE.
constexpr std::string_view kKeywords[] = {"none", "some", "ok",     "err",  "true", "false", "nan",
                                          "inf",  "type", "record", "func", "list", "own",   "result"};

}  // namespace

uint64_t Random::bits() {
  if (from_bytes_) {
    uint64_t value = 0;
    size_t count = std::min<size_t>(bytes_.size(), 8);
    for (size_t i = 0; i < count; i++) value |= uint64_t{bytes_[i]} << (8 * i);
    bytes_ = bytes_.subspan(count);
    return value;
  }
  state_ += 0x9e3779b97f4a7c15;  // splitmix64
  uint64_t value = state_;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

uint32_t Random::below(uint32_t bound) {
  if (bound == 0) return 0;
  if (!from_bytes_) return static_cast<uint32_t>(bits() % bound);
  if (bytes_.empty()) return 0;
  uint32_t value = bytes_[0];
  bytes_ = bytes_.subspan(1);
  if (bound > 256 && !bytes_.empty()) {
    value = value << 8 | bytes_[0];
    bytes_ = bytes_.subspan(1);
  }
  return value % bound;
}

std::string Random::name(std::string_view prefix, size_t index) {
  // Distinct by its index; a keyword or an acronym now and then.
  uint32_t choice = below(12);
  if (choice == 11 && index < std::size(kKeywords)) return std::string(kKeywords[index]);
  std::string text(prefix);
  if (choice == 10) text += "-XY";
  return text + "-" + "n" + std::to_string(index);
}

std::vector<std::string> Random::labels(uint32_t most) {
  std::vector<std::string> names;
  uint32_t count = 1 + below(most);
  for (uint32_t i = 0; i < count; i++) names.push_back(name("label", i));
  return names;
}

std::vector<Member> Random::named_members(uint32_t depth, bool allow_borrow, bool may_lack_type,
                                          std::string_view prefix) {
  std::vector<Member> members;
  uint32_t count = 1 + below(limits_.members);
  for (uint32_t i = 0; i < count; i++) {
    TypeRef member = may_lack_type && below(3) == 0 ? nullptr : type(depth, allow_borrow);
    members.push_back({name(prefix, i), std::move(member)});
  }
  return members;
}

TypeRef Random::constructed(uint32_t depth, bool allow_borrow) {
  switch (below(10)) {
    case 0:
      return list_of(type(depth, allow_borrow));
    case 1:
      return record_of(named_members(depth, allow_borrow, false, "field"));
    case 2: {
      std::vector<TypeRef> elements;
      for (uint32_t i = below(limits_.members) + 1; i > 0; i--) elements.push_back(type(depth, allow_borrow));
      return tuple_of(std::move(elements));
    }
    case 3:
      return variant_of(named_members(depth, allow_borrow, true, "case"));
    case 4:
      return enumeration_of(labels(below(20) == 0 ? 300 : limits_.members));
    case 5:
      return option_of(type(depth, allow_borrow));
    case 6: {
      TypeRef ok = below(4) == 0 ? nullptr : type(depth, allow_borrow);
      return result_of(std::move(ok), below(4) == 0 ? nullptr : type(depth, allow_borrow));
    }
    case 7:
      return flags_of(labels(limits_.labels));
    case 8:
      if (limits_.resources > 0) return own_of(below(limits_.resources));
      return list_of(type(depth, allow_borrow));
    default:
      if (limits_.resources > 0 && allow_borrow) return borrow_of(below(limits_.resources));
      return option_of(type(depth, allow_borrow));
  }
}

TypeRef Random::type(uint32_t depth, bool allow_borrow) {
  constexpr uint32_t kPrimitives = static_cast<uint32_t>(Kind::string) + 1;
  if (depth == 0 || below(3) == 0) return primitive(static_cast<Kind>(below(kPrimitives)));
  return constructed(depth - 1, allow_borrow);
}

TypeRef Random::type() {
  return type(limits_.depth, true);
}

FunctionType Random::function() {
  FunctionType function;
  uint32_t count = below(limits_.parameters + 1);
  for (uint32_t i = 0; i < count; i++) function.parameters.push_back({name("parameter", i), type()});
  if (below(5) != 0) function.result = type(limits_.depth, false);
  return function;
}

char32_t Random::character() {
  auto [low, high] = kCharacters[below(3) != 0 ? 0 : below(std::size(kCharacters))];
  return low + below(high - low + 1);
}

std::string Random::text() {
  std::string text;
  // All ASCII, all Latin-1, or anything: each has its own way through the encodings.
  uint32_t widest = below(3);
  for (uint32_t i = below(limits_.characters + 1); i > 0; i--) {
    char32_t next = character();
    if (widest == 0) next &= 0x7f;
    if (widest == 1) next &= 0xff;
    append_utf8(text, next);
  }
  return text;
}

uint64_t Random::integer() {
  constexpr uint64_t kEdges[] = {0,         1,          0x7f,       0x80,       0xff,       0x7fff,
                                 0x8000,    0xffff,     0x7fffffff, 0x80000000, 0xffffffff, uint64_t{1} << 53,
                                 INT64_MAX, 1ull << 63, UINT64_MAX};
  if (below(3) == 0) return kEdges[below(std::size(kEdges))];
  return bits() >> below(64);
}

float Random::float_32() {
  if (below(2) == 0) return kFloats32[below(std::size(kFloats32))];
  return std::bit_cast<float>(static_cast<uint32_t>(bits()));
}

double Random::float_64() {
  if (below(2) == 0) return kFloats64[below(std::size(kFloats64))];
  return std::bit_cast<double>(bits());
}

Value Random::compound(const TypeRef& type) {
  switch (type->kind) {
    case Kind::list: {
      Values values;
      for (uint32_t i = below(limits_.length + 1); i > 0; i--) values.push_back(value(type->element()));
      return list_value(type->element(), std::move(values));
    }
    case Kind::record:
    case Kind::tuple: {
      Values values;
      for (const Member& member : type->members) values.push_back(value(member.type));
      return Value{std::move(values)};
    }
    case Kind::option:
      return below(3) == 0 ? case_value(0) : case_value(1, value(type->element()));
    case Kind::flags: {
      FlagsValue flags;
      for (size_t i = 0; i < type->members.size(); i++) flags.set.push_back(below(2) == 1);
      return Value{std::move(flags)};
    }
    case Kind::own:
    case Kind::borrow:
      return Value{HandleValue{type->kind == Kind::own, below(1000), nullptr}};
    default: {  // variant, enumeration, result
      uint32_t index = below(static_cast<uint32_t>(type->members.size()));
      const TypeRef& payload = type->members[index].type;
      return payload ? case_value(index, value(payload)) : case_value(index);
    }
  }
}

Value Random::value(const TypeRef& type) {
  switch (type->kind) {
    case Kind::boolean:
      return Value{below(2) == 1};
    case Kind::s8:
      return Value{static_cast<int8_t>(integer())};
    case Kind::u8:
      return Value{static_cast<uint8_t>(integer())};
    case Kind::s16:
      return Value{static_cast<int16_t>(integer())};
    case Kind::u16:
      return Value{static_cast<uint16_t>(integer())};
    case Kind::s32:
      return Value{static_cast<int32_t>(integer())};
    case Kind::u32:
      return Value{static_cast<uint32_t>(integer())};
    case Kind::s64:
      return Value{static_cast<int64_t>(integer())};
    case Kind::u64:
      return Value{integer()};
    case Kind::f32:
      return Value{float_32()};
    case Kind::f64:
      return Value{float_64()};
    case Kind::character:
      return Value{character()};
    case Kind::string:
      return Value{text()};
    default:
      return compound(type);
  }
}

}  // namespace wattle::wit
