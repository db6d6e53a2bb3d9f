#include "bindings/stream_handles.h"

#include "bindings/pipe_streams.h"

namespace wattle::bindings {

const runtime::ResourceType& byte_stream_type() {
  return runtime::host_resource_type<wasi::InputStream>;
}

Result<std::shared_ptr<async::Pipe>> StreamHandles::pipe_of(const wit::HandleValue& handle) {
  auto pipe = std::make_shared<async::Pipe>();
  auto& fiber = async::Fiber::current();
  // What a host resource charged to this instance goes with it into the fiber.
  auto holder = std::make_shared<runtime::HostResources>();
  std::unique_ptr<runtime::HostResource> resource = resources_.take(handle.representation);
  if (!resource->move_to(*holder))
    return failure(ErrorCode::unsupported, "this input-stream belongs to its call and cannot leave it");
  fiber.worker().spawn([holder, pipe, deadline = fiber.deadline(),
                        stream = std::shared_ptr<runtime::HostResource>(std::move(resource))] {
    async::Fiber::current().set_deadline(deadline);
    pour(static_cast<wasi::InputStream&>(*stream).source(), *pipe);
  });
  return pipe;
}

Result<wit::HandleValue> StreamHandles::handle_of(wit::ResourceId, std::shared_ptr<async::Pipe> pipe) {
  if (resources_.full()) {
    pipe->stop_reading();
    return failure(ErrorCode::memory_exceeded, "the component holds {} resources and may hold no more",
                   resources_.count());
  }
  auto stream = std::make_unique<wasi::InputStream>(wasi::InputSourcePtr(new PipeSource(std::move(pipe))));
  return wit::HandleValue{true, resources_.insert(std::move(stream)), &byte_stream_type()};
}

Error StreamHandles::does_not_cross(wit::ResourceId resource) const {
  const runtime::ResourceType* type = type_of_(resource);
  return Error(ErrorCode::unsupported,
               fmt::format("the resource \"{}\" does not cross between hosts",
                           type == nullptr ? std::string("of the component's own")
                                           : fmt::format("{}.{}", type->interface, type->name)))
      .with_remedy("pass values, or an input-stream of wasi:io that is given away");
}

Result<std::string> StreamHandles::token_of(wit::Kind, wit::ResourceId resource, const wit::HandleValue&) {
  return failure(does_not_cross(resource));
}

Result<wit::HandleValue> StreamHandles::handle_of(wit::Kind, wit::ResourceId resource, std::string_view) {
  return failure(does_not_cross(resource));
}

}  // namespace wattle::bindings
