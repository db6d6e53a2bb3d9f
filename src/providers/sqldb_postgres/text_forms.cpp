#include "providers/sqldb_postgres/text_forms.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cfloat>
#include <cmath>
#include <limits>

namespace wattle::providers::pg {
namespace {

constexpr int kExponentOfInfinity = 972;        // of 64 bits
constexpr int kExponentOfInfinitySingle = 105;  // of 32
constexpr uint64_t kMantissaOfNan = uint64_t{3} << 51;
constexpr uint64_t kMantissaOfNanSingle = uint64_t{3} << 22;

std::string in_quotes(std::string_view text, char quote, bool double_it) {
  std::string out(1, quote);
  for (const char c : text) {
    if (c == '\\' || (c == quote && !double_it)) out += '\\';
    if (c == quote && double_it) out += quote;
    out += c;
  }
  return out + quote;
}

template <size_t count>
std::string hexadecimal(const std::array<uint8_t, count>& bytes) {
  std::string text;
  for (const uint8_t byte : bytes) {
    if (!text.empty()) text += ':';
    fmt::format_to(std::back_inserter(text), "{:02x}", byte);
  }
  return text;
}

std::string day_text(const PgDate& date) {
  const int64_t year = date.year;
  return fmt::format("{:04}-{:02}-{:02}", year > 0 ? year : 1 - year, date.month, date.day);
}

bool is_finite(const PgDate& date) {
  return date.kind == PgDate::Kind::ymd;
}

std::string_view era(const PgDate& date) {
  return is_finite(date) && date.year <= 0 ? " BC" : "";
}

std::string offset_text(const PgOffset& offset) {
  const int64_t east = offset.kind == PgOffset::Kind::eastern_hemisphere_seconds ? int64_t{offset.seconds}
                                                                                 : -int64_t{offset.seconds};
  const int64_t seconds = east < 0 ? -east : east;
  return fmt::format("{}{:02}:{:02}:{:02}", east < 0 ? '-' : '+', seconds / 3600, seconds / 60 % 60,
                     seconds % 60);
}

}  // namespace

PgFloat decode_float(double number) {
  const auto bits = std::bit_cast<uint64_t>(number);
  const auto exponent = static_cast<int>(bits >> 52 & 0x7ff);
  const uint64_t fraction = bits & 0xfffffffffffff;
  return {.mantissa = exponent == 0 ? fraction << 1 : fraction | uint64_t{1} << 52,
          .exponent = static_cast<int16_t>(exponent - 1075),
          .sign = static_cast<int8_t>(bits >> 63 != 0 ? -1 : 1)};
}

double encode_float(const PgFloat& number, bool single) {
  const bool nan =
      (number.mantissa == kMantissaOfNan && number.exponent == kExponentOfInfinity) ||
      (single && number.mantissa == kMantissaOfNanSingle && number.exponent == kExponentOfInfinitySingle);
  if (nan) return std::numeric_limits<double>::quiet_NaN();
  const double size = std::ldexp(static_cast<double>(number.mantissa), number.exponent);
  const double value = number.sign < 0 ? -size : size;
  if (single && size > FLT_MAX) return std::copysign(std::numeric_limits<double>::infinity(), value);
  return value;
}

std::string write(const PgFloat& number, bool single) {
  const double value = encode_float(number, single);
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  return single ? fmt::format("{}", static_cast<float>(value)) : fmt::format("{}", value);
}

std::string write(const PgPoint& point) {
  return fmt::format("({},{})", write(point.x, false), write(point.y, false));
}

std::string write(const PgCircle& circle) {
  return fmt::format("<{},{}>", write(circle.center), write(circle.radius, false));
}

std::string write(const PgSegment& segment, Segment kind) {
  const std::string points = write(segment.first) + "," + write(segment.second);
  return kind == Segment::box ? points : "[" + points + "]";
}

std::string write_points(const std::vector<PgPoint>& points, bool closed) {
  std::string text(1, closed ? '(' : '[');
  for (const PgPoint& point : points) {
    if (text.size() > 1) text += ',';
    text += write(point);
  }
  return text + (closed ? ')' : ']');
}

std::string write(const PgBytes& bytes) {
  std::string text = "\\x";
  for (const char c : bytes.bytes)
    fmt::format_to(std::back_inserter(text), "{:02x}", static_cast<uint8_t>(c));
  return text;
}

Result<std::string> write_bits(std::string_view bytes, uint32_t count) {
  if (count > bytes.size() * 8)
    return failure(ErrorCode::invalid_argument, "{} bits do not stand in {} bytes", count, bytes.size());
  std::string text;
  for (uint32_t i = 0; i < count; ++i)
    text += (static_cast<uint8_t>(bytes[i / 8]) >> (7 - i % 8) & 1) != 0 ? '1' : '0';
  return text;
}

std::string write(const PgMac48& address) {
  return hexadecimal(address.bytes);
}

std::string write(const PgMac64& address) {
  return hexadecimal(address.bytes);
}

std::string write(const PgDate& date) {
  if (date.kind == PgDate::Kind::positive_infinity) return "infinity";
  if (date.kind == PgDate::Kind::negative_infinity) return "-infinity";
  return day_text(date).append(era(date));
}

std::string write(const PgInterval& range) {
  return fmt::format("{}{},{}{}", range.start_inclusive ? '[' : '(', write(range.start), write(range.end),
                     range.end_inclusive ? ']' : ')');
}

std::string write(const PgTime& time) {
  return fmt::format("{:02}:{:02}:{:02}.{:06}", time.hour, time.minute, time.second, time.microsecond);
}

std::string write(const PgTimeTz& time) {
  return write(time.time) + " " + time.zone;
}

std::string write(const PgTimestamp& time) {
  if (!is_finite(time.date)) return write(time.date);
  return fmt::format("{} {}{}", day_text(time.date), write(time.time), era(time.date));
}

std::string write(const PgTimestampTz& time) {
  const PgTimestamp& local = time.timestamp;
  if (!is_finite(local.date)) return write(local.date);
  return fmt::format("{} {}{}{}", day_text(local.date), write(local.time), offset_text(time.offset),
                     era(local.date));
}

std::string write(const PgSnapshot& snapshot) {
  return fmt::format("{}:{}:{}", snapshot.xmin, snapshot.xmax, fmt::join(snapshot.in_progress, ","));
}

std::string write(const std::vector<PgLexeme>& vector) {
  std::string text;
  for (const PgLexeme& lexeme : vector) {
    if (!text.empty()) text += ' ';
    text += in_quotes(lexeme.data, '\'', true);
    // A weight needs a position.
    if (lexeme.position || lexeme.weight)
      fmt::format_to(std::back_inserter(text), ":{}", std::max<unsigned>(lexeme.position.value_or(1), 1));
    if (lexeme.weight) text += "ABCD"[static_cast<size_t>(*lexeme.weight)];
  }
  return text;
}

std::string write(const std::vector<PgHstoreEntry>& map) {
  std::string text;
  for (const PgHstoreEntry& entry : map) {
    if (!text.empty()) text += ", ";
    text += in_quotes(entry.key, '"', false) + "=>" +
            (entry.value ? in_quotes(*entry.value, '"', false) : "NULL");
  }
  return text;
}

std::string write_lsn(uint64_t number) {
  return fmt::format("{:X}/{:X}", number >> 32, number & 0xffffffff);
}

std::string write_array(const std::vector<std::string>& elements, char delimiter) {
  std::string text = "{";
  for (const std::string& element : elements) {
    if (text.size() > 1) text += delimiter;
    text += in_quotes(element, '"', false);
  }
  return text + "}";
}

}  // namespace wattle::providers::pg
