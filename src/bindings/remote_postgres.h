// capability::Postgres on another process: a client of wasmcloud:postgres over wRPC.
#pragma once

#include <memory>

#include "bindings/remote_target.h"
#include "capability/postgres.h"

namespace wattle::bindings {

class RemotePostgres final : public capability::Postgres {
 public:
  explicit RemotePostgres(std::shared_ptr<const RemoteTarget> target) : target_(std::move(target)) {}
  using Caller = capability::Caller;
  using PgValue = capability::PgValue;

  tl::expected<std::vector<capability::ResultRow>, capability::QueryError> query(
      const Caller& caller, std::string_view query, const std::vector<PgValue>& parameters) override;
  tl::expected<void, capability::QueryError> query_batch(const Caller& caller,
                                                         std::string_view query) override;
  tl::expected<std::string, capability::StatementPrepareError> prepare(const Caller& caller,
                                                                       std::string_view statement) override;
  tl::expected<uint64_t, capability::PreparedStatementExecError> exec(
      const Caller& caller, std::string_view token, const std::vector<PgValue>& parameters) override;

 private:
  std::shared_ptr<const RemoteTarget> target_;
};

}  // namespace wattle::bindings
