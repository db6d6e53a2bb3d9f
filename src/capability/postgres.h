// wasmcloud:postgres 0.1.1-draft (query, prepared) as C++. Waits suspend the fiber; its deadline ends them
// with an error.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "capability/postgres_value.h"
#include "capability/provider.h"

namespace wattle::capability {

// wasmcloud:postgres/types.query-error
struct QueryError {
  enum class Kind : uint8_t { invalid_params, invalid_query, unexpected };
  Kind kind = Kind::unexpected;
  std::string message;
};
// statement-prepare-error
struct StatementPrepareError {
  std::string message;  // of `unexpected`
};
// prepared-statement-exec-error
struct PreparedStatementExecError {
  enum class Kind : uint8_t { unknown_prepared_query, query_error, unexpected };
  Kind kind = Kind::unexpected;
  QueryError query;     // of `query_error`
  std::string message;  // of `unexpected`
};

struct ResultRowEntry {
  std::string column_name;
  PgValue value;
};
using ResultRow = std::vector<ResultRowEntry>;

class Postgres {
 public:
  virtual ~Postgres() = default;

  // One statement, whose parameters are $1, $2, ...
  virtual tl::expected<std::vector<ResultRow>, QueryError> query(const Caller& caller, std::string_view query,
                                                                 const std::vector<PgValue>& parameters) = 0;
  // Several statements with semicolons between them, in one transaction unless they say otherwise.
  virtual tl::expected<void, QueryError> query_batch(const Caller& caller, std::string_view query) = 0;

  // A token for exec(). It is the caller's link's, and good on every worker and host.
  virtual tl::expected<std::string, StatementPrepareError> prepare(const Caller& caller,
                                                                   std::string_view statement) = 0;
  // How many rows were changed, or returned.
  virtual tl::expected<uint64_t, PreparedStatementExecError> exec(const Caller& caller,
                                                                  std::string_view token,
                                                                  const std::vector<PgValue>& parameters) = 0;
};

}  // namespace wattle::capability
