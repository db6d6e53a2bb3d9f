// Reading what PostgreSQL sent; see text_forms.h.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "providers/sqldb_postgres/text_forms.h"

namespace wattle::providers::pg {
namespace {

tl::unexpected<Error> refuse(std::string_view what, std::string_view text) {
  return failure(ErrorCode::malformed, "PostgreSQL sent \"{}\", which is no {}", text.substr(0, 100), what);
}

// Reads one thing after the other from a text.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : rest_(text) {}

  bool skip(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool skip(std::string_view text) {
    if (!rest_.starts_with(text)) return false;
    rest_.remove_prefix(text.size());
    return true;
  }
  template <class Number>
  bool number(Number& into) {
    const auto [end, problem] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), into);
    if (problem != std::errc()) return false;
    rest_.remove_prefix(static_cast<size_t>(end - rest_.data()));
    return true;
  }
  // Everything before the next `c`, or to the end.
  std::string_view until(char c) {
    const size_t end = std::min(rest_.find(c), rest_.size());
    const std::string_view part = rest_.substr(0, end);
    rest_.remove_prefix(end);
    return part;
  }
  // A text in quotes, with backslashes before what is meant as it is; doubled quotes stand for one.
  bool in_quotes(char quote, std::string& into) {
    if (!skip(quote)) return false;
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == quote && !skip(quote)) return true;
      if (c == '\\' && !rest_.empty()) {
        into += rest_.front();
        rest_.remove_prefix(1);
      } else {
        into += c;
      }
    }
    return false;
  }
  std::string_view rest() const { return rest_; }
  bool at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

bool read_double(Cursor& at, double& number) {
  if (at.skip("Infinity") || at.skip("infinity")) {
    number = INFINITY;
    return true;
  }
  if (at.skip("-Infinity") || at.skip("-infinity")) {
    number = -INFINITY;
    return true;
  }
  if (at.skip("NaN")) {
    number = NAN;
    return true;
  }
  return at.number(number) && std::isfinite(number);  // from_chars knows names of its own
}

bool read_pair(Cursor& at, PgPoint& point) {
  double x = 0;
  double y = 0;
  if (!at.skip('(') || !read_double(at, x) || !at.skip(',') || !read_double(at, y) || !at.skip(')'))
    return false;
  point = {decode_float(x), decode_float(y)};
  return true;
}

// "{A,B,C}": Ax + By + C = 0, as two of its points.
bool read_line(Cursor& at, PgSegment& segment) {
  double a = 0;
  double b = 0;
  double c = 0;
  if (!at.skip('{') || !read_double(at, a) || !at.skip(',') || !read_double(at, b) || !at.skip(',') ||
      !read_double(at, c) || !at.skip('}'))
    return false;
  const auto point = [](double x, double y) { return PgPoint{decode_float(x), decode_float(y)}; };
  if (b != 0) {
    segment = {point(0, -c / b), point(1, -(a + c) / b)};
  } else {
    segment = {point(-c / a, 0), point(-c / a, 1)};
  }
  return a != 0 || b != 0;
}

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

template <class Address>
bool read_address(std::string_view text, Address& address) {
  size_t count = 0;
  while (!text.empty()) {
    if (count > 0 && !text.starts_with(':')) return false;
    if (count > 0) text.remove_prefix(1);
    if (text.size() < 2 || digit_of(text[0]) < 0 || digit_of(text[1]) < 0 || count == address.bytes.size())
      return false;
    address.bytes[count++] = static_cast<uint8_t>(digit_of(text[0]) * 16 + digit_of(text[1]));
    text.remove_prefix(2);
  }
  return count == address.bytes.size();
}

bool read_day(Cursor& at, PgDate& date) {
  return at.number(date.year) && at.skip('-') && at.number(date.month) && at.skip('-') && at.number(date.day);
}

