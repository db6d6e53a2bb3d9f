// One connection to PostgreSQL: libpq in its asynchronous mode, waiting on our loop. One fiber uses it at a
// time; see pool.h for many.
//
//   WATTLE_TRY(auto connection, Connection::open(worker, blocking, options));
//   WATTLE_TRY(const Rows rows, connection->query("SELECT name FROM shop WHERE id = $1", {text("7")}));
//   rows.value(0, 0);
//
// Every wait ends with the fiber's deadline or cancellation; the connection is then broken, since an answer
// is on its way, and the server ends the statement about a second after it has been closed.
#pragma once

#include <libpq-fe.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "async/fiber.h"
#include "async/offload.h"
#include "postgres/error.h"

namespace wattle::postgres {

struct Options {
  std::string host = "127.0.0.1";
  uint16_t port = 5432;
  std::string user = "postgres";
  std::string password;
  std::string database = "postgres";
  std::string tls_mode = "prefer";  // libpq's sslmode
  std::string ca_file;              // PEM with the roots to trust; libpq's default if empty
  std::string application = "wattle";
  Duration connect_timeout = std::chrono::seconds(3);

  // "postgresql://user@host:5432/database", without the password.
  std::string text() const;
};

// One parameter of a statement: $1, $2, ...
struct Parameter {
  std::optional<std::string> value;  // none: NULL
  Oid type = 0;                      // 0: the server infers it
  bool binary = false;               // else PostgreSQL's text form
};
Parameter text_parameter(std::string_view value);
// As bytea.
Parameter bytes_parameter(std::string_view value);
// As bytea[].
Parameter bytes_array_parameter(std::span<const std::string_view> values);

// The answer to one statement.
class Rows {
 public:
  Rows() = default;
  explicit Rows(PGresult* result) : result_(result) {}

  int rows() const { return PQntuples(result_.get()); }
  int columns() const { return PQnfields(result_.get()); }
  std::string column_name(int column) const { return PQfname(result_.get(), column); }
  Oid column_type(int column) const { return PQftype(result_.get(), column); }
  // -1 where the type has none.
  int column_modifier(int column) const { return PQfmod(result_.get(), column); }
  bool is_null(int row, int column) const { return PQgetisnull(result_.get(), row, column) != 0; }
  std::string_view value(int row, int column) const {
    return {PQgetvalue(result_.get(), row, column),
            static_cast<size_t>(PQgetlength(result_.get(), row, column))};
  }
  // Rows that were changed, or returned.
  uint64_t affected() const;

 private:
  struct Clear {
    void operator()(PGresult* result) const { PQclear(result); }
  };
  std::unique_ptr<PGresult, Clear> result_;
};

class Connection {
 public:
  // Connects and shakes hands, within the fiber's deadline and the options' timeout. Texts come back in forms
  // that do not depend on the server's settings: ISO dates, UTC, bytea in hexadecimal. Refused: unavailable,
  // permission_denied, deadline_exceeded.
  static Result<std::unique_ptr<Connection>> open(async::Worker& worker, async::OffloadPool& blocking,
                                                  const Options& options);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // One statement. `binary`: the form of what comes back.
  Result<Rows> query(const std::string& statement, std::span<const Parameter> parameters,
                     bool binary = false);
  // The same, row by row, so that a large answer need not be in memory: `each` is given one row at a time,
  // and ends everything with an error.
  Result<void> query_each(const std::string& statement, std::span<const Parameter> parameters,
                          const std::function<Result<void>(const Rows&)>& each);
  // The same as query(), parsed and planned once a connection.
  Result<Rows> query_prepared(const std::string& statement, std::span<const Parameter> parameters,
                              bool binary);
  // Only parses it; what its parameters and columns are is then known to the server.
  Result<void> check(const std::string& statement);
  // Statements with semicolons between them, in one transaction unless they say otherwise.
  Result<void> script(const std::string& statements);

  // After LISTEN: the next notification's payload, or nothing when `until` is reached.
  Result<std::optional<std::string>> next_notification(TimePoint until);

  // Nothing can be asked any more.
  bool broken() const { return broken_; }
  // A transaction is open that nobody ended.
  bool in_transaction() const { return PQtransactionStatus(connection_) != PQTRANS_IDLE; }
  // Looks whether the server has hung up meanwhile.
  bool still_there();

 private:
  Connection(async::Worker& worker, std::string where);
  Result<void> connect(const Options& options, const std::string& address);
  Result<void> set_up();
  Result<void> wait(bool for_writing);
  Result<void> flush();
  // Reads results until the statement's end; the last one counts, and the first error.
  Result<Rows> finish(const std::function<Result<void>(const Rows&)>* each = nullptr);
  Result<void> send(const std::string& statement, std::span<const Parameter> parameters, bool binary);
  Result<PGresult*> next_result();
  Error broken_error(const Error& cause);

  boost::asio::posix::stream_descriptor descriptor_;
  PGconn* connection_ = nullptr;
  std::string where_;
  std::map<std::string, std::string, std::less<>> prepared_;  // statement and types to its name
  bool broken_ = false;
};

}  // namespace wattle::postgres
