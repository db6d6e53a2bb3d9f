#include "providers/sqldb_postgres/sqldb_postgres.h"

#include <gtest/gtest.h>

#include <cmath>

#include "capability/postgres.h"
#include "providers/provider_test.h"
#include "providers/sqldb_postgres/database.h"
#include "providers/sqldb_postgres/text_forms.h"
#include "providers/test_servers.h"

namespace wattle::providers {
namespace {

using namespace std::chrono_literals;
using namespace capability;

constexpr Caller kCaller{"shop", "default"};

PgFloat number(double value) {
  return pg::decode_float(value);
}
PgPoint point(double x, double y) {
  return {number(x), number(y)};
}

class SqlPostgres : public testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<PostgresServer>(); }
  static void TearDownTestSuite() { server_.reset(); }
  static PostgresServer& server() { return *server_; }

  // Runs `test(postgres)` with a link.
  template <class Test>
  static void with_database(Test test, std::map<std::string, std::string> more = {}) {
    run_test([&](async::Worker& worker) {
      TestPlace place(worker);
      auto provider = sqldb_postgres_factory()->make(place.context());
      auto config = server().settings();
      config.merge(more);
      auto put = (*provider)->put_link(link_to_provider(config));
      ASSERT_TRUE(put) << put.error().full_message();
      test(*(*provider)->postgres());
    });
  }

 private:
  static inline std::unique_ptr<PostgresServer> server_;
};

// Each value goes through a column of its type and comes back as it was.
class EveryType : public SqlPostgres, public testing::WithParamInterface<std::pair<std::string, PgValue>> {};

TEST_P(EveryType, ComesBack) {
  const auto& [type, value] = GetParam();
  with_database([&, &column = type, &sent = value](Postgres& postgres) {
    auto made = postgres.query_batch(kCaller, "CREATE EXTENSION IF NOT EXISTS hstore");
    ASSERT_TRUE(made) << made.error().message;
    const std::string table = "of_" + std::to_string(static_cast<int>(sent.type));
    made = postgres.query_batch(kCaller, "CREATE TABLE IF NOT EXISTS " + table + " (value " + column + ")");
    ASSERT_TRUE(made) << made.error().message;
    auto written = postgres.query(kCaller, "INSERT INTO " + table + " VALUES ($1) RETURNING value", {sent});
    ASSERT_TRUE(written) << written.error().message;
    ASSERT_EQ(written->size(), 1u);
    EXPECT_EQ(written->front().front().column_name, "value");
    const PgValue& read = written->front().front().value;
    EXPECT_EQ(read.data, sent.data) << to_string(sent.type) << " came back as " << to_string(read.type);
  });
}

constexpr PgDate day(int32_t year, uint32_t month, uint32_t day_of_month) {
  return {.kind = PgDate::Kind::ymd, .year = year, .month = month, .day = day_of_month};
}
const PgDate kForEver{.kind = PgDate::Kind::positive_infinity};
const PgTime kTime{23, 59, 58, 7};
const PgTimestamp kTimestamp{day(2024, 2, 29), kTime};
const PgTimestampTz kTimestampTz{kTimestamp, {PgOffset::Kind::western_hemisphere_seconds, 0}};
const std::string kQuotes = "a \"b\" \\ 'c', {d} \xc3\xa4";

