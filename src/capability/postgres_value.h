// wasmcloud:postgres/types.pg-value 0.1.1-draft: a value of any of PostgreSQL's types.
//
//   PgValue value = PgValue::of<PgType::int4>(42);
//   value.type;                        // the variant's case; its number is the WIT's discriminant
//   std::get<int32_t>(value.data);     // its payload
//
// Structs have their fields in the order of the WIT's records and tuples.
#pragma once

#include <array>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace wattle::capability {

// hashable-f64: mantissa, exponent of 2, and sign (1 or -1).
struct PgFloat {
  uint64_t mantissa = 0;
  int16_t exponent = 0;
  int8_t sign = 1;
  bool operator==(const PgFloat&) const = default;
};
struct PgPoint {
  PgFloat x, y;
  bool operator==(const PgPoint&) const = default;
};
// box (lower left and upper right), line, lseg (start and end).
struct PgSegment {
  PgPoint first, second;
  bool operator==(const PgSegment&) const = default;
};
struct PgCircle {
  PgPoint center;
  PgFloat radius;
  bool operator==(const PgCircle&) const = default;
};
struct PgBytes {
  std::string bytes;
  bool operator==(const PgBytes&) const = default;
};
// bit (a number of bits, the first in the highest place) and char (a number of characters).
struct PgSized {
  uint32_t size = 0;
  std::string bytes;
  bool operator==(const PgSized&) const = default;
};
// varbit and varchar.
struct PgVarying {
  std::optional<uint32_t> size;
  std::string bytes;
  bool operator==(const PgVarying&) const = default;
};
struct PgMac48 {
  std::array<uint8_t, 6> bytes{};
  bool operator==(const PgMac48&) const = default;
};
struct PgMac64 {
  std::array<uint8_t, 8> bytes{};
  bool operator==(const PgMac64&) const = default;
};
struct PgDate {
  enum class Kind : uint8_t { positive_infinity, negative_infinity, ymd };  // a variant's cases
  Kind kind = Kind::ymd;
  int32_t year = 0;  // 0 is 1 BC
  uint32_t month = 1, day = 1;
  bool operator==(const PgDate&) const = default;
};
// A range of dates.
struct PgInterval {
  PgDate start;
  bool start_inclusive = false;
  PgDate end;
  bool end_inclusive = false;
  bool operator==(const PgInterval&) const = default;
};
struct PgTime {
  uint32_t hour = 0, minute = 0, second = 0, microsecond = 0;
  bool operator==(const PgTime&) const = default;
};
struct PgTimeTz {
  std::string zone;  // "+02:00"
  PgTime time;
  bool operator==(const PgTimeTz&) const = default;
};
struct PgTimestamp {
  PgDate date;
  PgTime time;
  bool operator==(const PgTimestamp&) const = default;
};
struct PgOffset {
  enum class Kind : uint8_t { eastern_hemisphere_seconds, western_hemisphere_seconds };  // a variant's cases
  Kind kind = Kind::eastern_hemisphere_seconds;
  int32_t seconds = 0;
  bool operator==(const PgOffset&) const = default;
};
struct PgTimestampTz {
  PgTimestamp timestamp;
  PgOffset offset;
  bool operator==(const PgTimestampTz&) const = default;
};
struct PgSnapshot {
  int64_t xmin = 0, xmax = 0;
  std::vector<int64_t> in_progress;
  bool operator==(const PgSnapshot&) const = default;
};
struct PgLexeme {
  enum class Weight : uint8_t { a, b, c, d };
  std::optional<uint16_t> position;
  std::optional<Weight> weight;
  std::string data;
  bool operator==(const PgLexeme&) const = default;
};
struct PgHstoreEntry {
  std::string key;
  std::optional<std::string> value;
  bool operator==(const PgHstoreEntry&) const = default;
};