bool read_clock(Cursor& at, PgTime& time) {
  if (!at.number(time.hour) || !at.skip(':') || !at.number(time.minute) || !at.skip(':') ||
      !at.number(time.second))
    return false;
  time.microsecond = 0;
  if (!at.skip('.')) return true;
  const size_t before = at.rest().size();
  if (!at.number(time.microsecond)) return false;
  for (size_t digits = before - at.rest().size(); digits < 6; ++digits) time.microsecond *= 10;
  return true;
}

// Years before the first are counted from 0 downwards.
bool read_era(Cursor& at, PgDate& date) {
  if (at.skip(" BC")) {
    if (date.year < 1) return false;
    date.year = 1 - date.year;
  }
  return at.at_end();
}

std::optional<PgDate> read_infinity(std::string_view text) {
  if (text == "infinity") return PgDate{.kind = PgDate::Kind::positive_infinity};
  if (text == "-infinity") return PgDate{.kind = PgDate::Kind::negative_infinity};
  return std::nullopt;
}

// Hours, and where there are some minutes and seconds. PostgreSQL's offsets stay below 16 hours.
bool read_offset(Cursor& at, PgOffset& offset) {
  constexpr uint32_t kMax[3] = {15, 59, 59};
  const bool west = at.skip('-');
  if (!west && !at.skip('+')) return false;
  uint32_t parts[3] = {0, 0, 0};
  for (int i = 0; i == 0 || (i < 3 && at.skip(':')); ++i)
    if (!at.number(parts[i]) || parts[i] > kMax[i]) return false;
  offset.seconds = static_cast<int32_t>(parts[0] * 3600 + parts[1] * 60 + parts[2]);
  // Greenwich counts as west, as it does for wasmCloud's provider.
  offset.kind = west || offset.seconds == 0 ? PgOffset::Kind::western_hemisphere_seconds
                                            : PgOffset::Kind::eastern_hemisphere_seconds;
  return true;
}

// Behind a lexeme: ":1A,2".
bool read_positions(Cursor& at, const std::string& data, std::vector<PgLexeme>& lexemes) {
  if (!at.skip(':')) {
    lexemes.push_back({.position = {}, .weight = {}, .data = data});
    return true;
  }
  do {
    PgLexeme lexeme{.position = uint16_t{0}, .weight = {}, .data = data};
    if (!at.number(*lexeme.position)) return false;
    lexeme.weight = PgLexeme::Weight::d;
    for (int i = 0; i < 3; ++i)
      if (at.skip("ABC"[i])) lexeme.weight = static_cast<PgLexeme::Weight>(i);
    lexemes.push_back(std::move(lexeme));
  } while (at.skip(','));
  return true;
}

}  // namespace

Result<PgFloat> read_float(std::string_view text, bool single) {
  Cursor at(text);
  double number = 0;
  if (single && text.find_first_of("IiN") == std::string_view::npos) {
    float narrow = 0;
    if (!at.number(narrow) || !std::isfinite(narrow) || !at.at_end()) return refuse("number", text);
    return decode_float(narrow);
  }
  if (!read_double(at, number) || !at.at_end()) return refuse("number", text);
  return decode_float(number);
}

Result<PgPoint> read_point(std::string_view text) {
  Cursor at(text);
  PgPoint point;
  if (!read_pair(at, point) || !at.at_end()) return refuse("point", text);
  return point;
}

Result<PgCircle> read_circle(std::string_view text) {
  Cursor at(text);
  PgCircle circle;
  double radius = 0;
  if (!at.skip('<') || !read_pair(at, circle.center) || !at.skip(',') || !read_double(at, radius) ||
      !at.skip('>') || !at.at_end())
    return refuse("circle", text);
  circle.radius = decode_float(radius);
  return circle;
}

Result<PgSegment> read_segment(std::string_view text, Segment kind) {
  Cursor at(text);
  PgSegment segment;
  bool good = false;
  if (kind == Segment::line) {
    good = read_line(at, segment);
  } else if (kind == Segment::box) {  // upper right first
    good = read_pair(at, segment.second) && at.skip(',') && read_pair(at, segment.first);
  } else {
    good = at.skip('[') && read_pair(at, segment.first) && at.skip(',') && read_pair(at, segment.second) &&
           at.skip(']');
  }
  if (!good || !at.at_end()) return refuse("pair of points", text);
  return segment;
}