std::vector<std::pair<std::string, PgValue>> every_type() {
  using T = PgType;
  std::vector<std::pair<std::string, PgValue>> all = {
      {"int8", PgValue::of<T::big_int>(INT64_MIN)},
      {"int8", PgValue::of<T::int8>(INT64_MAX)},
      {"int8[]", PgValue::of<T::int8_array>({1, -2, INT64_MAX})},
      {"bigserial", PgValue::of<T::big_serial>(5)},
      {"bigserial", PgValue::of<T::serial8>(6)},
      {"bool", PgValue::of<T::bool_>(true)},
      {"bool", PgValue::of<T::boolean>(false)},
      {"bool[]", PgValue::of<T::bool_array>({true, false})},
      {"float8", PgValue::of<T::double_>(number(0.1))},
      {"float8", PgValue::of<T::float8>(number(-1.7976931348623157e308))},
      {"float8", PgValue::of<T::float8>(number(5e-324))},
      {"float8", PgValue::of<T::float8>(number(INFINITY))},
      {"float8[]", PgValue::of<T::float8_array>({number(1.5), number(NAN), number(-INFINITY)})},
      {"float4", PgValue::of<T::real>(number(0.25F))},
      {"float4", PgValue::of<T::float4>(number(0.1F))},
      {"float4[]", PgValue::of<T::float4_array>({number(-2.5F), number(INFINITY)})},
      {"int4", PgValue::of<T::integer>(INT32_MIN)},
      {"int4", PgValue::of<T::int_>(1)},
      {"int4", PgValue::of<T::int4>(INT32_MAX)},
      {"int4[]", PgValue::of<T::int4_array>({})},
      {"numeric", PgValue::of<T::numeric>("12345678901234567890.000123")},
      {"numeric", PgValue::of<T::decimal>("-1")},
      {"numeric[]", PgValue::of<T::numeric_array>({"1.50", "NaN"})},
      {"int2", PgValue::of<T::small_int>(-3)},
      {"int2", PgValue::of<T::int2>(INT16_MAX)},
      {"int2[]", PgValue::of<T::int2_array>({1, 2})},
      {"int2vector", PgValue::of<T::int2_vector>({3, 4})},
      {"int2vector[]", PgValue::of<T::int2_vector_array>({{1, 2}, {3}})},
      {"smallserial", PgValue::of<T::small_serial>(7)},
      {"smallserial", PgValue::of<T::serial2>(8)},
      {"bit(10)", PgValue::of<T::bit>({10, std::string("\xa5\x40", 2)})},
      {"bit(3)[]", PgValue::of<T::bit_array>({{3, "\x20"}, {3, "\xc0"}})},
      {"varbit", PgValue::of<T::bit_varying>({9, std::string("\xff\x80", 2)})},
      {"varbit", PgValue::of<T::varbit>({0, ""})},
      {"varbit[]", PgValue::of<T::varbit_array>({{1, "\x80"}, {8, "\x01"}})},
      {"bytea", PgValue::of<T::bytea>({std::string("\0\x01\xff\\'", 5)})},
      {"bytea[]", PgValue::of<T::bytea_array>({{std::string("\0a", 2)}, {""}})},
      {"char(3)", PgValue::of<T::char_>({3, "abc"})},
      {"char(2)[]", PgValue::of<T::char_array>({{2, "ab"}, {2, "\"\\"}})},
      {"varchar(50)", PgValue::of<T::varchar>({{}, kQuotes})},
      {"varchar[]", PgValue::of<T::varchar_array>({{{}, kQuotes}, {{}, ""}})},
      {"cidr", PgValue::of<T::cidr>("10.0.0.0/8")},
      {"cidr[]", PgValue::of<T::cidr_array>({"10.0.0.0/8", "2001:db8::/32"})},
      {"inet", PgValue::of<T::inet>("192.168.1.1")},
      {"inet[]", PgValue::of<T::inet_array>({"::1", "10.1.2.3/8"})},
      {"macaddr", PgValue::of<T::macaddr>({{1, 2, 3, 0xab, 0xcd, 0xef}})},
      {"macaddr[]", PgValue::of<T::macaddr_array>({{{1, 2, 3, 4, 5, 6}}})},
      {"macaddr8", PgValue::of<T::macaddr8>({{1, 2, 3, 4, 5, 6, 7, 8}})},
      {"macaddr8[]", PgValue::of<T::macaddr8_array>({{{8, 7, 6, 5, 4, 3, 2, 1}}})},
      {"box", PgValue::of<T::box>({point(-1, 0.5), point(2, 3)})},
      {"box[]", PgValue::of<T::box_array>({{point(0, 0), point(1, 1)}, {point(2, 2), point(3, 3)}})},
      {"circle", PgValue::of<T::circle>({point(1, 2), number(3)})},
      {"circle[]", PgValue::of<T::circle_array>({{point(1, 2), number(3)}})},
      {"line", PgValue::of<T::line>({point(0, 1), point(1, 3)})},
      {"line[]", PgValue::of<T::line_array>({{point(0, 1), point(1, 3)}, {point(2, 0), point(2, 1)}})},
      {"lseg", PgValue::of<T::lseg>({point(0, 1), point(5, 6)})},
      {"lseg[]", PgValue::of<T::lseg_array>({{point(0, 1), point(5, 6)}})},
      {"path", PgValue::of<T::path>({point(0, 1), point(5, 6), point(7, 8)})},
      {"path[]", PgValue::of<T::path_array>({{point(0, 1)}, {point(5, 6), point(7, 8)}})},
      {"point", PgValue::of<T::point>(point(0.1, 1e300))},
      {"point[]", PgValue::of<T::point_array>({point(0, 1), point(2, 3)})},
      {"polygon", PgValue::of<T::polygon>({point(0, 0), point(0, 1), point(1, 1)})},
      {"polygon[]", PgValue::of<T::polygon_array>({{point(0, 0), point(0, 1), point(1, 1)}})},
      {"date", PgValue::of<T::date>(day(2024, 2, 29))},
      {"date", PgValue::of<T::date>(day(-43, 3, 15))},
      {"date", PgValue::of<T::date>(kForEver)},
      {"date[]", PgValue::of<T::date_array>({day(1, 1, 1), {.kind = PgDate::Kind::negative_infinity}})},
      {"daterange", PgValue::of<T::interval>({day(2024, 1, 1), true, day(2024, 2, 1), false})},
      {"daterange", PgValue::of<T::interval>({day(2024, 1, 1), true, kForEver, false})},
      {"daterange[]", PgValue::of<T::interval_array>({{day(2024, 1, 1), true, day(2024, 2, 1), false}})},
      {"time", PgValue::of<T::time>(kTime)},
      {"time[]", PgValue::of<T::time_array>({kTime, {0, 0, 0, 120000}})},
      {"timetz", PgValue::of<T::time_tz>({"+02", kTime})},
      {"timetz[]", PgValue::of<T::time_tz_array>({{"-03:30", kTime}})},
      {"timestamp", PgValue::of<T::timestamp>(kTimestamp)},
      {"timestamp", PgValue::of<T::timestamp>({day(-43, 3, 15), kTime})},
      {"timestamp", PgValue::of<T::timestamp>({kForEver, {}})},
      {"timestamp[]", PgValue::of<T::timestamp_array>({kTimestamp})},
      {"timestamptz", PgValue::of<T::timestamp_tz>(kTimestampTz)},
      {"timestamptz[]", PgValue::of<T::timestamp_tz_array>({kTimestampTz})},
      {"json", PgValue::of<T::json>(R"({"a": [1, null]})")},
      {"json[]", PgValue::of<T::json_array>({R"({"a": "\""})", "1"})},
      {"jsonb", PgValue::of<T::jsonb>(R"({"a": [1, null]})")},
      {"jsonb[]", PgValue::of<T::jsonb_array>({"[]", R"("\\")"})},
      {"money", PgValue::of<T::money>("-1234.50")},
      {"money[]", PgValue::of<T::money_array>({"1.00", "1000000.00"})},
      {"pg_lsn", PgValue::of<T::pg_lsn>(0x1600000001ull)},
      {"pg_lsn[]", PgValue::of<T::pg_lsn_array>({0, UINT64_MAX})},
      {"pg_snapshot", PgValue::of<T::pg_snapshot>({10, 20, {10, 14, 15}})},
      {"int8", PgValue::of<T::txid_snapshot>(17)},
      {"name", PgValue::of<T::name>("a name")},
      {"name[]", PgValue::of<T::name_array>({"a", "b c"})},
      {"text", PgValue::of<T::text>(kQuotes)},
      {"text[]", PgValue::of<T::text_array>({kQuotes, "", "NULL", "{}"})},
      {"xml", PgValue::of<T::xml>("<a>1</a>")},
      {"xml[]", PgValue::of<T::xml_array>({"<a/>", "<b/>"})},
      {"tsquery", PgValue::of<T::ts_query>("'fat' & 'cat'")},
      {"tsvector",
       PgValue::of<T::ts_vector>(
           {{1, PgLexeme::Weight::a, "cat"}, {2, PgLexeme::Weight::d, "it's \\"}, {{}, {}, "plain"}})},
      {"uuid", PgValue::of<T::uuid>("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")},
      {"uuid[]", PgValue::of<T::uuid_array>({"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"})},
      {"hstore", PgValue::of<T::hstore>({{"a", "1"}, {"b \"q\"", std::nullopt}})},
  };
  return all;
}

INSTANTIATE_TEST_SUITE_P(, EveryType, testing::ValuesIn(every_type()), [](const auto& test) {
  std::string name = std::to_string(test.index) + "_" + std::string(to_string(test.param.second.type));
  std::ranges::replace(name, '-', '_');
  return name;
});

TEST(TimesOutOfRange, AreRefused) {
  for (const char* text : {"2024-02-03 23:59:59-0555555555", "2024-02-03 23:59:59+16",
                           "2024-02-03 23:59:59+02:60", "2024-02-03 23:59:59+-1"})
    EXPECT_FALSE(pg::read_timestamp_tz(text)) << text;
  EXPECT_TRUE(pg::read_timestamp_tz("2024-02-03 23:59:59-15:59:59"));
  EXPECT_FALSE(pg::read_date("-2147483648-01-01 BC"));
}

TEST(EveryTypeList, IsComplete) {
  std::vector<bool> seen(kPgTypes);
  for (const auto& [column, value] : every_type()) seen[static_cast<size_t>(value.type)] = true;
  for (const PgType other : {PgType::null, PgType::serial, PgType::serial4})
    seen[static_cast<size_t>(other)] = true;
  for (size_t i = 0; i < kPgTypes; ++i) EXPECT_TRUE(seen[i]) << to_string(static_cast<PgType>(i));
}

TEST_F(SqlPostgres, QueriesRowsInOrder) {
  with_database([](Postgres& postgres) {
    auto rows = postgres.query(kCaller,
                               "SELECT i, NULL AS nothing, 'x' || i AS name FROM generate_series(1, $1) AS i",
                               {PgValue::of<PgType::serial>(3000)});
    ASSERT_TRUE(rows) << rows.error().message;
    ASSERT_EQ(rows->size(), 3000u);
    EXPECT_EQ((*rows)[2999][0].value, PgValue::of<PgType::int4>(3000));
    EXPECT_EQ((*rows)[0][1].value, PgValue());
    EXPECT_EQ((*rows)[1][2].column_name, "name");
    EXPECT_EQ((*rows)[1][2].value, PgValue::of<PgType::text>("x2"));
    auto none = postgres.query(kCaller, "SELECT 1 WHERE false", {});
    ASSERT_TRUE(none);
    EXPECT_TRUE(none->empty());
    auto null = postgres.query(kCaller, "SELECT $1::int IS NULL", {PgValue()});
    ASSERT_TRUE(null) << null.error().message;
    EXPECT_EQ(null->front().front().value, PgValue::of<PgType::bool_>(true));
  });
}

TEST_F(SqlPostgres, BatchIsOneTransaction) {
  with_database([](Postgres& postgres) {
    ASSERT_TRUE(postgres.query_batch(
        kCaller, "CREATE TABLE orders (id int PRIMARY KEY); INSERT INTO orders VALUES (1)"));
    auto failed =
        postgres.query_batch(kCaller, "INSERT INTO orders VALUES (2); INSERT INTO orders VALUES (1)");
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().kind, QueryError::Kind::unexpected);
    auto count = postgres.query(kCaller, "SELECT count(*) FROM orders", {});
    EXPECT_EQ(count->front().front().value, PgValue::of<PgType::int8>(1));
    // What is left open does not reach the next call.
    ASSERT_TRUE(postgres.query_batch(kCaller, "BEGIN; DELETE FROM orders"));
    for (int i = 0; i < 5; ++i) {
      count = postgres.query(kCaller, "SELECT count(*) FROM orders", {});
      EXPECT_EQ(count->front().front().value, PgValue::of<PgType::int8>(1));
    }
  });
}

