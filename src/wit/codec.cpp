#include "wit/codec.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <type_traits>
#include <utility>

#include "wit/strings.h"

namespace wattle::wit {
namespace {

constexpr uint32_t kCanonicalNan32 = 0x7fc00000;
constexpr uint64_t kCanonicalNan64 = 0x7ff8000000000000;

// What a host's value lacks to be of the layout's type: the host's mistake, never a guest's.
tl::unexpected<Error> mismatch(const Layout& layout) {
  return failure(ErrorCode::invalid_argument, "the value is not of its type: {} expected",
                 kind_name(layout.kind));
}

tl::unexpected<Error> no_memory() {
  return failure(ErrorCode::invalid_argument,
                 "the value needs a memory, but the function has no memory option");
}

tl::unexpected<Error> invalid_discriminant(uint32_t index, const Layout& layout) {
  return failure(ErrorCode::trap, "invalid variant discriminant: {} of {} cases", index,
                 layout.members.size());
}

float float_of(uint32_t bits, bool canonicalize) {
  float value = std::bit_cast<float>(bits);
  return canonicalize && std::isnan(value) ? std::bit_cast<float>(kCanonicalNan32) : value;
}

double double_of(uint64_t bits, bool canonicalize) {
  double value = std::bit_cast<double>(bits);
  return canonicalize && std::isnan(value) ? std::bit_cast<double>(kCanonicalNan64) : value;
}

FlagsValue unpack_flags(uint32_t bits, uint32_t label_count) {
  FlagsValue flags;
  flags.set.resize(label_count);
  for (uint32_t i = 0; i < label_count && i < 32; i++) flags.set[i] = (bits >> i & 1) != 0;
  return flags;
}

uint64_t read_bits(const uint8_t* source, size_t bytes) {
  uint64_t bits = 0;
  std::memcpy(&bits, source, bytes);
  return bits;
}

// Lifts; the memory stays in place meanwhile, since lifting runs no guest code but a handle translator's,
// which has no business in the memory either.
class Lifter {
 public:
  explicit Lifter(Codec& codec)
      : codec_(codec), memory_(codec.memory ? Bytes(codec.memory->bytes()) : Bytes()) {}

  Result<Value> load_checked(const Layout& layout, uint32_t address) {
    if (!codec_.memory) return no_memory();
    WATTLE_CHECK(check_range(memory_.size(), address, layout.size, layout.alignment, "value"));
    if (layout.size == kOversized) return failure(ErrorCode::trap, "a value of 4 GiB or more fits no memory");
    WATTLE_CHECK(spend(sizeof(Value)));
    return load(layout, address);
  }

  Result<Value> lift(const Layout& layout, const FlatValue*& flat) {
    switch (layout.kind) {
      case Kind::string: {
        uint32_t address = static_cast<uint32_t>(*flat++);
        return string_at({address, static_cast<uint32_t>(*flat++)});
      }
      case Kind::list: {
        uint32_t address = static_cast<uint32_t>(*flat++);
        return list_at(layout, address, static_cast<uint32_t>(*flat++));
      }
      case Kind::record:
      case Kind::tuple:
        return lift_record(layout, flat);
      case Kind::variant:
      case Kind::enumeration:
      case Kind::option:
      case Kind::result:
        return lift_variant(layout, flat);
      default:
        return scalar(layout, *flat++);
    }
  }

 private:
  Result<void> spend(uint64_t bytes) {
    if (bytes > codec_.budget_bytes)
      return failure(ErrorCode::trap, "the value takes more memory of the host than one call may use");
    codec_.budget_bytes -= bytes;
    return {};
  }

