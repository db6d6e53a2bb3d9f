#include "providers/keyvalue_postgres/store.h"

#include <algorithm>
#include <charconv>
#include <map>

namespace wattle::providers {
namespace {

using capability::KeyPage;
using postgres::Connection;
using postgres::Parameter;
using postgres::Rows;

constexpr size_t kBatchMax = 1000;
constexpr uint64_t kFormat = 1;
constexpr std::string_view kComment = "wattle key-value, format ";
// Any number, the same for all: who makes the table makes it alone.
constexpr int64_t kMakingLock = 0x77617474'6c656b76;

constexpr std::string_view kCreate = R"(
CREATE TABLE {0} (
  bucket text NOT NULL,
  key bytea NOT NULL,
  value bytea NOT NULL,
  digest bytea GENERATED ALWAYS AS (sha256(key)) STORED,
  PRIMARY KEY (bucket, digest));
COMMENT ON TABLE {0} IS '{1}{2}')";

// Digits are counted and added as numbers of any size; CASE keeps what are none from being added.
constexpr std::string_view kIncrement = R"(
INSERT INTO {0} AS kept (bucket, key, value) VALUES ($1, $2, convert_to($3::numeric::text, 'UTF8'))
ON CONFLICT (bucket, digest) DO UPDATE
SET value = convert_to((encode(kept.value, 'escape')::numeric + $3::numeric)::text, 'UTF8')
WHERE CASE WHEN encode(kept.value, 'escape') ~ '^[0-9]{{1,20}}$'
           THEN encode(kept.value, 'escape')::numeric + $3::numeric <= 18446744073709551615
           ELSE false END
RETURNING value)";

std::string position_bytes(uint64_t position) {
  std::string bytes;
  for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>(position >> shift & 0xff);
  return bytes;
}

uint64_t position_of(std::string_view bytes) {
  uint64_t position = 0;
  for (const char c : bytes) position = position << 8 | static_cast<uint8_t>(c);
  return position;
}

std::string quoted_identifier(std::string_view name) {
  std::string text = "\"";
  for (const char c : name) {
    if (c == '"') text += '"';
    text += c;
  }
  return text + '"';
}

template <class Keys>
std::vector<std::string_view> views(const Keys& keys, size_t begin, size_t end) {
  return {keys.begin() + static_cast<ptrdiff_t>(begin), keys.begin() + static_cast<ptrdiff_t>(end)};
}

}  // namespace

Result<std::string> quoted_table(std::string_view name) {
  const size_t dot = name.find('.');
  const std::string_view schema = dot == std::string_view::npos ? std::string_view() : name.substr(0, dot);
  const std::string_view table = dot == std::string_view::npos ? name : name.substr(dot + 1);
  if (table.empty() || (schema.empty() && dot != std::string_view::npos) ||
      name.find('\0') != std::string_view::npos)
    return failure(ErrorCode::invalid_argument, "\"{}\" cannot name a table", name);
  return schema.empty() ? quoted_identifier(table)
                        : quoted_identifier(schema) + "." + quoted_identifier(table);
}

PostgresStore::PostgresStore(std::shared_ptr<postgres::Pool> pool, std::string table)
    : pool_(std::move(pool)), table_(std::move(table)) {
  get_ = fmt::format("SELECT value FROM {} WHERE bucket = $1 AND digest = sha256($2)", table_);
  set_ = fmt::format(
      "INSERT INTO {} (bucket, key, value) VALUES ($1, $2, $3) "
      "ON CONFLICT (bucket, digest) DO UPDATE SET value = excluded.value",
      table_);
  remove_ = fmt::format("DELETE FROM {} WHERE bucket = $1 AND digest = sha256($2)", table_);
  exists_ = fmt::format("SELECT 1 FROM {} WHERE bucket = $1 AND digest = sha256($2)", table_);
  list_ = fmt::format(
      "SELECT key, substring(digest FROM 1 FOR 8) FROM {} WHERE bucket = $1 AND digest >= $2 "
      "ORDER BY digest LIMIT {}",
      table_, capability::kKeysPerPage + 1);
  increment_ = fmt::format(kIncrement, table_);
  get_many_ = fmt::format(
      "SELECT key, value FROM {} WHERE bucket = $1 AND "
      "digest = ANY (ARRAY(SELECT sha256(wanted) FROM unnest($2) AS wanted))",
      table_);
  set_many_ = fmt::format(
      "INSERT INTO {} (bucket, key, value) SELECT $1, new.key, new.value "
      "FROM unnest($2, $3) AS new (key, value) "
      "ON CONFLICT (bucket, digest) DO UPDATE SET value = excluded.value",
      table_);
  remove_many_ = fmt::format(
      "DELETE FROM {} WHERE bucket = $1 AND "
      "digest = ANY (ARRAY(SELECT sha256(unwanted) FROM unnest($2) AS unwanted))",
      table_);
}