TEST_F(SqlPostgres, PreparedStatements) {
  with_database([](Postgres& postgres) {
    ASSERT_TRUE(postgres.query_batch(kCaller, "CREATE TABLE stock (id int, name text)"));
    auto token = postgres.prepare(kCaller, "INSERT INTO stock VALUES ($1, $2)");
    ASSERT_TRUE(token) << token.error().message;
    for (int i = 0; i < 10; ++i) {
      auto done =
          postgres.exec(kCaller, *token, {PgValue::of<PgType::int4>(i), PgValue::of<PgType::text>("x")});
      ASSERT_TRUE(done) << done.error().query.message;
      EXPECT_EQ(*done, 1u);
    }
    auto update = postgres.prepare(kCaller, "UPDATE stock SET name = $1");
    EXPECT_EQ(*postgres.exec(kCaller, *update, {PgValue::of<PgType::text>("y")}), 10u);
    auto wrong = postgres.exec(kCaller, *token, {PgValue::of<PgType::int4>(1)});
    ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error().kind, PreparedStatementExecError::Kind::query_error);
    EXPECT_EQ(wrong.error().query.kind, QueryError::Kind::invalid_params) << wrong.error().query.message;
    for (const std::string& unknown : {std::string("x"), *token + "x", std::string("wattle1:")}) {
      auto refused = postgres.exec(kCaller, unknown, {});
      ASSERT_FALSE(refused);
      EXPECT_EQ(refused.error().kind, PreparedStatementExecError::Kind::unknown_prepared_query);
    }
    EXPECT_FALSE(postgres.prepare(kCaller, "INSERT INTO nowhere VALUES (1)"));
  });
}