  // A value of one core value: primitive, flags or handle. Bits past the type's width are ignored.
  Result<Value> scalar(const Layout& layout, uint64_t bits) {
    switch (layout.kind) {
      case Kind::boolean:
        return Value{static_cast<uint32_t>(bits) != 0};
      case Kind::s8:
        return Value{static_cast<int8_t>(bits)};
      case Kind::u8:
        return Value{static_cast<uint8_t>(bits)};
      case Kind::s16:
        return Value{static_cast<int16_t>(bits)};
      case Kind::u16:
        return Value{static_cast<uint16_t>(bits)};
      case Kind::s32:
        return Value{static_cast<int32_t>(bits)};
      case Kind::u32:
        return Value{static_cast<uint32_t>(bits)};
      case Kind::s64:
        return Value{static_cast<int64_t>(bits)};
      case Kind::u64:
        return Value{bits};
      case Kind::f32:
        return Value{float_of(static_cast<uint32_t>(bits), codec_.canonicalize_nan)};
      case Kind::f64:
        return Value{double_of(bits, codec_.canonicalize_nan)};
      case Kind::character:
        return character(static_cast<uint32_t>(bits));
      case Kind::flags:
        return Value{unpack_flags(static_cast<uint32_t>(bits), layout.label_count)};
      case Kind::own:
      case Kind::borrow:
        return handle(layout, static_cast<uint32_t>(bits));
      default:
        return failure(ErrorCode::internal, "{} is not a scalar", kind_name(layout.kind));
    }
  }

  static Result<Value> character(uint32_t bits) {
    if (!is_scalar_value(bits)) return failure(ErrorCode::trap, "invalid `char` bit pattern: {:#x}", bits);
    return Value{static_cast<char32_t>(bits)};
  }

  Result<Value> handle(const Layout& layout, uint32_t index) {
    if (!codec_.handles) return failure(ErrorCode::invalid_argument, "handles cannot be passed here");
    WATTLE_TRY(HandleValue value, codec_.handles->lift_handle(layout.kind, layout.resource, index));
    return Value{value};
  }

  // In bounds and aligned: checked for the outermost value.
  Result<Value> load(const Layout& layout, uint64_t address) {
    const uint8_t* source = memory_.data() + address;
    switch (layout.kind) {
      case Kind::string:
        return string_at(
            {static_cast<uint32_t>(read_bits(source, 4)), static_cast<uint32_t>(read_bits(source + 4, 4))});
      case Kind::list:
        return list_at(layout, static_cast<uint32_t>(read_bits(source, 4)),
                       static_cast<uint32_t>(read_bits(source + 4, 4)));
      case Kind::record:
      case Kind::tuple:
        return load_record(layout, address);
      case Kind::variant:
      case Kind::enumeration:
      case Kind::option:
      case Kind::result:
        return load_variant(layout, address);
      default:
        return scalar(layout, read_bits(source, layout.size));
    }
  }

  Result<Value> load_record(const Layout& layout, uint64_t address) {
    WATTLE_CHECK(spend(layout.members.size() * sizeof(Value)));
    Values values;
    values.reserve(layout.members.size());
    for (const LayoutMember& member : layout.members) {
      WATTLE_TRY(Value value, load(*member.layout, address + member.offset));
      values.push_back(std::move(value));
    }
    return Value{std::move(values)};
  }

  Result<Value> load_variant(const Layout& layout, uint64_t address) {
    auto index = static_cast<uint32_t>(read_bits(memory_.data() + address, layout.discriminant_bytes));
    if (index >= layout.members.size()) return invalid_discriminant(index, layout);
    const LayoutMember& member = layout.members[index];
    if (!member.layout) return case_value(index);
    WATTLE_CHECK(spend(sizeof(Value)));
    WATTLE_TRY(Value payload, load(*member.layout, address + member.offset));
    return case_value(index, std::move(payload));
  }

  Result<Value> string_at(StringRange range) {
    if (!codec_.memory) return no_memory();
    WATTLE_TRY(Text text, text_at(memory_, codec_.memory->string_encoding(), range));
    WATTLE_CHECK(spend(text.units == CodeUnits::utf8 ? text.bytes.size() : 2 * text.bytes.size()));
    WATTLE_TRY(std::string utf8, to_utf8(text));
    return Value{std::move(utf8)};
  }

