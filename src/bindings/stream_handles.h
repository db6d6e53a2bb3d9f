// How handles cross the bus in calls of custom interfaces: wasi:io's input-stream as a stream of bytes that
// follows the call; no other resource.
#pragma once

#include <functional>

#include "runtime/host.h"
#include "wrpc/value_codec.h"

namespace wattle::bindings {

// The resource that crosses.
const runtime::ResourceType& byte_stream_type();

// For one call. Sent streams are taken out of `resources` and go on by themselves, until the deadline of the
// fiber that encoded them; received ones are put there.
class StreamHandles final : public wrpc::HandleWire {
 public:
  // The host's resource type behind a number in the function's type; null: none of the host's.
  using ResourceTypeOf = std::function<const runtime::ResourceType*(wit::ResourceId)>;

  // `resources`: of the instance whose handles these are; outlives this object.
  StreamHandles(runtime::HostResources& resources, ResourceTypeOf type_of)
      : resources_(resources), type_of_(std::move(type_of)) {}

  bool is_byte_stream(wit::ResourceId resource) const override {
    return type_of_(resource) == &byte_stream_type();
  }
  Result<std::shared_ptr<async::Pipe>> pipe_of(const wit::HandleValue& handle) override;
  // Refused: memory_exceeded, where the instance holds as many resources as it may.
  Result<wit::HandleValue> handle_of(wit::ResourceId resource, std::shared_ptr<async::Pipe> pipe) override;
  // Refused always: unsupported.
  Result<std::string> token_of(wit::Kind kind, wit::ResourceId resource,
                               const wit::HandleValue& handle) override;
  Result<wit::HandleValue> handle_of(wit::Kind kind, wit::ResourceId resource,
                                     std::string_view token) override;

 private:
  Error does_not_cross(wit::ResourceId resource) const;

  runtime::HostResources& resources_;
  ResourceTypeOf type_of_;
};

}  // namespace wattle::bindings
