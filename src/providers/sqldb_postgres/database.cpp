#include "providers/sqldb_postgres/database.h"

#include <charconv>

#include "providers/key_value_provider.h"
#include "providers/sqldb_postgres/values.h"

namespace wattle::providers::pg {
namespace {

using capability::PgType;
using capability::PgValue;
using capability::QueryError;
using capability::ResultRow;
using postgres::Connection;
using postgres::Parameter;
using postgres::Rows;

constexpr std::string_view kTokenPrefix = "wattle1:";
constexpr size_t kSumDigits = 16;

Result<std::vector<Parameter>> to_parameters(const std::vector<PgValue>& values) {
  std::vector<Parameter> parameters;
  parameters.reserve(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    auto parameter = to_parameter(values[i]);
    if (!parameter)
      return failure(parameter.error().with_context(fmt::format("parameter ${} is wrong", i + 1)));
    parameters.push_back(std::move(*parameter));
  }
  return parameters;
}

}  // namespace

Result<std::vector<ResultRow>> Database::query(const std::string& statement,
                                               const std::vector<PgValue>& values) {
  WATTLE_TRY(const auto parameters, to_parameters(values));
  WATTLE_TRY(const Answer answer, pool_->run(false, [&](Connection& connection) -> Result<Answer> {
    Answer got;
    WATTLE_CHECK(
        connection.query_each(statement, parameters, [&](const Rows& row) { return add_row(row, got); }));
    WATTLE_CHECK(learn_types(connection, got.types));
    return got;
  }));
  std::vector<ResultRow> rows;
  rows.reserve(answer.rows.size());
  for (size_t i = 0; i < answer.rows.size(); ++i) {
    WATTLE_TRY(auto row, read_row(answer, i));
    rows.push_back(std::move(row));
  }
  return rows;
}

Result<void> Database::add_row(const Rows& row, Answer& answer) const {
  if (answer.rows.empty()) {
    for (int i = 0; i < row.columns(); ++i) {
      answer.names.push_back(row.column_name(i));
      answer.types.push_back(row.column_type(i));
    }
  }
  auto& texts = answer.rows.emplace_back();
  texts.reserve(answer.names.size());
  for (int i = 0; i < row.columns(); ++i) {
    const std::string_view text = row.value(0, i);
    answer.bytes += text.size() + sizeof(capability::ResultRowEntry);
    texts.push_back(row.is_null(0, i) ? std::nullopt : std::optional(std::string(text)));
  }
  if (answer.bytes <= result_bytes_max_) return {};
  return failure(Error(ErrorCode::memory_exceeded,
                       fmt::format("the query's rows are more than {} bytes", result_bytes_max_))
                     .with_remedy("ask for fewer rows, or raise the link's setting max_result_bytes"));
}

Result<void> Database::learn_types(Connection& connection, const std::vector<Oid>& types) {
  for (const Oid oid : types) {
    if (!has_name_only(oid) || type_names_.contains(oid)) continue;
    WATTLE_TRY(const Rows found,
               connection.query(fmt::format("SELECT typname FROM pg_type WHERE oid = {}", oid), {}));
    type_names_[oid] = found.rows() > 0 ? std::string(found.value(0, 0)) : std::string();
  }
  return {};
}

Result<ResultRow> Database::read_row(const Answer& answer, size_t row) const {
  ResultRow read;
  read.reserve(answer.names.size());
  for (size_t i = 0; i < answer.names.size(); ++i) {
    capability::ResultRowEntry entry{.column_name = answer.names[i], .value = {}};
    if (const auto& text = answer.rows[row][i]) {
      const auto name = type_names_.find(answer.types[i]);
      auto value = to_value(answer.types[i], *text,
                            name == type_names_.end() ? std::string_view() : std::string_view(name->second));
      if (!value)
        return failure(
            value.error().with_context(fmt::format("the column \"{}\" cannot be read", answer.names[i])));
      entry.value = std::move(*value);
    }
    read.push_back(std::move(entry));
  }
  return read;
}

Result<void> Database::script(const std::string& statements) {
  return pool_->run(false, [&](Connection& connection) { return connection.script(statements); });
}

Result<void> Database::check(const std::string& statement) {
  return pool_->run(true, [&](Connection& connection) { return connection.check(statement); });
}

Result<uint64_t> Database::execute(const std::string& statement, const std::vector<PgValue>& values) {
  WATTLE_TRY(const auto parameters, to_parameters(values));
  return pool_->run(false, [&](Connection& connection) -> Result<uint64_t> {
    WATTLE_TRY(const Rows rows, connection.query_prepared(statement, parameters, false));
    return rows.affected();
  });
}

std::string token_of(std::string_view statement) {
  return fmt::format("{}{:016x}:{}", kTokenPrefix, key_position(statement), statement);
}

std::optional<std::string> statement_of(std::string_view token) {
  if (!token.starts_with(kTokenPrefix) || token.size() < kTokenPrefix.size() + kSumDigits + 1)
    return std::nullopt;
  const std::string_view statement = token.substr(kTokenPrefix.size() + kSumDigits + 1);
  if (token != token_of(statement)) return std::nullopt;
  return std::string(statement);
}

QueryError to_query_error(const Error& error, std::string message) {
  auto kind = QueryError::Kind::unexpected;
  const auto state = postgres::state_class_of(error);
  if (error.code() == ErrorCode::invalid_argument || state == "22" || state == "08") {
    kind = QueryError::Kind::invalid_params;  // 08: their number
  } else if (state == "42" || state == "0A" || state == "3F" || state == "26") {
    kind = QueryError::Kind::invalid_query;
  }
  return {kind, std::move(message)};
}

}  // namespace wattle::providers::pg
