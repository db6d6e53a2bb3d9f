#include "bindings/remote_postgres.h"

#include "bindings/postgres_codec.h"
#include "runtime/error_mapping.h"

namespace wattle::bindings {
namespace {

using capability::QueryError;

template <class T>
using Queried = tl::expected<T, pg_wire::QueryError>;

QueryError unexpected(const Error& error) {
  return {QueryError::Kind::unexpected, runtime::error_text(error)};
}

}  // namespace

tl::expected<std::vector<capability::ResultRow>, QueryError> RemotePostgres::query(
    const Caller& caller, std::string_view query, const std::vector<PgValue>& parameters) {
  auto answer = target_->call<Queried<std::vector<pg_wire::Row>>>(caller, pg_wire::kQuery, "query", query,
                                                                  pg_wire::parameters_to_wire(parameters));
  if (!answer) return tl::make_unexpected(unexpected(answer.error()));
  if (!*answer) return tl::make_unexpected(pg_wire::error_from_wire(std::move(answer->error())));
  return pg_wire::rows_from_wire(std::move(**answer));
}

tl::expected<void, QueryError> RemotePostgres::query_batch(const Caller& caller, std::string_view query) {
  auto answer = target_->call<Queried<void>>(caller, pg_wire::kQuery, "query-batch", query);
  if (!answer) return tl::make_unexpected(unexpected(answer.error()));
  if (!*answer) return tl::make_unexpected(pg_wire::error_from_wire(std::move(answer->error())));
  return {};
}

tl::expected<std::string, capability::StatementPrepareError> RemotePostgres::prepare(
    const Caller& caller, std::string_view statement) {
  auto answer = target_->call<tl::expected<std::string, pg_wire::PrepareError>>(caller, pg_wire::kPrepared,
                                                                                "prepare", statement);
  if (!answer)
    return tl::make_unexpected(capability::StatementPrepareError{runtime::error_text(answer.error())});
  if (!*answer)
    return tl::make_unexpected(capability::StatementPrepareError{std::get<0>(std::move(answer->error()))});
  return std::move(**answer);
}

tl::expected<uint64_t, capability::PreparedStatementExecError> RemotePostgres::exec(
    const Caller& caller, std::string_view token, const std::vector<PgValue>& parameters) {
  auto answer = target_->call<tl::expected<uint64_t, pg_wire::ExecError>>(
      caller, pg_wire::kPrepared, "exec", token, pg_wire::parameters_to_wire(parameters));
  if (!answer) {
    capability::PreparedStatementExecError error;
    error.kind = capability::PreparedStatementExecError::Kind::unexpected;
    error.message = runtime::error_text(answer.error());
    return tl::make_unexpected(std::move(error));
  }
  if (!*answer) return tl::make_unexpected(pg_wire::error_from_wire(std::move(answer->error())));
  return **answer;
}

}  // namespace wattle::bindings
