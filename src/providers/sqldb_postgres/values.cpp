#include "providers/sqldb_postgres/values.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "providers/sqldb_postgres/text_forms.h"

namespace wattle::providers::pg {
namespace {

constexpr Oid kFirstOwnOid = 16384;  // PostgreSQL's FirstNormalObjectId

// PostgreSQL's number for the type of each case; strings have 0, so that they become what the statement
// wants.
Oid oid_of(PgType type) {
  switch (type) {
    case PgType::null:
      return 0;
    case PgType::big_int:
    case PgType::int8:
    case PgType::big_serial:
    case PgType::serial8:
      return 20;
    case PgType::txid_snapshot:
      return 20;
    case PgType::int8_array:
      return 1016;
    case PgType::bool_:
    case PgType::boolean:
      return 16;
    case PgType::bool_array:
      return 1000;
    case PgType::double_:
    case PgType::float8:
      return 701;
    case PgType::float8_array:
      return 1022;
    case PgType::real:
    case PgType::float4:
      return 700;
    case PgType::float4_array:
      return 1021;
    case PgType::integer:
    case PgType::int_:
    case PgType::int4:
    case PgType::serial:
    case PgType::serial4:
      return 23;
    case PgType::int4_array:
      return 1007;
    case PgType::numeric:
    case PgType::decimal:
      return 1700;
    case PgType::numeric_array:
      return 1231;
    case PgType::small_int:
    case PgType::int2:
    case PgType::small_serial:
    case PgType::serial2:
      return 21;
    case PgType::int2_array:
      return 1005;
    case PgType::int2_vector:
      return 22;
    case PgType::int2_vector_array:
      return 1006;
    case PgType::bit:
      return 1560;
    case PgType::bit_array:
      return 1561;
    case PgType::bit_varying:
    case PgType::varbit:
      return 1562;
    case PgType::varbit_array:
      return 1563;
    case PgType::bytea:
      return 17;
    case PgType::bytea_array:
      return 1001;
    case PgType::char_:
    case PgType::varchar:
    case PgType::name:
    case PgType::text:
    case PgType::hstore:
      return 0;
    case PgType::char_array:
    case PgType::varchar_array:
    case PgType::name_array:
    case PgType::text_array:
      return 0;
    case PgType::cidr:
      return 650;
    case PgType::cidr_array:
      return 651;
    case PgType::inet:
      return 869;
    case PgType::inet_array:
      return 1041;
    case PgType::macaddr:
      return 829;
    case PgType::macaddr_array:
      return 1040;
    case PgType::macaddr8:
      return 774;
    case PgType::macaddr8_array:
      return 775;
    case PgType::box:
      return 603;
    case PgType::box_array:
      return 1020;
    case PgType::circle:
      return 718;
    case PgType::circle_array:
      return 719;
    case PgType::line:
      return 628;
    case PgType::line_array:
      return 629;
    case PgType::lseg:
      return 601;
    case PgType::lseg_array:
      return 1018;
    case PgType::path:
      return 602;
    case PgType::path_array:
      return 1019;
    case PgType::point:
      return 600;
    case PgType::point_array:
      return 1017;
    case PgType::polygon:
      return 604;
    case PgType::polygon_array:
      return 1027;
    case PgType::date:
      return 1082;
    case PgType::date_array:
      return 1182;
    case PgType::interval:
      return 3912;
    case PgType::interval_array:
      return 3913;
    case PgType::time:
      return 1083;
    case PgType::time_array:
      return 1183;
    case PgType::time_tz:
      return 1266;
    case PgType::time_tz_array:
      return 1270;
    case PgType::timestamp:
      return 1114;
    case PgType::timestamp_array:
      return 1115;
    case PgType::timestamp_tz:
      return 1184;
    case PgType::timestamp_tz_array:
      return 1185;
    case PgType::json:
      return 114;
    case PgType::json_array:
      return 199;
    case PgType::jsonb:
      return 3802;
    case PgType::jsonb_array:
      return 3807;
    case PgType::money:
      return 790;
    case PgType::money_array:
      return 791;
    case PgType::pg_lsn:
      return 3220;
    case PgType::pg_lsn_array:
      return 3221;
    case PgType::pg_snapshot:
      return 5038;
    case PgType::xml:
      return 142;
    case PgType::xml_array:
      return 143;
    case PgType::ts_query:
      return 3615;
    case PgType::ts_vector:
      return 3614;
    case PgType::uuid:
      return 2950;
    case PgType::uuid_array:
      return 2951;
  }
  return 0;
}

// The text form of one payload, or of one element of an array of the case `type`.
struct Writer {
  PgType type;
  using Text = Result<std::string>;

