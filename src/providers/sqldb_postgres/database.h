// The calls of wasmcloud:postgres on a pool of connections.
#pragma once

#include <map>

#include "capability/postgres.h"
#include "postgres/pool.h"

namespace wattle::providers::pg {

class Database {
 public:
  Database(std::shared_ptr<postgres::Pool> pool, size_t result_bytes_max)
      : pool_(std::move(pool)), result_bytes_max_(result_bytes_max) {}

  // Refused: invalid_argument (a parameter), and as postgres/error.h says; memory_exceeded: too large an
  // answer.
  Result<std::vector<capability::ResultRow>> query(const std::string& statement,
                                                   const std::vector<capability::PgValue>& parameters);
  Result<void> script(const std::string& statements);
  // Whether the server understands it.
  Result<void> check(const std::string& statement);
  Result<uint64_t> execute(const std::string& statement, const std::vector<capability::PgValue>& parameters);

  const postgres::Pool& pool() const { return *pool_; }

 private:
  // An answer as it came.
  struct Answer {
    std::vector<std::string> names;
    std::vector<Oid> types;
    std::vector<std::vector<std::optional<std::string>>> rows;
    size_t bytes = 0;
  };
  Result<void> add_row(const postgres::Rows& row, Answer& answer) const;
  // Asks for the names of types that have not been met before.
  Result<void> learn_types(postgres::Connection& connection, const std::vector<Oid>& types);
  Result<capability::ResultRow> read_row(const Answer& answer, size_t row) const;

  std::shared_ptr<postgres::Pool> pool_;
  size_t result_bytes_max_;
  std::map<Oid, std::string> type_names_;  // of types that were made in this database
};

// A token for a prepared statement: the statement, and a sum over it.
std::string token_of(std::string_view statement);
// Nothing: it is no token.
std::optional<std::string> statement_of(std::string_view token);

// What a failure is for the component: its parameters, its statement, or something else.
capability::QueryError to_query_error(const Error& error, std::string message);

}  // namespace wattle::providers::pg