  // load_list_from_range
  Result<Value> list_at(const Layout& layout, uint32_t address, uint32_t length) {
    if (!codec_.memory) return no_memory();
    const Layout& element = *layout.members[0].layout;
    uint64_t bytes = uint64_t{length} * element.size;
    WATTLE_CHECK(check_range(memory_.size(), address, bytes, element.alignment, "list"));
    if (bytes > kMaxListBytes)
      return failure(ErrorCode::trap, "list of {} bytes is longer than the limit of {}", bytes,
                     kMaxListBytes);
    if (element.kind == Kind::u8) {
      WATTLE_CHECK(spend(length));
      const uint8_t* first = memory_.data() + address;
      return Value{ByteList(first, first + length)};
    }
    WATTLE_CHECK(spend(uint64_t{length} * sizeof(Value)));
    Values values;
    values.reserve(length);
    for (uint32_t i = 0; i < length; i++) {
      WATTLE_TRY(Value value, load(element, address + uint64_t{i} * element.size));
      values.push_back(std::move(value));
    }
    return Value{std::move(values)};
  }

  Result<Value> lift_record(const Layout& layout, const FlatValue*& flat) {
    Values values;
    values.reserve(layout.members.size());
    for (const LayoutMember& member : layout.members) {
      WATTLE_TRY(Value value, lift(*member.layout, flat));
      values.push_back(std::move(value));
    }
    return Value{std::move(values)};
  }

  // Every case takes all of the variant's core values; the payload's are joined with those of the other
  // cases. As bits, each join is undone by cutting off the upper half, which scalar() and the pointers above
  // do.
  Result<Value> lift_variant(const Layout& layout, const FlatValue*& flat) {
    const FlatValue* payload_flat = flat + 1;
    auto index = static_cast<uint32_t>(*flat);
    flat += layout.flat.size();
    if (index >= layout.members.size()) return invalid_discriminant(index, layout);
    const LayoutMember& member = layout.members[index];
    if (!member.layout) return case_value(index);
    WATTLE_TRY(Value payload, lift(*member.layout, payload_flat));
    return case_value(index, std::move(payload));
  }

  Codec& codec_;
  Bytes memory_;
};

// Lowers. Every allocation and every handle may run guest code, so memory is looked up anew for each store.
class Lowerer {
 public:
  explicit Lowerer(Codec& codec) : codec_(codec) {}

  Result<void> store_checked(const Layout& layout, const Value& value, uint32_t address) {
    if (!codec_.memory) return no_memory();
    WATTLE_CHECK(check_range(codec_.memory->bytes().size(), address, layout.size, layout.alignment, "value"));
    if (layout.size == kOversized) return failure(ErrorCode::trap, "a value of 4 GiB or more fits no memory");
    return store(layout, value, address);
  }

  Result<void> lower(const Layout& layout, const Value& value, std::vector<FlatValue>& flat) {
    switch (layout.kind) {
      case Kind::string:
        return lower_pair(store_string(value), flat);
      case Kind::list:
        return lower_pair(store_list(layout, value), flat);
      case Kind::record:
      case Kind::tuple:
        return lower_record(layout, value, flat);
      case Kind::variant:
      case Kind::enumeration:
      case Kind::option:
      case Kind::result:
        return lower_variant(layout, value, flat);
      default:
        break;
    }
    WATTLE_TRY(uint64_t bits, scalar(layout, value));
    flat.push_back(layout.flat[0] == FlatType::i64 || layout.flat[0] == FlatType::f64
                       ? bits
                       : static_cast<uint32_t>(bits));
    return {};
  }

  Result<void> store_record_values(const Layout& layout, const Values& values, uint64_t address) {
    if (values.size() != layout.members.size()) return mismatch(layout);
    for (size_t i = 0; i < values.size(); i++)
      WATTLE_CHECK(store(*layout.members[i].layout, values[i], address + layout.members[i].offset));
    return {};
  }