TEST_F(SqlPostgres, ErrorsAreOfTheirKinds) {
  with_database([](Postgres& postgres) {
    const auto kind = [&](std::string_view statement, const std::vector<PgValue>& parameters = {}) {
      auto rows = postgres.query(kCaller, statement, parameters);
      EXPECT_FALSE(rows) << statement;
      return rows ? QueryError::Kind::unexpected : rows.error().kind;
    };
    EXPECT_EQ(kind("SELEC 1"), QueryError::Kind::invalid_query);
    EXPECT_EQ(kind("SELECT * FROM nowhere"), QueryError::Kind::invalid_query);
    EXPECT_EQ(kind("SELECT 1; SELECT 2"), QueryError::Kind::invalid_query);
    EXPECT_EQ(kind("SELECT $1::int"), QueryError::Kind::invalid_params);
    EXPECT_EQ(kind("SELECT $1", {PgValue::of<PgType::uuid>("no uuid")}), QueryError::Kind::invalid_params);
    EXPECT_EQ(kind("SELECT $1", {PgValue::of<PgType::text>(std::string("a\0b", 3))}),
              QueryError::Kind::invalid_params);
    EXPECT_EQ(kind("SELECT $1", {PgValue::of<PgType::bit>({9, "x"})}), QueryError::Kind::invalid_params);
    EXPECT_EQ(kind("SELECT ARRAY[1, NULL]"), QueryError::Kind::unexpected);
    auto stranger = postgres.query({"stranger", "default"}, "SELECT 1", {});
    ASSERT_FALSE(stranger);
    EXPECT_NE(stranger.error().message.find("no such link"), std::string::npos);
    EXPECT_TRUE(postgres.query(kCaller, "SELECT 1", {}));
  });
}

