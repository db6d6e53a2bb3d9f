#include "bindings/postgres_wire.h"

#include <array>

namespace wattle::bindings::pg_wire {
namespace {

using capability::PgPayload;
using capability::PgType;
using capability::PgValue;

// One conversion for each case, found by its number.
template <size_t index>
Value to_case(PgValue&& value) {
  using Payload = typename PgPayload<static_cast<PgType>(index)>::Type;
  return Value(std::in_place_index<index>, Wire<Payload>::to(std::get<Payload>(std::move(value.data))));
}

template <size_t index>
PgValue from_case(Value&& value) {
  constexpr PgType type = static_cast<PgType>(index);
  return PgValue::of<type>(Wire<typename PgPayload<type>::Type>::from(std::get<index>(std::move(value))));
}

template <size_t... indices>
constexpr auto to_table(std::index_sequence<indices...>) {
  return std::array{&to_case<indices>...};
}
template <size_t... indices>
constexpr auto from_table(std::index_sequence<indices...>) {
  return std::array{&from_case<indices>...};
}

}  // namespace

Value value_to_wire(PgValue value) {
  static constexpr auto kTable = to_table(std::make_index_sequence<capability::kPgTypes>());
  return kTable[static_cast<size_t>(value.type)](std::move(value));
}

PgValue value_from_wire(Value value) {
  static constexpr auto kTable = from_table(std::make_index_sequence<capability::kPgTypes>());
  return kTable[value.index()](std::move(value));
}

QueryError error_to_wire(capability::QueryError error) {
  switch (error.kind) {
    case capability::QueryError::Kind::invalid_params:
      return QueryError(std::in_place_index<0>, std::move(error.message));
    case capability::QueryError::Kind::invalid_query:
      return QueryError(std::in_place_index<1>, std::move(error.message));
    case capability::QueryError::Kind::unexpected:
      break;
  }
  return QueryError(std::in_place_index<2>, std::move(error.message));
}

capability::QueryError error_from_wire(QueryError error) {
  const auto kind = static_cast<capability::QueryError::Kind>(error.index());
  return std::visit([&](std::string& message) { return capability::QueryError{kind, std::move(message)}; },
                    error);
}

ExecError error_to_wire(capability::PreparedStatementExecError error) {
  using Kind = capability::PreparedStatementExecError::Kind;
  switch (error.kind) {
    case Kind::unknown_prepared_query:
      return ExecError(std::in_place_index<0>);
    case Kind::query_error:
      return ExecError(std::in_place_index<1>, error_to_wire(std::move(error.query)));
    case Kind::unexpected:
      break;
  }
  return ExecError(std::in_place_index<2>, std::move(error.message));
}

capability::PreparedStatementExecError error_from_wire(ExecError error) {
  capability::PreparedStatementExecError made;
  made.kind = static_cast<capability::PreparedStatementExecError::Kind>(error.index());
  if (auto* query = std::get_if<1>(&error)) made.query = error_from_wire(std::move(*query));
  if (auto* message = std::get_if<2>(&error)) made.message = std::move(*message);
  return made;
}

std::vector<PgValue> parameters_from_wire(std::vector<Value> values) {
  std::vector<PgValue> made;
  made.reserve(values.size());
  for (Value& each : values) made.push_back(value_from_wire(std::move(each)));
  return made;
}

std::vector<Value> parameters_to_wire(const std::vector<PgValue>& values) {
  std::vector<Value> made;
  made.reserve(values.size());
  for (const PgValue& each : values) made.push_back(value_to_wire(each));
  return made;
}

std::vector<Row> rows_to_wire(std::vector<capability::ResultRow> rows) {
  std::vector<Row> made(rows.size());
  for (size_t index = 0; index < rows.size(); ++index) {
    made[index].reserve(rows[index].size());
    for (capability::ResultRowEntry& entry : rows[index])
      made[index].emplace_back(std::move(entry.column_name), value_to_wire(std::move(entry.value)));
  }
  return made;
}

std::vector<capability::ResultRow> rows_from_wire(std::vector<Row> rows) {
  std::vector<capability::ResultRow> made(rows.size());
  for (size_t index = 0; index < rows.size(); ++index) {
    made[index].reserve(rows[index].size());
    for (auto& [column_name, value] : rows[index])
      made[index].push_back({std::move(column_name), value_from_wire(std::move(value))});
  }
  return made;
}

}  // namespace wattle::bindings::pg_wire
