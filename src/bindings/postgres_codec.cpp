#include "bindings/postgres_codec.h"

namespace wattle::wrpc {

using bindings::pg_wire::Value;
using PgValueCode = VariantCode<Value>;
static_assert(Code<Value>::kStreams == PgValueCode::kStreams &&
              Code<Value>::kLeastBytes == PgValueCode::kLeastBytes);

void Code<Value>::encode(Writer& writer, const Value& value) {
  PgValueCode::encode(writer, value);
}

Result<Value> Code<Value>::decode(Reader& reader) {
  return PgValueCode::decode(reader);
}

}  // namespace wattle::wrpc
