// capability::Blobstore on another process: a client of wrpc:blobstore.
#pragma once

#include <memory>

#include "bindings/remote_target.h"
#include "capability/blobstore.h"

namespace wattle::bindings {

class RemoteBlobstore final : public capability::Blobstore {
 public:
  explicit RemoteBlobstore(std::shared_ptr<const RemoteTarget> target) : target_(std::move(target)) {}

  template <class T>
  using Answer = capability::BlobResult<T>;
  using Caller = capability::Caller;
  using ObjectId = capability::ObjectId;

  Answer<void> create_container(const Caller& caller, std::string_view name) override;
  Answer<bool> container_exists(const Caller& caller, std::string_view name) override;
  Answer<void> delete_container(const Caller& caller, std::string_view name) override;
  Answer<void> clear_container(const Caller& caller, std::string_view name) override;
  Answer<capability::ContainerMetadata> container_info(const Caller& caller, std::string_view name) override;
  Answer<std::vector<std::string>> list_objects(const Caller& caller, std::string_view container,
                                                uint64_t offset, uint64_t limit) override;
  Answer<void> read_object(const Caller& caller, const ObjectId& id, uint64_t first, uint64_t last,
                           std::shared_ptr<async::Pipe> into) override;
  Answer<void> write_object(const Caller& caller, const ObjectId& id, async::Pipe& from) override;
  Answer<bool> has_object(const Caller& caller, const ObjectId& id) override;
  Answer<capability::ObjectMetadata> object_info(const Caller& caller, const ObjectId& id) override;
  Answer<void> delete_object(const Caller& caller, const ObjectId& id) override;
  Answer<void> delete_objects(const Caller& caller, std::string_view container,
                              const std::vector<std::string>& names) override;
  Answer<void> copy_object(const Caller& caller, const ObjectId& from, const ObjectId& to) override;
  Answer<void> move_object(const Caller& caller, const ObjectId& from, const ObjectId& to) override;

 private:
  template <class T, class... Parameters>
  Answer<T> ask(const Caller& caller, std::string_view function, const Parameters&... parameters);

  std::shared_ptr<const RemoteTarget> target_;
  bool is_older_ = false;  // speaks the older version
};

}  // namespace wattle::bindings
