// Values of wasmcloud:postgres to parameters of a statement, and what the server sent to values.
#pragma once

#include "capability/postgres_value.h"
#include "postgres/connection.h"

namespace wattle::providers::pg {

// Refused (invalid_argument): a value that PostgreSQL cannot take: zero bytes in a text, fewer bits than
// said.
Result<postgres::Parameter> to_parameter(const capability::PgValue& value);

// `text`: the text form of a value of the type `oid`; `type_name` is asked for where that says more than the
// number (types of extensions). Of a type without a case, the text itself.
Result<capability::PgValue> to_value(Oid oid, std::string_view text, std::string_view type_name);

// Whether the name of a type says more than its number: types that were made in this database.
bool has_name_only(Oid oid);

}  // namespace wattle::providers::pg
