// wasmcloud:postgres between its WIT and capability::Postgres.
#include "bindings/add_to.h"
#include "bindings/invocation.h"
#include "bindings/postgres_wire.h"
#include "runtime/error_mapping.h"

namespace wattle::bindings {
namespace {

using runtime::Host;

using pg_wire::kPrepared;
using pg_wire::kQuery;

template <class T>
using Queried = tl::expected<T, pg_wire::QueryError>;
using Parameters = std::vector<pg_wire::Value>;

Result<Target<capability::Postgres>> resolve(Host& host, std::string_view interface) {
  Invocation& invocation = invocation_of(host);
  return invocation.resolver().postgres(interface, invocation.link_name(interface));
}

tl::unexpected<pg_wire::QueryError> refused(const Error& error) {
  return tl::unexpected<pg_wire::QueryError>(
      pg_wire::QueryError(std::in_place_index<2>, runtime::error_text(error)));
}

Queried<std::vector<pg_wire::Row>> query(Host& host, std::string_view text, Parameters parameters) {
  auto target = resolve(host, "wasmcloud:postgres/query");
  if (!target) return refused(target.error());
  const async::DeadlineScope deadline(target->deadline());
  auto rows =
      target->capability->query(target->caller(), text, pg_wire::parameters_from_wire(std::move(parameters)));
  if (!rows) return tl::make_unexpected(pg_wire::error_to_wire(std::move(rows.error())));
  return pg_wire::rows_to_wire(std::move(*rows));
}

Queried<void> query_batch(Host& host, std::string_view text) {
  auto target = resolve(host, "wasmcloud:postgres/query");
  if (!target) return refused(target.error());
  const async::DeadlineScope deadline(target->deadline());
  auto done = target->capability->query_batch(target->caller(), text);
  if (!done) return tl::make_unexpected(pg_wire::error_to_wire(std::move(done.error())));
  return {};
}

tl::expected<std::string, pg_wire::PrepareError> prepare(Host& host, std::string_view statement) {
  auto target = resolve(host, "wasmcloud:postgres/prepared");
  if (!target) return tl::make_unexpected(pg_wire::PrepareError(runtime::error_text(target.error())));
  const async::DeadlineScope deadline(target->deadline());
  auto token = target->capability->prepare(target->caller(), statement);
  if (!token) return tl::make_unexpected(pg_wire::PrepareError(std::move(token.error().message)));
  return std::move(*token);
}

tl::expected<uint64_t, pg_wire::ExecError> exec(Host& host, std::string_view token, Parameters parameters) {
  auto target = resolve(host, "wasmcloud:postgres/prepared");
  if (!target)
    return tl::make_unexpected(
        pg_wire::ExecError(std::in_place_index<2>, runtime::error_text(target.error())));
  const async::DeadlineScope deadline(target->deadline());
  auto count =
      target->capability->exec(target->caller(), token, pg_wire::parameters_from_wire(std::move(parameters)));
  if (!count) return tl::make_unexpected(pg_wire::error_to_wire(std::move(count.error())));
  return *count;
}

}  // namespace

void add_postgres(runtime::Linker& linker) {
  linker.function(kQuery, "query", [](Host& host, std::string_view text, Parameters parameters) {
    return query(host, text, std::move(parameters));
  });
  linker.function(kQuery, "query-batch",
                  [](Host& host, std::string_view text) { return query_batch(host, text); });
  linker.function(kPrepared, "prepare",
                  [](Host& host, std::string_view statement) { return prepare(host, statement); });
  linker.function(kPrepared, "exec", [](Host& host, std::string_view token, Parameters parameters) {
    return exec(host, token, std::move(parameters));
  });
}

}  // namespace wattle::bindings