TEST_F(SqlPostgres, LargeAnswersAreRefused) {
  with_database(
      [](Postgres& postgres) {
        auto rows = postgres.query(kCaller, "SELECT repeat('x', 1000) FROM generate_series(1, 100000)", {});
        ASSERT_FALSE(rows);
        EXPECT_NE(rows.error().message.find("more than 100000 bytes"), std::string::npos)
            << rows.error().message;
        EXPECT_TRUE(postgres.query(kCaller, "SELECT 1", {}));
      },
      {{"max_result_bytes", "100000"}});
}

TEST_F(SqlPostgres, TypesWithoutACaseAreTexts) {
  with_database([](Postgres& postgres) {
    ASSERT_TRUE(postgres.query_batch(kCaller, "CREATE TYPE mood AS ENUM ('sad', 'glad')"));
    auto rows = postgres.query(kCaller, "SELECT $1::mood AS m, '1 day'::interval AS i",
                               {PgValue::of<PgType::text>("glad")});
    ASSERT_TRUE(rows) << rows.error().message;
    EXPECT_EQ(rows->front()[0].value, PgValue::of<PgType::text>("glad"));
    EXPECT_EQ(rows->front()[1].value, PgValue::of<PgType::text>("1 day"));
  });
}

TEST_F(SqlPostgres, ComesBackWithItsServer) {
  with_database([](Postgres& postgres) {
    ASSERT_TRUE(postgres.query(kCaller, "SELECT 1", {}));
    server().pause();
    {
      const TimePoint begin = Clock::now();
      const async::DeadlineScope deadline(begin + 200ms);
      auto stuck = postgres.query(kCaller, "SELECT 1", {});
      ASSERT_FALSE(stuck);
      EXPECT_NE(stuck.error().message.find("deadline"), std::string::npos) << stuck.error().message;
      EXPECT_LT(Clock::now() - begin, 300ms);
    }
    server().resume();
    EXPECT_TRUE(postgres.query(kCaller, "SELECT 1", {}));
    server().stop();
    server().start();
    EXPECT_TRUE(eventually([&] { return postgres.query(kCaller, "SELECT 1", {}).has_value(); }));
  });
}

}  // namespace
}  // namespace wattle::providers
