// Run-time values as wRPC's bytes: what calls of custom interfaces send between hosts. The encoding is
// wRPC 0.0.1's (component-model value definitions); C++ types have the same bytes through typed_codec.h.
//
//   std::string bytes;
//   Writer writer(bytes);
//   WATTLE_CHECK(encode_values(writer, function.parameters, arguments, &handles));
//   ... writer.streams: what follows under its path
//
// Refused: invalid_argument (a value that is not of its type), unsupported (a handle without HandleWire, a
// type nested deeper than 100), malformed (bytes), memory_exceeded (more than ReaderLimits allow).
#pragma once

#include <span>
#include <vector>

#include "wit/type.h"
#include "wit/value.h"
#include "wrpc/wire.h"

namespace wattle::wrpc {

// How handles of resources cross. A resource is a stream<u8> (wasi:io's input-stream, whose pending bytes
// follow under its path), or an opaque list<u8> that its host can find it by.
class HandleWire {
 public:
  virtual ~HandleWire() = default;
  virtual bool is_byte_stream(wit::ResourceId resource) const = 0;
  // Of a byte stream: what its bytes come out of, and a handle that reads what the peer will send.
  virtual Result<std::shared_ptr<async::Pipe>> pipe_of(const wit::HandleValue& handle) = 0;
  virtual Result<wit::HandleValue> handle_of(wit::ResourceId resource, std::shared_ptr<async::Pipe> pipe) = 0;
  // Of any other resource.
  virtual Result<std::string> token_of(wit::Kind kind, wit::ResourceId resource,
                                       const wit::HandleValue& handle) = 0;
  virtual Result<wit::HandleValue> handle_of(wit::Kind kind, wit::ResourceId resource,
                                             std::string_view token) = 0;
};

Result<void> encode_value(Writer& writer, const wit::TypeRef& type, const wit::Value& value,
                          HandleWire* handles = nullptr);
Result<wit::Value> decode_value(Reader& reader, const wit::TypeRef& type, HandleWire* handles = nullptr);

// Parameters in order; paths begin with their number.
Result<void> encode_parameters(Writer& writer, const wit::FunctionType& function,
                               std::span<const wit::Value> values, HandleWire* handles = nullptr);
// Refuses bytes after the last.
Result<wit::Values> decode_parameters(Reader& reader, const wit::FunctionType& function,
                                      HandleWire* handles = nullptr);
// The result, at path 0, if the function has one.
Result<void> encode_result(Writer& writer, const wit::FunctionType& function,
                           const std::optional<wit::Value>& value, HandleWire* handles = nullptr);
Result<std::optional<wit::Value>> decode_result(Reader& reader, const wit::FunctionType& function,
                                                HandleWire* handles = nullptr);

}  // namespace wattle::wrpc
