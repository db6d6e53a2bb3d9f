#include "providers/sqldb_postgres/sqldb_postgres.h"

#include "capability/postgres.h"
#include "providers/in_flight.h"
#include "providers/link_table.h"
#include "providers/postgres_settings.h"
#include "providers/sqldb_postgres/database.h"

namespace wattle::providers {
namespace {

using namespace std::chrono_literals;
using capability::Caller;
using capability::PgValue;
using capability::PreparedStatementExecError;
using capability::ProviderLink;
using capability::QueryError;
using capability::ResultRow;
using capability::StatementPrepareError;

constexpr Duration kTimeout = 30s;
constexpr uint64_t kResultBytesMax = 64 * 1024 * 1024;

class SqlProvider final : public capability::Provider, private capability::Postgres {
 public:
  explicit SqlProvider(const capability::ProviderContext& context) : context_(context) {}

  Result<void> put_link(const ProviderLink& link) override {
    const Settings settings({&context_.config, &context_.secrets, &link.config, &link.secrets});
    auto made = std::make_shared<Link>();
    WATTLE_TRY(made->timeout, settings.milliseconds("timeout_ms", kTimeout));
    WATTLE_TRY(const uint64_t bytes,
               settings.number("max_result_bytes", kResultBytesMax, 1, uint64_t{1} << 40));
    WATTLE_TRY(auto pool, make_postgres_pool(context_, settings));
    made->database = std::make_unique<pg::Database>(std::move(pool), bytes);
    made->put = link;
    links_.put(link, std::move(made));
    return {};
  }
  void delete_link(const ProviderLink& link) override { links_.erase(link); }

  // Links are made anew with it; those that it does not fit stay as they were.
  Result<void> update_config(const std::map<std::string, std::string>& config) override {
    context_.config = config;
    std::vector<ProviderLink> all;
    for (const auto& [key, link] : links_) all.push_back(link->put);
    Result<void> outcome;
    for (const ProviderLink& link : all)
      if (auto put = put_link(link); !put) outcome = failure(put.error());
    return outcome;
  }

  capability::Health health() override {
    for (const auto& [key, link] : links_)
      if (const auto& problem = link->database->pool().problem())
        return {.healthy = false, .message = problem->full_message()};
    return {};
  }
  void drain() override { in_flight_.wait(); }
  capability::Postgres* postgres() override { return this; }

 private:
  struct Link {
    std::unique_ptr<pg::Database> database;
    Duration timeout{};
    ProviderLink put;
  };

  // Runs `operation(database)` of the caller's link; failures say whose they are.
  template <class T, class Operation>
  tl::expected<T, QueryError> run(const Caller& caller, std::string_view what, Operation operation) {
    const auto link = links_.find(caller);
    if (link == nullptr)
      return tl::unexpected<QueryError>(
          {QueryError::Kind::unexpected,
           fmt::format("{} does not reach \"{}\": it has no such link",
                       link_text(caller.link_name, caller.source_id), context_.provider_id)});
    const InFlight::Call call(in_flight_);
    const async::DeadlineScope deadline(Clock::now() + link->timeout);
    Result<T> done = operation(*link->database);
    if (!done)
      return tl::unexpected<QueryError>(pg::to_query_error(
          done.error(),
          fmt::format("{} in \"{}\" through {} failed: {}", what, context_.provider_id,
                      link_text(caller.link_name, caller.source_id), done.error().full_message())));
    if constexpr (std::is_void_v<T>) {
      return {};
    } else {
      return std::move(*done);
    }
  }

  tl::expected<std::vector<ResultRow>, QueryError> query(const Caller& caller, std::string_view statement,
                                                         const std::vector<PgValue>& parameters) override {
    return run<std::vector<ResultRow>>(caller, "query", [&](pg::Database& database) {
      return database.query(std::string(statement), parameters);
    });
  }
  tl::expected<void, QueryError> query_batch(const Caller& caller, std::string_view statements) override {
    return run<void>(caller, "query-batch",
                     [&](pg::Database& database) { return database.script(std::string(statements)); });
  }
  tl::expected<std::string, StatementPrepareError> prepare(const Caller& caller,
                                                           std::string_view statement) override {
    auto checked = run<void>(caller, "prepare",
                             [&](pg::Database& database) { return database.check(std::string(statement)); });
    if (!checked) return tl::unexpected<StatementPrepareError>({std::move(checked).error().message});
    return pg::token_of(statement);
  }
  tl::expected<uint64_t, PreparedStatementExecError> exec(const Caller& caller, std::string_view token,
                                                          const std::vector<PgValue>& parameters) override {
    using Kind = PreparedStatementExecError::Kind;
    const auto statement = pg::statement_of(token);
    if (!statement) return tl::unexpected<PreparedStatementExecError>({Kind::unknown_prepared_query, {}, {}});
    auto done = run<uint64_t>(
        caller, "exec", [&](pg::Database& database) { return database.execute(*statement, parameters); });
    if (done) return *done;
    return tl::unexpected<PreparedStatementExecError>({Kind::query_error, std::move(done).error(), {}});
  }

  capability::ProviderContext context_;
  LinkTable<Link> links_;
  InFlight in_flight_;
};

class SqlFactory final : public capability::ProviderFactory {
 public:
  std::string_view name() const override { return "sqldb-postgres"; }
  std::vector<std::string> interfaces() const override {
    return {"wasmcloud:postgres/query", "wasmcloud:postgres/prepared", "wasmcloud:postgres/types"};
  }
  Result<std::unique_ptr<capability::Provider>> make(const capability::ProviderContext& context) override {
    return std::make_unique<SqlProvider>(context);
  }
};

}  // namespace

std::unique_ptr<capability::ProviderFactory> sqldb_postgres_factory() {
  return std::make_unique<SqlFactory>();
}

}  // namespace wattle::providers