 private:
  template <class T>
  static Result<uint64_t> bits_of(const Layout& layout, const Value& value) {
    const T* number = std::get_if<T>(&value.data);
    if (!number) return mismatch(layout);
    if constexpr (std::is_same_v<T, float>) {
      return uint64_t{std::bit_cast<uint32_t>(*number)};
    } else if constexpr (std::is_same_v<T, double>) {
      return std::bit_cast<uint64_t>(*number);
    } else {
      return static_cast<uint64_t>(*number);  // signed ones extend
    }
  }

  Result<uint64_t> scalar(const Layout& layout, const Value& value) {
    switch (layout.kind) {
      case Kind::boolean:
        return bits_of<bool>(layout, value);
      case Kind::s8:
        return bits_of<int8_t>(layout, value);
      case Kind::u8:
        return bits_of<uint8_t>(layout, value);
      case Kind::s16:
        return bits_of<int16_t>(layout, value);
      case Kind::u16:
        return bits_of<uint16_t>(layout, value);
      case Kind::s32:
        return bits_of<int32_t>(layout, value);
      case Kind::u32:
        return bits_of<uint32_t>(layout, value);
      case Kind::s64:
        return bits_of<int64_t>(layout, value);
      case Kind::u64:
        return bits_of<uint64_t>(layout, value);
      case Kind::f32:
        return bits_of<float>(layout, value);
      case Kind::f64:
        return bits_of<double>(layout, value);
      case Kind::character:
        return character(layout, value);
      case Kind::flags:
        return flags(layout, value);
      case Kind::own:
      case Kind::borrow:
        return handle(layout, value);
      default:
        return failure(ErrorCode::internal, "{} is not a scalar", kind_name(layout.kind));
    }
  }

  static Result<uint64_t> character(const Layout& layout, const Value& value) {
    const char32_t* character = std::get_if<char32_t>(&value.data);
    if (!character || !is_scalar_value(*character)) return mismatch(layout);
    return uint64_t{*character};
  }

  static Result<uint64_t> flags(const Layout& layout, const Value& value) {
    const FlagsValue* flags = std::get_if<FlagsValue>(&value.data);
    if (!flags || flags->set.size() != layout.label_count || flags->set.size() > 32) return mismatch(layout);
    uint64_t bits = 0;
    for (size_t i = 0; i < flags->set.size(); i++)
      if (flags->set[i]) bits |= uint64_t{1} << i;
    return bits;
  }

  Result<uint64_t> handle(const Layout& layout, const Value& value) {
    const HandleValue* handle = std::get_if<HandleValue>(&value.data);
    if (!handle) return mismatch(layout);
    if (!codec_.handles) return failure(ErrorCode::invalid_argument, "handles cannot be passed here");
    WATTLE_TRY(uint32_t index, codec_.handles->lower_handle(layout.kind, layout.resource, *handle));
    return uint64_t{index};
  }

  void put(uint64_t address, uint64_t bits, size_t bytes) {
    std::memcpy(codec_.memory->bytes().data() + address, &bits, bytes);
  }

  // In bounds and aligned: checked for the outermost value, and memories never shrink.
  Result<void> store(const Layout& layout, const Value& value, uint64_t address) {
    switch (layout.kind) {
      case Kind::string:
        return store_pair(store_string(value), address);
      case Kind::list:
        return store_pair(store_list(layout, value), address);
      case Kind::record:
      case Kind::tuple: {
        const Values* values = std::get_if<Values>(&value.data);
        if (!values) return mismatch(layout);
        return store_record_values(layout, *values, address);
      }
      case Kind::variant:
      case Kind::enumeration:
      case Kind::option:
      case Kind::result:
        return store_variant(layout, value, address);
      default:
        break;
    }
    WATTLE_TRY(uint64_t bits, scalar(layout, value));
    put(address, bits, layout.size);
    return {};
  }

  // The case, if the value is one of the layout's, with a payload exactly where that case has one.
  static const CaseValue* case_of(const Layout& layout, const Value& value) {
    const CaseValue* chosen = std::get_if<CaseValue>(&value.data);
    if (!chosen || chosen->index >= layout.members.size()) return nullptr;
    return (chosen->payload != nullptr) == (layout.members[chosen->index].layout != nullptr) ? chosen
                                                                                             : nullptr;
  }