  Text operator()(std::monostate) const { return std::string(); }
  Text operator()(bool value) const { return std::string(value ? "t" : "f"); }
  template <class Number>
    requires std::is_integral_v<Number>
  Text operator()(Number value) const {
    if (type == PgType::pg_lsn || type == PgType::pg_lsn_array)
      return write_lsn(static_cast<uint64_t>(value));
    return std::to_string(value);
  }
  Text operator()(const PgFloat& value) const {
    return write(value, type == PgType::real || type == PgType::float4 || type == PgType::float4_array);
  }
  Text operator()(const std::string& value) const { return value; }
  Text operator()(const PgSized& value) const {
    return type == PgType::bit || type == PgType::bit_array ? write_bits(value.bytes, value.size)
                                                            : Text(value.bytes);
  }
  Text operator()(const PgVarying& value) const {
    const bool bits = type == PgType::bit_varying || type == PgType::varbit || type == PgType::varbit_array;
    if (!bits) return value.bytes;
    return write_bits(value.bytes, value.size.value_or(static_cast<uint32_t>(value.bytes.size() * 8)));
  }
  Text operator()(const PgSegment& value) const {
    if (type == PgType::box || type == PgType::box_array) return write(value, Segment::box);
    const bool line = type == PgType::line || type == PgType::line_array;
    return write(value, line ? Segment::line : Segment::lseg);
  }
  Text operator()(const std::vector<PgLexeme>& value) const { return write(value); }
  Text operator()(const std::vector<PgHstoreEntry>& value) const { return write(value); }
  Text operator()(const std::vector<PgPoint>& value) const {
    if (type == PgType::point_array) return array(value);
    return write_points(value, type == PgType::polygon || type == PgType::polygon_array);
  }
  Text operator()(const std::vector<int16_t>& value) const {
    if (type == PgType::int2_array) return array(value);
    return fmt::format("{}", fmt::join(value, " "));
  }
  template <class Element>
  Text operator()(const std::vector<Element>& value) const {
    return array(value);
  }
  template <class Struct>
    requires requires(const Struct& value) { write(value); }
  Text operator()(const Struct& value) const {
    return write(value);
  }

