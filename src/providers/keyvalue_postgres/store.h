// A key-value store in a table of PostgreSQL.
#pragma once

#include "postgres/pool.h"
#include "providers/key_value_provider.h"

namespace wattle::providers {

// A table's name in SQL, quoted. Refused (invalid_argument): no name.
Result<std::string> quoted_table(std::string_view name);

class PostgresStore final : public KeyValueStore {
 public:
  // `table`: quoted.
  PostgresStore(std::shared_ptr<postgres::Pool> pool, std::string table);

  Result<void> open(std::string_view bucket) override;
  Result<std::optional<std::string>> get(std::string_view bucket, std::string_view key) override;
  Result<void> set(std::string_view bucket, std::string_view key, std::string_view value) override;
  Result<void> remove(std::string_view bucket, std::string_view key) override;
  Result<bool> exists(std::string_view bucket, std::string_view key) override;
  Result<capability::KeyPage> list_keys(std::string_view bucket, std::optional<uint64_t> cursor) override;
  Result<uint64_t> increment(std::string_view bucket, std::string_view key, uint64_t delta) override;
  Result<std::vector<std::optional<std::string>>> get_many(std::string_view bucket,
                                                           const std::vector<std::string>& keys) override;
  Result<void> set_many(std::string_view bucket,
                        const std::vector<std::pair<std::string, std::string>>& values) override;
  Result<void> remove_many(std::string_view bucket, const std::vector<std::string>& keys) override;
  capability::Health health() override;

  const std::string& table() const { return table_; }
  postgres::Pool& pool() const { return *pool_; }
  // Makes the table if it is missing. Refused: unsupported (its format is a later one).
  Result<void> make_table(postgres::Connection& connection);

 private:
  enum class Repeat : uint8_t { never, allowed };
  // Runs a statement with `parameters`, after the table is known to be there; binary rows.
  Result<postgres::Rows> run(const std::string& statement, std::vector<postgres::Parameter> parameters,
                             Repeat repeat);

  std::shared_ptr<postgres::Pool> pool_;
  std::string table_;
  bool table_is_there_ = false;
  // The statements, with the table's name in them.
  std::string get_, set_, remove_, exists_, list_, increment_, get_many_, set_many_, remove_many_;
};

}  // namespace wattle::providers
