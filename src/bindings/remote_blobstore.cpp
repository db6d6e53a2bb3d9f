#include "bindings/remote_blobstore.h"

#include <functional>

#include "bindings/blobstore_wire.h"
#include "bindings/pipe_streams.h"
#include "runtime/error_mapping.h"

namespace wattle::bindings {
namespace {

using namespace blobstore_wire;

// A fiber that pours one pipe into another, and has ended when this has.
class Pouring {
 public:
  Pouring(async::Pipe& from, std::shared_ptr<async::Pipe> to) : from_(from), to_(std::move(to)) {
    async::Fiber& fiber = async::Fiber::current();
    fiber_ = fiber.worker().spawn([this, deadline = fiber.deadline()] {
      const async::DeadlineScope scope(deadline);
      pour(from_, *to_);
      ended_ = true;
      changed_.notify();
    });
  }
  ~Pouring() {
    if (!ended_) fiber_->cancel(Error(ErrorCode::cancelled, "the receiver wants no more"));
    const async::MaskScope mask;
    while (!ended_) (void)changed_.wait();
  }
  Pouring(const Pouring&) = delete;
  Pouring& operator=(const Pouring&) = delete;

 private:
  async::Pipe& from_;
  std::shared_ptr<async::Pipe> to_;
  std::shared_ptr<async::Fiber> fiber_;
  bool ended_ = false;
  async::Signal changed_;
};

}  // namespace

template <class T, class... Parameters>
RemoteBlobstore::Answer<T> RemoteBlobstore::ask(const Caller& caller, std::string_view function,
                                                const Parameters&... parameters) {
  const auto ask_version = [&](std::string_view instance) {
    return target_->call<blobstore_wire::Answer<T>>(caller, instance, function, parameters...);
  };
  auto answer = ask_version(is_older_ ? kOlderBlobstore : kBlobstore);
  if (!answer && !is_older_ && wrpc::certainly_not_begun(answer.error()) &&
      answer.error().code() == ErrorCode::unavailable) {
    if (auto older = ask_version(kOlderBlobstore)) {
      answer = std::move(older);
      is_older_ = true;
    }
  }
  if (!answer) return tl::make_unexpected(runtime::error_text(answer.error()));
  return std::move(*answer);
}

RemoteBlobstore::Answer<void> RemoteBlobstore::create_container(const Caller& caller, std::string_view name) {
  return ask<void>(caller, "create-container", name);
}

RemoteBlobstore::Answer<bool> RemoteBlobstore::container_exists(const Caller& caller, std::string_view name) {
  return ask<bool>(caller, "container-exists", name);
}

RemoteBlobstore::Answer<void> RemoteBlobstore::delete_container(const Caller& caller, std::string_view name) {
  return ask<void>(caller, "delete-container", name);
}

RemoteBlobstore::Answer<void> RemoteBlobstore::clear_container(const Caller& caller, std::string_view name) {
  return ask<void>(caller, "clear-container", name);
}

RemoteBlobstore::Answer<capability::ContainerMetadata> RemoteBlobstore::container_info(
    const Caller& caller, std::string_view name) {
  return ask<ContainerMetadata>(caller, "get-container-info", name).map([](ContainerMetadata info) {
    return capability::ContainerMetadata{std::get<0>(info)};
  });
}

RemoteBlobstore::Answer<std::vector<std::string>> RemoteBlobstore::list_objects(const Caller& caller,
                                                                                std::string_view container,
                                                                                uint64_t offset,
                                                                                uint64_t limit) {
  auto stream = ask<NameStream>(caller, "list-container-objects", container, std::optional<uint64_t>(limit),
                                std::optional<uint64_t>(offset));
  if (!stream) return tl::make_unexpected(std::move(stream.error()));
  auto names = stream->get();
  if (!names) return tl::make_unexpected(runtime::error_text(names.error()));
  return std::move(*names);
}

RemoteBlobstore::Answer<void> RemoteBlobstore::read_object(const Caller& caller, const ObjectId& id,
                                                           uint64_t first, uint64_t last,
                                                           std::shared_ptr<async::Pipe> into) {
  auto stream = ask<wrpc::ByteStream>(caller, "get-container-data", id_to_wire(id), first, last);
  if (!stream) return tl::make_unexpected(std::move(stream.error()));
  async::Fiber& fiber = async::Fiber::current();
  fiber.worker().spawn([from = std::move(stream->pipe), into = std::move(into), deadline = fiber.deadline()] {
    const async::DeadlineScope scope(deadline);
    pour(*from, *into);
  });
  return {};
}

RemoteBlobstore::Answer<void> RemoteBlobstore::write_object(const Caller& caller, const ObjectId& id,
                                                            async::Pipe& from) {
  // The transport may hold its pipe for longer than this call.
  const auto sent = std::make_shared<async::Pipe>();
  const Pouring pouring(from, sent);
  auto answer = target_->call_streaming<blobstore_wire::Answer<void>>(
      caller, is_older_ ? kOlderBlobstore : kBlobstore, "write-container-data", id_to_wire(id),
      wrpc::ByteStream{sent});
  if (!answer) return tl::make_unexpected(runtime::error_text(answer.error()));
  return std::move(*answer);
}

RemoteBlobstore::Answer<bool> RemoteBlobstore::has_object(const Caller& caller, const ObjectId& id) {
  return ask<bool>(caller, "has-object", id_to_wire(id));
}

RemoteBlobstore::Answer<capability::ObjectMetadata> RemoteBlobstore::object_info(const Caller& caller,
                                                                                 const ObjectId& id) {
  return ask<ObjectMetadata>(caller, "get-object-info", id_to_wire(id)).map([](ObjectMetadata info) {
    return capability::ObjectMetadata{std::get<0>(info), std::get<1>(info)};
  });
}

RemoteBlobstore::Answer<void> RemoteBlobstore::delete_object(const Caller& caller, const ObjectId& id) {
  return ask<void>(caller, "delete-object", id_to_wire(id));
}

RemoteBlobstore::Answer<void> RemoteBlobstore::delete_objects(const Caller& caller,
                                                              std::string_view container,
                                                              const std::vector<std::string>& names) {
  return ask<void>(caller, "delete-objects", container, names);
}

RemoteBlobstore::Answer<void> RemoteBlobstore::copy_object(const Caller& caller, const ObjectId& from,
                                                           const ObjectId& to) {
  return ask<void>(caller, "copy-object", id_to_wire(from), id_to_wire(to));
}

RemoteBlobstore::Answer<void> RemoteBlobstore::move_object(const Caller& caller, const ObjectId& from,
                                                           const ObjectId& to) {
  return ask<void>(caller, "move-object", id_to_wire(from), id_to_wire(to));
}

}  // namespace wattle::bindings