// Every case of pg-value in the WIT's order: X(name here, name in the WIT, payload).
// clang-format off
#define WATTLE_PG_CASES(X) \
  X(null, "null", std::monostate) \
  X(big_int, "big-int", int64_t) \
  X(int8, "int8", int64_t) \
  X(int8_array, "int8-array", std::vector<int64_t>) \
  X(big_serial, "big-serial", int64_t) \
  X(serial8, "serial8", int64_t) \
  X(bool_, "bool", bool) \
  X(boolean, "boolean", bool) \
  X(bool_array, "bool-array", std::vector<bool>) \
  X(double_, "double", PgFloat) \
  X(float8, "float8", PgFloat) \
  X(float8_array, "float8-array", std::vector<PgFloat>) \
  X(real, "real", PgFloat) \
  X(float4, "float4", PgFloat) \
  X(float4_array, "float4-array", std::vector<PgFloat>) \
  X(integer, "integer", int32_t) \
  X(int_, "int", int32_t) \
  X(int4, "int4", int32_t) \
  X(int4_array, "int4-array", std::vector<int32_t>) \
  X(numeric, "numeric", std::string) \
  X(decimal, "decimal", std::string) \
  X(numeric_array, "numeric-array", std::vector<std::string>) \
  X(serial, "serial", uint32_t) \
  X(serial4, "serial4", uint32_t) \
  X(small_int, "small-int", int16_t) \
  X(int2, "int2", int16_t) \
  X(int2_array, "int2-array", std::vector<int16_t>) \
  X(int2_vector, "int2-vector", std::vector<int16_t>) \
  X(int2_vector_array, "int2-vector-array", std::vector<std::vector<int16_t>>) \
  X(small_serial, "small-serial", int16_t) \
  X(serial2, "serial2", int16_t) \
  X(bit, "bit", PgSized) \
  X(bit_array, "bit-array", std::vector<PgSized>) \
  X(bit_varying, "bit-varying", PgVarying) \
  X(varbit, "varbit", PgVarying) \
  X(varbit_array, "varbit-array", std::vector<PgVarying>) \
  X(bytea, "bytea", PgBytes) \
  X(bytea_array, "bytea-array", std::vector<PgBytes>) \
  X(char_, "char", PgSized) \
  X(char_array, "char-array", std::vector<PgSized>) \
  X(varchar, "varchar", PgVarying) \
  X(varchar_array, "varchar-array", std::vector<PgVarying>) \
  X(cidr, "cidr", std::string) \
  X(cidr_array, "cidr-array", std::vector<std::string>) \
  X(inet, "inet", std::string) \
  X(inet_array, "inet-array", std::vector<std::string>) \
  X(macaddr, "macaddr", PgMac48) \
  X(macaddr_array, "macaddr-array", std::vector<PgMac48>) \
  X(macaddr8, "macaddr8", PgMac64) \
  X(macaddr8_array, "macaddr8-array", std::vector<PgMac64>) \
  X(box, "box", PgSegment) \
  X(box_array, "box-array", std::vector<PgSegment>) \
  X(circle, "circle", PgCircle) \
  X(circle_array, "circle-array", std::vector<PgCircle>) \
  X(line, "line", PgSegment) \
  X(line_array, "line-array", std::vector<PgSegment>) \
  X(lseg, "lseg", PgSegment) \
  X(lseg_array, "lseg-array", std::vector<PgSegment>) \
  X(path, "path", std::vector<PgPoint>) \
  X(path_array, "path-array", std::vector<std::vector<PgPoint>>) \
  X(point, "point", PgPoint) \
  X(point_array, "point-array", std::vector<PgPoint>) \
  X(polygon, "polygon", std::vector<PgPoint>) \
  X(polygon_array, "polygon-array", std::vector<std::vector<PgPoint>>) \
  X(date, "date", PgDate) \
  X(date_array, "date-array", std::vector<PgDate>) \
  X(interval, "interval", PgInterval) \
  X(interval_array, "interval-array", std::vector<PgInterval>) \
  X(time, "time", PgTime) \
  X(time_array, "time-array", std::vector<PgTime>) \
  X(time_tz, "time-tz", PgTimeTz) \
  X(time_tz_array, "time-tz-array", std::vector<PgTimeTz>) \
  X(timestamp, "timestamp", PgTimestamp) \
  X(timestamp_array, "timestamp-array", std::vector<PgTimestamp>) \
  X(timestamp_tz, "timestamp-tz", PgTimestampTz) \
  X(timestamp_tz_array, "timestamp-tz-array", std::vector<PgTimestampTz>) \
  X(json, "json", std::string) \
  X(json_array, "json-array", std::vector<std::string>) \
  X(jsonb, "jsonb", std::string) \
  X(jsonb_array, "jsonb-array", std::vector<std::string>) \
  X(money, "money", std::string) \
  X(money_array, "money-array", std::vector<std::string>) \
  X(pg_lsn, "pg-lsn", uint64_t) \
  X(pg_lsn_array, "pg-lsn-array", std::vector<uint64_t>) \
  X(pg_snapshot, "pg-snapshot", PgSnapshot) \
  X(txid_snapshot, "txid-snapshot", int64_t) \
  X(name, "name", std::string) \
  X(name_array, "name-array", std::vector<std::string>) \
  X(text, "text", std::string) \
  X(text_array, "text-array", std::vector<std::string>) \
  X(xml, "xml", std::string) \
  X(xml_array, "xml-array", std::vector<std::string>) \
  X(ts_query, "ts-query", std::string) \
  X(ts_vector, "ts-vector", std::vector<PgLexeme>) \
  X(uuid, "uuid", std::string) \
  X(uuid_array, "uuid-array", std::vector<std::string>) \
  X(hstore, "hstore", std::vector<PgHstoreEntry>)