Result<std::vector<PgPoint>> read_points(std::string_view text) {
  Cursor at(text);
  std::vector<PgPoint> points;
  const bool open = at.skip('[');
  if (!open && !at.skip('(')) return refuse("list of points", text);
  do {
    if (!read_pair(at, points.emplace_back())) return refuse("list of points", text);
  } while (at.skip(','));
  if (!at.skip(open ? ']' : ')') || !at.at_end()) return refuse("list of points", text);
  return points;
}

Result<PgBytes> read_bytes(std::string_view text) {
  PgBytes bytes;
  if (!text.starts_with("\\x") || text.size() % 2 != 0) return refuse("bytea", text);
  for (size_t i = 2; i < text.size(); i += 2) {
    const int high = digit_of(text[i]);
    const int low = digit_of(text[i + 1]);
    if (high < 0 || low < 0) return refuse("bytea", text);
    bytes.bytes += static_cast<char>(high * 16 + low);
  }
  return bytes;
}

Result<PgSized> read_bits(std::string_view text) {
  PgSized bits{.size = static_cast<uint32_t>(text.size()), .bytes = std::string((text.size() + 7) / 8, '\0')};
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '0' && text[i] != '1') return refuse("text of bits", text);
    if (text[i] == '1') bits.bytes[i / 8] = static_cast<char>(bits.bytes[i / 8] | 0x80 >> i % 8);
  }
  return bits;
}

Result<PgMac48> read_mac48(std::string_view text) {
  PgMac48 address;
  if (!read_address(text, address)) return refuse("hardware address", text);
  return address;
}

Result<PgMac64> read_mac64(std::string_view text) {
  PgMac64 address;
  if (!read_address(text, address)) return refuse("hardware address", text);
  return address;
}

Result<PgDate> read_date(std::string_view text) {
  if (const auto infinite = read_infinity(text)) return *infinite;
  Cursor at(text);
  PgDate date;
  if (!read_day(at, date) || !read_era(at, date)) return refuse("date", text);
  return date;
}

// What has no bound reaches to infinity; an empty range is from a day to itself, without it.
Result<PgInterval> read_range(std::string_view text) {
  PgInterval range{.start = {.kind = PgDate::Kind::ymd, .year = 1970},
                   .end = {.kind = PgDate::Kind::ymd, .year = 1970}};
  if (text == "empty") return range;
  Cursor at(text);
  range.start_inclusive = at.skip('[');
  if (!range.start_inclusive && !at.skip('(')) return refuse("range of dates", text);
  const auto bound = [&](char end, PgDate::Kind unbounded) -> Result<PgDate> {
    std::string quoted;
    const std::string_view part = at.in_quotes('"', quoted) ? std::string_view(quoted) : at.until(end);
    if (part.empty()) return PgDate{.kind = unbounded};
    return read_date(part);
  };
  WATTLE_TRY(range.start, bound(',', PgDate::Kind::negative_infinity));
  if (!at.skip(',')) return refuse("range of dates", text);
  const char end = text.back();
  WATTLE_TRY(range.end, bound(end, PgDate::Kind::positive_infinity));
  range.end_inclusive = end == ']';
  if (!at.skip(end) || !at.at_end()) return refuse("range of dates", text);
  return range;
}

Result<PgTime> read_time(std::string_view text) {
  Cursor at(text);
  PgTime time;
  if (!read_clock(at, time) || !at.at_end()) return refuse("time", text);
  return time;
}

Result<PgTimeTz> read_time_tz(std::string_view text) {
  Cursor at(text);
  PgTimeTz time;
  if (!read_clock(at, time.time)) return refuse("time", text);
  time.zone = at.rest();
  return time;
}

Result<PgTimestamp> read_timestamp(std::string_view text) {
  PgTimestamp time;
  if (const auto infinite = read_infinity(text)) {
    time.date = *infinite;
    return time;
  }
  Cursor at(text);
  if (!read_day(at, time.date) || !at.skip(' ') || !read_clock(at, time.time) || !read_era(at, time.date))
    return refuse("timestamp", text);
  return time;
}

