// PostgreSQL's text forms of the types that wasmcloud:postgres has structs for: writing them for parameters
// and reading what the server sent. Reading refuses (malformed) what is no such text.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "capability/postgres_value.h"

namespace wattle::providers::pg {

using namespace capability;  // NOLINT(google-build-using-namespace): the structs of postgres_value.h

// Mantissa, exponent and sign of a number, and back; infinite and not a number as Rust's integer_decode has
// them.
PgFloat decode_float(double number);
double encode_float(const PgFloat& number, bool single);

std::string write(const PgFloat& number, bool single);
std::string write(const PgPoint& point);
std::string write(const PgCircle& circle);
enum class Segment : uint8_t { box, line, lseg };
std::string write(const PgSegment& segment, Segment kind);
std::string write_points(const std::vector<PgPoint>& points, bool closed);
std::string write(const PgBytes& bytes);
// The first `count` bits. Refused (invalid_argument): fewer bytes than that.
Result<std::string> write_bits(std::string_view bytes, uint32_t count);
std::string write(const PgMac48& address);
std::string write(const PgMac64& address);
std::string write(const PgDate& date);
std::string write(const PgInterval& range);
std::string write(const PgTime& time);
std::string write(const PgTimeTz& time);
std::string write(const PgTimestamp& time);
std::string write(const PgTimestampTz& time);
std::string write(const PgSnapshot& snapshot);
std::string write(const std::vector<PgLexeme>& vector);
std::string write(const std::vector<PgHstoreEntry>& map);
std::string write_lsn(uint64_t number);
// "{a,"b c"}"; boxes stand between semicolons.
std::string write_array(const std::vector<std::string>& elements, char delimiter = ',');

Result<PgFloat> read_float(std::string_view text, bool single);
Result<PgPoint> read_point(std::string_view text);
Result<PgCircle> read_circle(std::string_view text);
Result<PgSegment> read_segment(std::string_view text, Segment kind);
Result<std::vector<PgPoint>> read_points(std::string_view text);
Result<PgBytes> read_bytes(std::string_view text);
Result<PgSized> read_bits(std::string_view text);
Result<PgMac48> read_mac48(std::string_view text);
Result<PgMac64> read_mac64(std::string_view text);
Result<PgDate> read_date(std::string_view text);
Result<PgInterval> read_range(std::string_view text);
Result<PgTime> read_time(std::string_view text);
Result<PgTimeTz> read_time_tz(std::string_view text);
Result<PgTimestamp> read_timestamp(std::string_view text);
Result<PgTimestampTz> read_timestamp_tz(std::string_view text);
Result<PgSnapshot> read_snapshot(std::string_view text);
Result<std::vector<PgLexeme>> read_lexemes(std::string_view text);
Result<std::vector<PgHstoreEntry>> read_hstore(std::string_view text);
Result<uint64_t> read_lsn(std::string_view text);
std::string read_money(std::string_view text);
// The elements of an array. Refused (unsupported): NULL among them, more than one dimension.
Result<std::vector<std::string>> read_array(std::string_view text, char delimiter = ',');

}  // namespace wattle::providers::pg