Result<void> PostgresStore::make_table(Connection& connection) {
  if (table_is_there_) return {};
  const Parameter name = postgres::text_parameter(table_);
  const std::string look = "SELECT to_regclass($1), obj_description(to_regclass($1), 'pg_class')";
  WATTLE_TRY(Rows found, connection.query(look, {{name}}));
  if (found.is_null(0, 0)) {
    WATTLE_CHECK(connection.script(fmt::format("BEGIN; SELECT pg_advisory_xact_lock({})", kMakingLock)));
    WATTLE_TRY(found, connection.query(look, {{name}}));
    if (found.is_null(0, 0))
      WATTLE_CHECK(connection.script(fmt::format(fmt::runtime(kCreate), table_, kComment, kFormat)));
    WATTLE_CHECK(connection.script("COMMIT"));
    WATTLE_TRY(found, connection.query(look, {{name}}));
  }
  const std::string_view comment = found.value(0, 1);
  uint64_t format = 0;
  if (comment.starts_with(kComment)) {
    const std::string_view digits = comment.substr(kComment.size());
    std::from_chars(digits.data(), digits.data() + digits.size(), format);
  }
  if (format != kFormat)
    return failure(Error(ErrorCode::unsupported,
                         format > kFormat
                             ? fmt::format("the table {} has the format {}, which is newer than this program "
                                           "(it knows {})",
                                           table_, format, kFormat)
                             : fmt::format("the table {} is none of wattle's key-value tables", table_))
                       .with_remedy("give the link's setting \"table\" another name"));
  table_is_there_ = true;
  return {};
}

Result<Rows> PostgresStore::run(const std::string& statement, std::vector<Parameter> parameters,
                                Repeat repeat) {
  return pool_->run(repeat == Repeat::allowed, [&](Connection& connection) -> Result<Rows> {
    WATTLE_CHECK(make_table(connection));
    return connection.query_prepared(statement, parameters, true);
  });
}

Result<void> PostgresStore::open(std::string_view) {
  return pool_->run(true, [&](Connection& connection) { return make_table(connection); });
}

Result<std::optional<std::string>> PostgresStore::get(std::string_view bucket, std::string_view key) {
  WATTLE_TRY(const Rows rows,
             run(get_, {postgres::text_parameter(bucket), postgres::bytes_parameter(key)}, Repeat::allowed));
  if (rows.rows() == 0) return std::nullopt;
  return std::string(rows.value(0, 0));
}

Result<void> PostgresStore::set(std::string_view bucket, std::string_view key, std::string_view value) {
  WATTLE_CHECK(run(
      set_,
      {postgres::text_parameter(bucket), postgres::bytes_parameter(key), postgres::bytes_parameter(value)},
      Repeat::never));
  return {};
}

Result<void> PostgresStore::remove(std::string_view bucket, std::string_view key) {
  WATTLE_CHECK(
      run(remove_, {postgres::text_parameter(bucket), postgres::bytes_parameter(key)}, Repeat::never));
  return {};
}

Result<bool> PostgresStore::exists(std::string_view bucket, std::string_view key) {
  WATTLE_TRY(const Rows rows, run(exists_, {postgres::text_parameter(bucket), postgres::bytes_parameter(key)},
                                  Repeat::allowed));
  return rows.rows() > 0;
}