  Result<void> store_variant(const Layout& layout, const Value& value, uint64_t address) {
    const CaseValue* chosen = case_of(layout, value);
    if (!chosen) return mismatch(layout);
    put(address, chosen->index, layout.discriminant_bytes);
    if (!chosen->payload) return {};
    const LayoutMember& member = layout.members[chosen->index];
    return store(*member.layout, *chosen->payload, address + member.offset);
  }

  Result<StringRange> store_string(const Value& value) {
    const std::string* text = std::get_if<std::string>(&value.data);
    if (!text) return failure(ErrorCode::invalid_argument, "the value is not of its type: string expected");
    if (!codec_.memory) return no_memory();
    if (text->size() > kMaxStringBytes)
      return failure(ErrorCode::trap, "string of {} bytes is longer than the limit of {}", text->size(),
                     kMaxStringBytes);
    return store_text(*codec_.memory, text_of(*text));
  }

  // store_list_into_range
  Result<StringRange> store_list(const Layout& layout, const Value& value) {
    if (const auto* bytes = std::get_if<ByteList>(&value.data)) return store_bytes(layout, *bytes);
    const Values* values = std::get_if<Values>(&value.data);
    if (!values) return mismatch(layout);
    if (!codec_.memory) return no_memory();
    const Layout& element = *layout.members[0].layout;
    uint64_t bytes = uint64_t{values->size()} * element.size;
    if (bytes > kMaxListBytes)
      return failure(ErrorCode::trap, "list of {} bytes is longer than the limit of {}", bytes,
                     kMaxListBytes);
    WATTLE_TRY(uint32_t address, allocate_checked(*codec_.memory, element.alignment, bytes, "list"));
    for (size_t i = 0; i < values->size(); i++)
      WATTLE_CHECK(store(element, (*values)[i], address + uint64_t{i} * element.size));
    return StringRange{address, static_cast<uint32_t>(values->size())};
  }

  Result<StringRange> store_bytes(const Layout& layout, const ByteList& bytes) {
    if (layout.members[0].layout->kind != Kind::u8) return mismatch(layout);
    if (!codec_.memory) return no_memory();
    if (bytes.size() > kMaxListBytes)
      return failure(ErrorCode::trap, "list of {} bytes is longer than the limit of {}", bytes.size(),
                     kMaxListBytes);
    WATTLE_TRY(uint32_t address, allocate_checked(*codec_.memory, 1, bytes.size(), "list"));
    if (!bytes.empty()) std::memcpy(codec_.memory->bytes().data() + address, bytes.data(), bytes.size());
    return StringRange{address, static_cast<uint32_t>(bytes.size())};
  }

  Result<void> store_pair(const Result<StringRange>& range, uint64_t address) {
    if (!range) return failure(range.error());
    put(address, range->address, 4);
    put(address + 4, range->tagged_length, 4);
    return {};
  }

  static Result<void> lower_pair(const Result<StringRange>& range, std::vector<FlatValue>& flat) {
    if (!range) return failure(range.error());
    flat.push_back(range->address);
    flat.push_back(range->tagged_length);
    return {};
  }

  Result<void> lower_record(const Layout& layout, const Value& value, std::vector<FlatValue>& flat) {
    const Values* values = std::get_if<Values>(&value.data);
    if (!values || values->size() != layout.members.size()) return mismatch(layout);
    for (size_t i = 0; i < values->size(); i++)
      WATTLE_CHECK(lower(*layout.members[i].layout, (*values)[i], flat));
    return {};
  }

  // As bits, joining is extending with zeros, which is what FlatValue already holds.
  Result<void> lower_variant(const Layout& layout, const Value& value, std::vector<FlatValue>& flat) {
    const CaseValue* chosen = case_of(layout, value);
    if (!chosen) return mismatch(layout);
    size_t end = flat.size() + layout.flat.size();
    flat.push_back(chosen->index);
    if (chosen->payload) WATTLE_CHECK(lower(*layout.members[chosen->index].layout, *chosen->payload, flat));
    flat.resize(end, 0);
    return {};
  }

