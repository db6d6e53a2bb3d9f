// wRPC's encoding of pg-value, compiled once: a variant of over a hundred cases takes its time.
#pragma once

#include "bindings/postgres_wire.h"
#include "wrpc/typed_codec.h"

template <>
struct wattle::wrpc::Code<wattle::bindings::pg_wire::Value> {
  using Value = bindings::pg_wire::Value;
  static constexpr bool kStreams = false;
  static constexpr size_t kLeastBytes = 1;
  static void encode(Writer& writer, const Value& value);
  static Result<Value> decode(Reader& reader);
};