Result<KeyPage> PostgresStore::list_keys(std::string_view bucket, std::optional<uint64_t> cursor) {
  const std::string from = cursor ? position_bytes(*cursor) : std::string();
  WATTLE_TRY(const Rows rows, run(list_, {postgres::text_parameter(bucket), postgres::bytes_parameter(from)},
                                  Repeat::allowed));
  KeyPage page;
  const int count = std::min(rows.rows(), static_cast<int>(capability::kKeysPerPage));
  page.keys.reserve(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) page.keys.emplace_back(rows.value(i, 0));
  if (rows.rows() > count) page.cursor = position_of(rows.value(count, 1));
  return page;
}

Result<uint64_t> PostgresStore::increment(std::string_view bucket, std::string_view key, uint64_t delta) {
  for (;;) {
    WATTLE_TRY(const Rows rows, run(increment_,
                                    {postgres::text_parameter(bucket), postgres::bytes_parameter(key),
                                     postgres::text_parameter(std::to_string(delta))},
                                    Repeat::never));
    if (rows.rows() > 0) {
      uint64_t sum = 0;
      const std::string_view text = rows.value(0, 0);
      std::from_chars(text.data(), text.data() + text.size(), sum);
      return sum;
    }
    // Refused: the value says why, unless it has changed since.
    WATTLE_TRY(const auto value, get(bucket, key));
    if (auto sum = incremented(value, delta); !sum) return sum;
  }
}

Result<std::vector<std::optional<std::string>>> PostgresStore::get_many(
    std::string_view bucket, const std::vector<std::string>& keys) {
  std::map<std::string, std::string, std::less<>> found;
  for (size_t begin = 0; begin < keys.size(); begin += kBatchMax) {
    const auto some = views(keys, begin, std::min(begin + kBatchMax, keys.size()));
    WATTLE_TRY(const Rows rows,
               run(get_many_, {postgres::text_parameter(bucket), postgres::bytes_array_parameter(some)},
                   Repeat::allowed));
    for (int i = 0; i < rows.rows(); ++i) found.emplace(rows.value(i, 0), rows.value(i, 1));
  }
  std::vector<std::optional<std::string>> values;
  values.reserve(keys.size());
  for (const std::string& key : keys) {
    const auto at = found.find(key);
    values.push_back(at == found.end() ? std::nullopt : std::optional(at->second));
  }
  return values;
}

// In the order of the keys, so that two of these never wait for each other.
Result<void> PostgresStore::set_many(std::string_view bucket,
                                     const std::vector<std::pair<std::string, std::string>>& values) {
  std::map<std::string_view, std::string_view> last;
  for (const auto& [key, value] : values) last[key] = value;
  std::vector<std::string_view> keys;
  std::vector<std::string_view> contents;
  for (const auto& [key, value] : last) {
    keys.push_back(key);
    contents.push_back(value);
  }
  for (size_t begin = 0; begin < keys.size(); begin += kBatchMax) {
    const size_t end = std::min(begin + kBatchMax, keys.size());
    const auto some_keys = views(keys, begin, end);
    const auto some_values = views(contents, begin, end);
    WATTLE_CHECK(run(set_many_,
                     {postgres::text_parameter(bucket), postgres::bytes_array_parameter(some_keys),
                      postgres::bytes_array_parameter(some_values)},
                     Repeat::never));
  }
  return {};
}

Result<void> PostgresStore::remove_many(std::string_view bucket, const std::vector<std::string>& keys) {
  for (size_t begin = 0; begin < keys.size(); begin += kBatchMax) {
    const auto some = views(keys, begin, std::min(begin + kBatchMax, keys.size()));
    WATTLE_CHECK(run(remove_many_, {postgres::text_parameter(bucket), postgres::bytes_array_parameter(some)},
                     Repeat::never));
  }
  return {};
}

capability::Health PostgresStore::health() {
  if (!pool_->problem()) return {};
  return {.healthy = false, .message = pool_->problem()->full_message()};
}

}  // namespace wattle::providers