  Codec& codec_;
};

Result<void> check_flat_count(size_t given, size_t expected) {
  if (given == expected) return {};
  return failure(ErrorCode::internal, "{} core values given, the type has {}", given, expected);
}

}  // namespace

Result<Value> Codec::load(const Layout& layout, uint32_t address) {
  return Lifter(*this).load_checked(layout, address);
}

Result<void> Codec::store(const Layout& layout, const Value& value, uint32_t address) {
  return Lowerer(*this).store_checked(layout, value, address);
}

Result<Value> Codec::lift_flat(const Layout& layout, std::span<const FlatValue> flat) {
  if (layout.flat.size() > kMaxFlatParameters)
    return failure(ErrorCode::internal, "the type has no flat form within the limits");
  WATTLE_CHECK(check_flat_count(flat.size(), layout.flat.size()));
  const FlatValue* next = flat.data();
  return Lifter(*this).lift(layout, next);
}

Result<std::vector<FlatValue>> Codec::lower_flat(const Layout& layout, const Value& value) {
  if (layout.flat.size() > kMaxFlatParameters)
    return failure(ErrorCode::internal, "the type has no flat form within the limits");
  std::vector<FlatValue> flat;
  flat.reserve(layout.flat.size());
  WATTLE_CHECK(Lowerer(*this).lower(layout, value, flat));
  return flat;
}

Result<Values> Codec::lift_parameters(const FunctionLayout& function, std::span<const FlatValue> core) {
  const Layout& layout = *function.parameters;
  WATTLE_CHECK(check_flat_count(core.size(), function.lifted_parameters.size()));
  Result<Value> record =
      function.parameters_in_memory ? load(layout, static_cast<uint32_t>(core[0])) : lift_flat(layout, core);
  if (!record) return failure(std::move(record).error());
  return std::get<Values>(std::move(record->data));
}

Result<Value> Codec::lift_result(const FunctionLayout& function, std::span<const FlatValue> core) {
  if (!function.result) return failure(ErrorCode::internal, "the function has no result");
  WATTLE_CHECK(check_flat_count(core.size(), function.lifted_results.size()));
  if (function.result_in_memory) return load(*function.result, static_cast<uint32_t>(core[0]));
  return lift_flat(*function.result, core);
}

Result<std::vector<FlatValue>> Codec::lower_parameters(const FunctionLayout& function,
                                                       const Values& parameters) {
  const Layout& layout = *function.parameters;
  if (parameters.size() != layout.members.size())
    return failure(ErrorCode::invalid_argument, "{} arguments given, the function takes {}",
                   parameters.size(), layout.members.size());
  std::vector<FlatValue> flat;
  Lowerer lowerer(*this);
  if (!function.parameters_in_memory) {
    for (size_t i = 0; i < parameters.size(); i++)
      WATTLE_CHECK(lowerer.lower(*layout.members[i].layout, parameters[i], flat));
    return flat;
  }
  if (!memory) return no_memory();
  if (layout.size == kOversized) return failure(ErrorCode::trap, "a value of 4 GiB or more fits no memory");
  WATTLE_TRY(uint32_t address, allocate_checked(*memory, layout.alignment, layout.size, "value"));
  WATTLE_CHECK(lowerer.store_record_values(layout, parameters, address));
  flat.push_back(address);
  return flat;
}

Result<std::vector<FlatValue>> Codec::lower_result(const FunctionLayout& function, const Value& result,
                                                   uint32_t return_address) {
  if (!function.result) return failure(ErrorCode::internal, "the function has no result");
  if (!function.result_in_memory) return lower_flat(*function.result, result);
  WATTLE_CHECK(store(*function.result, result, return_address));
  return std::vector<FlatValue>();
}

}  // namespace wattle::wit