  template <class Element>
  Text array(const std::vector<Element>& value) const {
    std::vector<std::string> elements;
    for (const Element& element : value) {
      WATTLE_TRY(auto text, (*this)(element));
      elements.push_back(std::move(text));
    }
    return write_array(elements, type == PgType::box_array ? ';' : ',');
  }
};

// ---- what the server sent

template <class Number>
Result<Number> read_number(std::string_view text) {
  Number number{};
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || end != text.data() + text.size())
    return failure(ErrorCode::malformed, "PostgreSQL sent \"{}\", which is no number", text.substr(0, 100));
  return number;
}

Result<bool> read_bool(std::string_view text) {
  return text == "t";
}
Result<std::string> read_text(std::string_view text) {
  return std::string(text);
}
Result<std::string> read_money_text(std::string_view text) {
  return read_money(text);
}
Result<PgFloat> read_double(std::string_view text) {
  return read_float(text, false);
}
Result<PgFloat> read_single(std::string_view text) {
  return read_float(text, true);
}
template <Segment kind>
Result<PgSegment> read_pair(std::string_view text) {
  return read_segment(text, kind);
}
// A number of characters, as far as ASCII goes: of bytes.
Result<PgSized> read_char(std::string_view text) {
  return PgSized{.size = static_cast<uint32_t>(text.size()), .bytes = std::string(text)};
}
Result<PgVarying> read_varchar(std::string_view text) {
  return PgVarying{.size = {}, .bytes = std::string(text)};
}
Result<PgVarying> read_varbit(std::string_view text) {
  WATTLE_TRY(PgSized bits, read_bits(text));
  return PgVarying{.size = bits.size, .bytes = std::move(bits.bytes)};
}
Result<std::vector<int16_t>> read_int2_vector(std::string_view text) {
  std::vector<int16_t> numbers;
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    WATTLE_TRY(const int16_t number, read_number<int16_t>(text.substr(0, end)));
    numbers.push_back(number);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return numbers;
}

using ToValue = Result<PgValue> (*)(std::string_view);

template <PgType type, auto read>
Result<PgValue> scalar(std::string_view text) {
  WATTLE_TRY(auto payload, read(text));
  return PgValue::of<type>(std::move(payload));
}

template <PgType type, auto read, char delimiter = ','>
Result<PgValue> array(std::string_view text) {
  WATTLE_TRY(const auto elements, read_array(text, delimiter));
  typename PgPayload<type>::Type payload;
  for (const std::string& element : elements) {
    WATTLE_TRY(auto one, read(element));
    payload.push_back(std::move(one));
  }
  return PgValue::of<type>(std::move(payload));
}

const std::map<Oid, ToValue>& readers() {
  static const std::map<Oid, ToValue> table = {
      {16, scalar<PgType::bool_, read_bool>},
      {1000, array<PgType::bool_array, read_bool>},
      {17, scalar<PgType::bytea, read_bytes>},
      {1001, array<PgType::bytea_array, read_bytes>},
      {18, scalar<PgType::char_, read_char>},
      {1002, array<PgType::char_array, read_char>},
      {19, scalar<PgType::name, read_text>},
      {1003, array<PgType::name_array, read_text>},
      {20, scalar<PgType::int8, read_number<int64_t>>},
      {1016, array<PgType::int8_array, read_number<int64_t>>},
      {21, scalar<PgType::int2, read_number<int16_t>>},
      {1005, array<PgType::int2_array, read_number<int16_t>>},
      {22, scalar<PgType::int2_vector, read_int2_vector>},
      {1006, array<PgType::int2_vector_array, read_int2_vector>},
      {23, scalar<PgType::int4, read_number<int32_t>>},
      {1007, array<PgType::int4_array, read_number<int32_t>>},
      {25, scalar<PgType::text, read_text>},
      {1009, array<PgType::text_array, read_text>},
      {26, scalar<PgType::int8, read_number<int64_t>>},  // oid
      {114, scalar<PgType::json, read_text>},
      {199, array<PgType::json_array, read_text>},
      {142, scalar<PgType::xml, read_text>},
      {143, array<PgType::xml_array, read_text>},
      {600, scalar<PgType::point, read_point>},
      {1017, array<PgType::point_array, read_point>},
      {601, scalar<PgType::lseg, read_pair<Segment::lseg>>},
      {1018, array<PgType::lseg_array, read_pair<Segment::lseg>>},
      {602, scalar<PgType::path, read_points>},
      {1019, array<PgType::path_array, read_points>},
      {603, scalar<PgType::box, read_pair<Segment::box>>},
      {1020, array<PgType::box_array, read_pair<Segment::box>, ';'>},
      {604, scalar<PgType::polygon, read_points>},
      {1027, array<PgType::polygon_array, read_points>},
      {628, scalar<PgType::line, read_pair<Segment::line>>},
      {629, array<PgType::line_array, read_pair<Segment::line>>},
      {650, scalar<PgType::cidr, read_text>},
      {651, array<PgType::cidr_array, read_text>},
      {700, scalar<PgType::float4, read_single>},
      {1021, array<PgType::float4_array, read_single>},
      {701, scalar<PgType::float8, read_double>},
      {1022, array<PgType::float8_array, read_double>},
      {718, scalar<PgType::circle, read_circle>},
      {719, array<PgType::circle_array, read_circle>},
      {774, scalar<PgType::macaddr8, read_mac64>},
      {775, array<PgType::macaddr8_array, read_mac64>},
      {790, scalar<PgType::money, read_money_text>},
      {791, array<PgType::money_array, read_money_text>},
      {829, scalar<PgType::macaddr, read_mac48>},
      {1040, array<PgType::macaddr_array, read_mac48>},
      {869, scalar<PgType::inet, read_text>},
      {1041, array<PgType::inet_array, read_text>},
      {1042, scalar<PgType::char_, read_char>},
      {1014, array<PgType::char_array, read_char>},
      {1043, scalar<PgType::varchar, read_varchar>},
      {1015, array<PgType::varchar_array, read_varchar>},
      {1082, scalar<PgType::date, read_date>},
      {1182, array<PgType::date_array, read_date>},
      {1083, scalar<PgType::time, read_time>},
      {1183, array<PgType::time_array, read_time>},
      {1114, scalar<PgType::timestamp, read_timestamp>},
      {1115, array<PgType::timestamp_array, read_timestamp>},
      {1184, scalar<PgType::timestamp_tz, read_timestamp_tz>},
      {1185, array<PgType::timestamp_tz_array, read_timestamp_tz>},
      {1266, scalar<PgType::time_tz, read_time_tz>},
      {1270, array<PgType::time_tz_array, read_time_tz>},
      {1560, scalar<PgType::bit, read_bits>},
      {1561, array<PgType::bit_array, read_bits>},
      {1562, scalar<PgType::varbit, read_varbit>},
      {1563, array<PgType::varbit_array, read_varbit>},
      {1700, scalar<PgType::numeric, read_text>},
      {1231, array<PgType::numeric_array, read_text>},
      {2950, scalar<PgType::uuid, read_text>},
      {2951, array<PgType::uuid_array, read_text>},
      {2970, scalar<PgType::pg_snapshot, read_snapshot>},  // txid_snapshot, whose case is one number
      {5038, scalar<PgType::pg_snapshot, read_snapshot>},
      {3220, scalar<PgType::pg_lsn, read_lsn>},
      {3221, array<PgType::pg_lsn_array, read_lsn>},
      {3614, scalar<PgType::ts_vector, read_lexemes>},
      {3615, scalar<PgType::ts_query, read_text>},
      {3802, scalar<PgType::jsonb, read_text>},
      {3807, array<PgType::jsonb_array, read_text>},
      {3912, scalar<PgType::interval, read_range>},
      {3913, array<PgType::interval_array, read_range>},
  };
  return table;
}

}  // namespace

Result<postgres::Parameter> to_parameter(const PgValue& value) {
  postgres::Parameter parameter{.value = {}, .type = oid_of(value.type), .binary = false};
  if (value.type == PgType::null) return parameter;
  if (const auto* bytes = std::get_if<PgBytes>(&value.data)) return postgres::bytes_parameter(bytes->bytes);
  WATTLE_TRY(parameter.value, std::visit(Writer{value.type}, value.data));
  if (parameter.value->find('\0') != std::string::npos)
    return failure(ErrorCode::invalid_argument,
                   "a value of the type {} holds a zero byte, which PostgreSQL does not take",
                   to_string(value.type));
  return parameter;
}

Result<PgValue> to_value(Oid oid, std::string_view text, std::string_view type_name) {
  if (type_name == "hstore") return scalar<PgType::hstore, read_hstore>(text);
  const auto reader = readers().find(oid);
  if (reader == readers().end()) return PgValue::of<PgType::text>(std::string(text));
  return reader->second(text);
}

bool has_name_only(Oid oid) {
  return oid >= kFirstOwnOid;
}

}  // namespace wattle::providers::pg