Result<PgTimestampTz> read_timestamp_tz(std::string_view text) {
  PgTimestampTz time;
  if (const auto infinite = read_infinity(text)) {
    time.timestamp.date = *infinite;
    return time;
  }
  Cursor at(text);
  PgTimestamp& local = time.timestamp;
  if (!read_day(at, local.date) || !at.skip(' ') || !read_clock(at, local.time) ||
      !read_offset(at, time.offset) || !read_era(at, local.date))
    return refuse("timestamp", text);
  return time;
}

Result<PgSnapshot> read_snapshot(std::string_view text) {
  Cursor at(text);
  PgSnapshot snapshot;
  bool good = at.number(snapshot.xmin) && at.skip(':') && at.number(snapshot.xmax) && at.skip(':');
  while (good && !at.at_end()) {
    good = at.number(snapshot.in_progress.emplace_back());
    at.skip(',');
  }
  if (!good) return refuse("snapshot", text);
  return snapshot;
}

Result<std::vector<PgLexeme>> read_lexemes(std::string_view text) {
  Cursor at(text);
  std::vector<PgLexeme> lexemes;
  while (!at.at_end()) {
    std::string data;
    if (!at.in_quotes('\'', data) || !read_positions(at, data, lexemes))
      return refuse("text search vector", text);
    at.skip(' ');
  }
  return lexemes;
}

Result<std::vector<PgHstoreEntry>> read_hstore(std::string_view text) {
  Cursor at(text);
  std::vector<PgHstoreEntry> entries;
  while (!at.at_end()) {
    PgHstoreEntry entry;
    std::string value;
    if (!at.in_quotes('"', entry.key) || !at.skip("=>")) return refuse("hstore", text);
    if (!at.skip("NULL")) {
      if (!at.in_quotes('"', value)) return refuse("hstore", text);
      entry.value = std::move(value);
    }
    entries.push_back(std::move(entry));
    at.skip(", ");
  }
  return entries;
}

Result<uint64_t> read_lsn(std::string_view text) {
  const size_t slash = text.find('/');
  uint64_t parts[2] = {0, 0};
  const std::string_view halves[] = {
      text.substr(0, slash), slash == std::string_view::npos ? std::string_view() : text.substr(slash + 1)};
  for (int i = 0; i < 2; ++i) {
    const char* end = halves[i].data() + halves[i].size();
    const auto read = std::from_chars(halves[i].data(), end, parts[i], 16);
    if (read.ec != std::errc() || read.ptr != end || parts[i] > UINT32_MAX)
      return refuse("log sequence number", text);
  }
  return parts[0] << 32 | parts[1];
}

// "-$1,234.50" is "-1234.50".
std::string read_money(std::string_view text) {
  std::string number;
  for (const char c : text)
    if ((c >= '0' && c <= '9') || c == '.' || c == '-') number += c;
  return number;
}

Result<std::vector<std::string>> read_array(std::string_view text, char delimiter) {
  std::vector<std::string> elements;
  Cursor at(text);
  if (!at.skip('{')) return refuse("array that counts from 1", text);
  if (at.skip('}')) return elements;
  do {
    std::string element;
    if (at.rest().starts_with('{'))
      return failure(ErrorCode::unsupported, "an array of more than one dimension cannot be passed on");
    if (!at.in_quotes('"', element)) {
      const std::string_view rest = at.rest();
      const size_t end = std::min({rest.find(delimiter), rest.find('}'), rest.size()});
      element = rest.substr(0, end);
      at.skip(std::string_view(element));
      if (element == "NULL")
        return failure(ErrorCode::unsupported, "an array with NULL in it cannot be passed on");
    }
    elements.push_back(std::move(element));
  } while (at.skip(delimiter));
  if (!at.skip('}') || !at.at_end()) return refuse("array", text);
  return elements;
}

}  // namespace wattle::providers::pg
