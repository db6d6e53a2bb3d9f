// pg-value and the errors of wasmcloud:postgres in the plain types (tuples, variants, options) that the
// canonical ABI and wRPC's encoding know how to carry, and back.
#pragma once

#include <memory>
#include <tuple>
#include <variant>
#include <vector>

#include "bindings/byte_string.h"
#include "capability/postgres.h"

namespace wattle::bindings::pg_wire {

inline constexpr std::string_view kQuery = "wasmcloud:postgres/query@0.1.1-draft";
inline constexpr std::string_view kPrepared = "wasmcloud:postgres/prepared@0.1.1-draft";

// Wire<T>::Type is what T is on the wire; to() and from() convert.
template <class T>
struct Wire {
  using Type = T;
  static Type to(T value) { return value; }
  static T from(Type value) { return value; }
};
template <class T>
using WireType = typename Wire<T>::Type;

template <class T>
struct Wire<std::vector<T>> {
  using Type = std::vector<WireType<T>>;
  static Type to(std::vector<T> values) {
    if constexpr (std::is_same_v<Type, std::vector<T>>) {
      return values;
    } else {
      Type made;
      made.reserve(values.size());
      for (auto&& each : values) made.push_back(Wire<T>::to(std::move(each)));
      return made;
    }
  }
  static std::vector<T> from(Type values) {
    if constexpr (std::is_same_v<Type, std::vector<T>>) {
      return values;
    } else {
      std::vector<T> made;
      made.reserve(values.size());
      for (auto&& each : values) made.push_back(Wire<T>::from(std::move(each)));
      return made;
    }
  }
};

// A record of one bool, which is carried like the bool, but has an address in a vector.
template <>
struct Wire<std::vector<bool>> {
  using Type = std::vector<std::tuple<bool>>;
  static Type to(const std::vector<bool>& values) {
    Type made;
    made.reserve(values.size());
    for (bool each : values) made.emplace_back(each);
    return made;
  }
  static std::vector<bool> from(const Type& values) {
    std::vector<bool> made;
    made.reserve(values.size());
    for (const auto& [each] : values) made.push_back(each);
    return made;
  }
};

template <>
struct Wire<capability::PgFloat> {
  using Type = std::tuple<uint64_t, int16_t, int8_t>;
  static Type to(capability::PgFloat value) { return {value.mantissa, value.exponent, value.sign}; }
  static capability::PgFloat from(Type value) { return std::make_from_tuple<capability::PgFloat>(value); }
};

template <>
struct Wire<capability::PgPoint> {
  using Float = Wire<capability::PgFloat>;
  using Type = std::tuple<Float::Type, Float::Type>;
  static Type to(capability::PgPoint value) { return {Float::to(value.x), Float::to(value.y)}; }
  static capability::PgPoint from(Type value) {
    return {Float::from(std::get<0>(value)), Float::from(std::get<1>(value))};
  }
};

template <>
struct Wire<capability::PgSegment> {
  using Point = Wire<capability::PgPoint>;
  using Type = std::tuple<Point::Type, Point::Type>;
  static Type to(capability::PgSegment value) { return {Point::to(value.first), Point::to(value.second)}; }
  static capability::PgSegment from(Type value) {
    return {Point::from(std::get<0>(value)), Point::from(std::get<1>(value))};
  }
};

template <>
struct Wire<capability::PgCircle> {
  using Point = Wire<capability::PgPoint>;
  using Float = Wire<capability::PgFloat>;
  using Type = std::tuple<Point::Type, Float::Type>;
  static Type to(capability::PgCircle value) { return {Point::to(value.center), Float::to(value.radius)}; }
  static capability::PgCircle from(Type value) {
    return {Point::from(std::get<0>(value)), Float::from(std::get<1>(value))};
  }
};

template <>
struct Wire<capability::PgBytes> {
  using Type = ByteString;
  static Type to(capability::PgBytes value) { return {std::move(value.bytes)}; }
  static capability::PgBytes from(Type value) { return {std::move(value.bytes)}; }
};

template <>
struct Wire<capability::PgSized> {
  using Type = std::tuple<uint32_t, ByteString>;
  static Type to(capability::PgSized value) { return {value.size, ByteString{std::move(value.bytes)}}; }
  static capability::PgSized from(Type value) {
    return {std::get<0>(value), std::move(std::get<1>(value).bytes)};
  }
};

template <>
struct Wire<capability::PgVarying> {
  using Type = std::tuple<std::optional<uint32_t>, ByteString>;
  static Type to(capability::PgVarying value) { return {value.size, ByteString{std::move(value.bytes)}}; }
  static capability::PgVarying from(Type value) {
    return {std::get<0>(value), std::move(std::get<1>(value).bytes)};
  }
};

// A record of one field, a tuple of so many bytes.
template <>
struct Wire<capability::PgMac48> {
  using B = uint8_t;
  using Type = std::tuple<std::tuple<B, B, B, B, B, B>>;
  static Type to(capability::PgMac48 value) {
    return std::apply([](auto... b) { return Type({b...}); }, value.bytes);
  }
  static capability::PgMac48 from(Type value) {
    return std::apply([](auto... b) { return capability::PgMac48{{b...}}; }, std::get<0>(value));
  }
};
template <>
struct Wire<capability::PgMac64> {
  using B = uint8_t;
  using Type = std::tuple<std::tuple<B, B, B, B, B, B, B, B>>;
  static Type to(capability::PgMac64 value) {
    return std::apply([](auto... b) { return Type({b...}); }, value.bytes);
  }
  static capability::PgMac64 from(Type value) {
    return std::apply([](auto... b) { return capability::PgMac64{{b...}}; }, std::get<0>(value));
  }
};

template <>
struct Wire<capability::PgDate> {
  using Date = capability::PgDate;
  using Type = std::variant<std::monostate, std::monostate, std::tuple<int32_t, uint32_t, uint32_t>>;
  static Type to(Date value) {
    if (value.kind == Date::Kind::positive_infinity) return Type(std::in_place_index<0>);
    if (value.kind == Date::Kind::negative_infinity) return Type(std::in_place_index<1>);
    return Type(std::in_place_index<2>, value.year, value.month, value.day);
  }
  static Date from(Type value) {
    Date date{.kind = static_cast<Date::Kind>(value.index())};
    if (const auto* ymd = std::get_if<2>(&value)) std::tie(date.year, date.month, date.day) = *ymd;
    return date;
  }
};

template <>
struct Wire<capability::PgInterval> {
  using Date = Wire<capability::PgDate>;
  using Type = std::tuple<Date::Type, bool, Date::Type, bool>;
  static Type to(capability::PgInterval value) {
    return {Date::to(value.start), value.start_inclusive, Date::to(value.end), value.end_inclusive};
  }
  static capability::PgInterval from(Type value) {
    return {Date::from(std::get<0>(value)), std::get<1>(value), Date::from(std::get<2>(value)),
            std::get<3>(value)};
  }
};

template <>
struct Wire<capability::PgTime> {
  using Type = std::tuple<uint32_t, uint32_t, uint32_t, uint32_t>;
  static Type to(capability::PgTime value) {
    return {value.hour, value.minute, value.second, value.microsecond};
  }
  static capability::PgTime from(Type value) { return std::make_from_tuple<capability::PgTime>(value); }
};

template <>
struct Wire<capability::PgTimeTz> {
  using Time = Wire<capability::PgTime>;
  using Type = std::tuple<std::string, Time::Type>;
  static Type to(capability::PgTimeTz value) { return {std::move(value.zone), Time::to(value.time)}; }
  static capability::PgTimeTz from(Type value) {
    return {std::move(std::get<0>(value)), Time::from(std::get<1>(value))};
  }
};

template <>
struct Wire<capability::PgTimestamp> {
  using Date = Wire<capability::PgDate>;
  using Time = Wire<capability::PgTime>;
  using Type = std::tuple<Date::Type, Time::Type>;
  static Type to(capability::PgTimestamp value) { return {Date::to(value.date), Time::to(value.time)}; }
  static capability::PgTimestamp from(Type value) {
    return {Date::from(std::get<0>(value)), Time::from(std::get<1>(value))};
  }
};

template <>
struct Wire<capability::PgOffset> {
  using Offset = capability::PgOffset;
  using Type = std::variant<int32_t, int32_t>;
  static Type to(Offset value) {
    if (value.kind == Offset::Kind::eastern_hemisphere_seconds)
      return Type(std::in_place_index<0>, value.seconds);
    return Type(std::in_place_index<1>, value.seconds);
  }
  static Offset from(Type value) {
    return {static_cast<Offset::Kind>(value.index()),
            value.index() == 0 ? std::get<0>(value) : std::get<1>(value)};
  }
};

template <>
struct Wire<capability::PgTimestampTz> {
  using Timestamp = Wire<capability::PgTimestamp>;
  using Offset = Wire<capability::PgOffset>;
  using Type = std::tuple<Timestamp::Type, Offset::Type>;
  static Type to(capability::PgTimestampTz value) {
    return {Timestamp::to(value.timestamp), Offset::to(value.offset)};
  }
  static capability::PgTimestampTz from(Type value) {
    return {Timestamp::from(std::get<0>(value)), Offset::from(std::get<1>(value))};
  }
};

template <>
struct Wire<capability::PgSnapshot> {
  using Type = std::tuple<int64_t, int64_t, std::vector<int64_t>>;
  static Type to(capability::PgSnapshot value) {
    return {value.xmin, value.xmax, std::move(value.in_progress)};
  }
  static capability::PgSnapshot from(Type value) {
    return {std::get<0>(value), std::get<1>(value), std::move(std::get<2>(value))};
  }
};

template <>
struct Wire<capability::PgLexeme> {
  using Weight = capability::PgLexeme::Weight;
  using Type = std::tuple<std::optional<uint16_t>, std::optional<Weight>, std::string>;
  static Type to(capability::PgLexeme value) { return {value.position, value.weight, std::move(value.data)}; }
  static capability::PgLexeme from(Type value) {
    return {std::get<0>(value), std::get<1>(value), std::move(std::get<2>(value))};
  }
};

template <>
struct Wire<capability::PgHstoreEntry> {
  using Type = std::tuple<std::string, std::optional<std::string>>;
  static Type to(capability::PgHstoreEntry value) { return {std::move(value.key), std::move(value.value)}; }
  static capability::PgHstoreEntry from(Type value) {
    return {std::move(std::get<0>(value)), std::move(std::get<1>(value))};
  }
};

// ---- pg-value

// Every case with its payload on the wire, in the WIT's order. The first is only there because a macro's list
// must begin without a comma: it is cut off.
template <capability::PgType type>
using CaseType = WireType<typename capability::PgPayload<type>::Type>;
template <class First, class... Cases>
using VariantOfRest = std::variant<Cases...>;
#define WATTLE_PG_WIRE(name, text, payload) , CaseType<capability::PgType::name>
using Value = VariantOfRest<void WATTLE_PG_CASES(WATTLE_PG_WIRE)>;
#undef WATTLE_PG_WIRE
static_assert(std::variant_size_v<Value> == capability::kPgTypes);

Value value_to_wire(capability::PgValue value);
capability::PgValue value_from_wire(Value value);

using Row = std::vector<std::tuple<std::string, Value>>;

// ---- Errors

// invalid-params, invalid-query, unexpected
using QueryError = std::variant<std::string, std::string, std::string>;
QueryError error_to_wire(capability::QueryError error);
capability::QueryError error_from_wire(QueryError error);
// unexpected
using PrepareError = std::variant<std::string>;
// unknown-prepared-query, query-error, unexpected
using ExecError = std::variant<std::monostate, QueryError, std::string>;
ExecError error_to_wire(capability::PreparedStatementExecError error);
capability::PreparedStatementExecError error_from_wire(ExecError error);

std::vector<capability::PgValue> parameters_from_wire(std::vector<Value> values);
std::vector<Value> parameters_to_wire(const std::vector<capability::PgValue>& values);
std::vector<Row> rows_to_wire(std::vector<capability::ResultRow> rows);
std::vector<capability::ResultRow> rows_from_wire(std::vector<Row> rows);

}  // namespace wattle::bindings::pg_wire

template <>
inline constexpr uint32_t wattle::kCaseCount<wattle::capability::PgLexeme::Weight> = 4;