// clang-format on
enum class PgType : uint8_t {
#define X(name, text, payload) name,
  WATTLE_PG_CASES(X)
#undef X
};
inline constexpr size_t kPgTypes = 0
#define X(name, text, payload) +1
    WATTLE_PG_CASES(X)
#undef X
    ;

// Each payload once.
using PgData =
    std::variant<std::monostate, int64_t, std::vector<int64_t>, bool, std::vector<bool>, PgFloat,
                 std::vector<PgFloat>, int32_t, std::vector<int32_t>, std::string, std::vector<std::string>,
                 uint32_t, int16_t, std::vector<int16_t>, std::vector<std::vector<int16_t>>, PgSized,
                 std::vector<PgSized>, PgVarying, std::vector<PgVarying>, PgBytes, std::vector<PgBytes>,
                 PgMac48, std::vector<PgMac48>, PgMac64, std::vector<PgMac64>, PgSegment,
                 std::vector<PgSegment>, PgCircle, std::vector<PgCircle>, std::vector<PgPoint>,
                 std::vector<std::vector<PgPoint>>, PgPoint, PgDate, std::vector<PgDate>, PgInterval,
                 std::vector<PgInterval>, PgTime, std::vector<PgTime>, PgTimeTz, std::vector<PgTimeTz>,
                 PgTimestamp, std::vector<PgTimestamp>, PgTimestampTz, std::vector<PgTimestampTz>, uint64_t,
                 std::vector<uint64_t>, PgSnapshot, std::vector<PgLexeme>, std::vector<PgHstoreEntry>>;

template <PgType type>
struct PgPayload;
#define X(name, text, payload)     \
  template <>                      \
  struct PgPayload<PgType::name> { \
    using Type = payload;          \
  };
WATTLE_PG_CASES(X)
#undef X

// Calls `visitor(std::type_identity<Payload>())` for the payload of `type`.
template <class Visitor>
decltype(auto) with_pg_payload(PgType type, Visitor&& visitor) {
  switch (type) {
#define X(name, text, payload) \
  case PgType::name:           \
    return visitor(std::type_identity<payload>());
    WATTLE_PG_CASES(X)
#undef X
  }
  std::abort();  // no such type can be made
}

// The case's name in the WIT: "int4-array".
constexpr std::string_view to_string(PgType type) {
  constexpr std::string_view names[] = {
#define X(name, text, payload) text,
      WATTLE_PG_CASES(X)
#undef X
  };
  return names[static_cast<size_t>(type)];
}

struct PgValue {
  PgType type = PgType::null;
  PgData data;  // holds the payload of `type`

  template <PgType type>
  static PgValue of(typename PgPayload<type>::Type payload) {
    return {type, PgData(std::move(payload))};
  }
  bool operator==(const PgValue&) const = default;
};

}  // namespace wattle::capability
