// Keeps every order that was placed as a row in PostgreSQL, and reports on them.
extern "C" {
#include "guest.h"
}

namespace {

// Of the variant pg-value, by its cases' numbers.
constexpr uint8_t kJsonb = 78;
constexpr uint8_t kText = 88;

// pg-value, of the cases that hold a text; its other cases make it as large as this at most.
struct PgValue {
  uint8_t which;
  alignas(8) Bytes text;
  uint8_t room[112];
};
// result-row-entry
struct Entry {
  Bytes column;
  alignas(8) uint8_t which;
  alignas(8) Bytes text;
};
struct Row {
  const Entry* entries;
  size_t count;
};
// result<list<result-row>, query-error> and result<_, query-error>
struct QueryResult {
  uint8_t failed;
  union {
    struct {
      const Row* data;
      size_t count;
    } rows;
    struct {
      uint8_t which;
      Bytes reason;
    } error;
  };
};
// result<string, string> and result<_, string>
struct Outcome {
  uint8_t failed;
  Bytes text;
};

extern "C" {
IMPORT("wasmcloud:postgres/query@0.1.1-draft", "query")
void pg_query(const char* query, size_t query_size, const PgValue* values, size_t count, QueryResult* out);
IMPORT("wasmcloud:postgres/query@0.1.1-draft", "query-batch")
void pg_query_batch(const char* query, size_t query_size, QueryResult* out);
}

constexpr Bytes kTable =
    TEXT("create table if not exists orders (id bigint primary key, placed jsonb not null)");
constexpr Bytes kInsert =
    TEXT("insert into orders values (($1::jsonb ->> 'id')::bigint, $1::jsonb) on conflict (id) do nothing");
constexpr Bytes kReport = TEXT(
    "select coalesce(json_agg(line)::text, '[]') as report from ("
    "select placed ->> 'customer' as customer, count(distinct id) as orders,"
    " array_agg(distinct line ->> 'article' order by line ->> 'article') as articles"
    " from orders, jsonb_array_elements(placed -> 'lines') as line group by 1 order by 1) as line");

QueryResult run(Bytes query, const PgValue* values, size_t count) {
  QueryResult result;
  pg_query(query.data, query.size, values, count, &result);
  return result;
}

Outcome outcome;

Outcome* answer(bool failed, Bytes text) {
  outcome.failed = failed;
  outcome.text = text;
  return &outcome;
}

}  // namespace

extern "C" {
EXPORT("wasmcloud:messaging/handler@0.2.0#handle-message")
Outcome* handle_message(const char*, size_t, const char* body, size_t body_size, int32_t, const char*,
                        size_t) {
  PgValue order = {};
  order.which = kJsonb;
  order.text = {body, body_size};
  QueryResult kept = run(kInsert, &order, 1);
  if (kept.failed) {
    // The first order finds no table. Several may be the first at once: what counts is the second try.
    QueryResult made;
    pg_query_batch(kTable.data, kTable.size, &made);
    kept = run(kInsert, &order, 1);
  }
  return kept.failed ? answer(true, kept.error.reason) : answer(false, {});
}

EXPORT("cabi_post_wasmcloud:messaging/handler@0.2.0#handle-message") void after_message(Outcome*) {
  guest_release_all();
}

EXPORT("shop:report/report@1.0.0#customers") Outcome* customers() {
  const QueryResult result = run(kReport, nullptr, 0);
  if (result.failed) return answer(true, result.error.reason);
  if (result.rows.count != 1 || result.rows.data[0].count != 1 ||
      result.rows.data[0].entries[0].which != kText)
    return answer(true, TEXT("PostgreSQL answered with something else than a report"));
  return answer(false, result.rows.data[0].entries[0].text);
}

EXPORT("cabi_post_shop:report/report@1.0.0#customers") void after_customers(Outcome*) {
  guest_release_all();
}
}
