// wasi:blobstore 0.2.0-draft as C++, without resources: a container is its name, an object its container and
// name, contents flow through pipes. Waits suspend the fiber; its deadline ends them with an error.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "async/pipe.h"
#include "capability/provider.h"

namespace wattle::capability {

// wasi:blobstore's error is a text.
template <class T>
using BlobResult = tl::expected<T, std::string>;

struct ObjectId {
  std::string container;
  std::string object;
};
struct ContainerMetadata {
  uint64_t created_at_seconds = 0;  // since 1970
};
struct ObjectMetadata {
  uint64_t created_at_seconds = 0;  // since 1970
  uint64_t size_bytes = 0;
};

class Blobstore {
 public:
  virtual ~Blobstore() = default;

  // A container that exists already is no failure.
  virtual BlobResult<void> create_container(const Caller& caller, std::string_view name) = 0;
  virtual BlobResult<bool> container_exists(const Caller& caller, std::string_view name) = 0;
  // With everything in it.
  virtual BlobResult<void> delete_container(const Caller& caller, std::string_view name) = 0;
  virtual BlobResult<void> clear_container(const Caller& caller, std::string_view name) = 0;
  virtual BlobResult<ContainerMetadata> container_info(const Caller& caller, std::string_view name) = 0;
  // In the order of names; skips `offset` of them and returns at most `limit`.
  virtual BlobResult<std::vector<std::string>> list_objects(const Caller& caller, std::string_view container,
                                                            uint64_t offset, uint64_t limit) = 0;

  // Writes the bytes `first` to `last`, both included (cut at the object's end), into `into` and closes it.
  // Returns when the object was found and its bytes begin to flow (from a fiber of the worker, which outlives
  // the call: hence shared); what goes wrong later aborts the pipe.
  virtual BlobResult<void> read_object(const Caller& caller, const ObjectId& id, uint64_t first,
                                       uint64_t last, std::shared_ptr<async::Pipe> into) = 0;
  // Stores what comes out of `from`, to its end; the object appears whole, or not at all.
  virtual BlobResult<void> write_object(const Caller& caller, const ObjectId& id, async::Pipe& from) = 0;
  virtual BlobResult<bool> has_object(const Caller& caller, const ObjectId& id) = 0;
  virtual BlobResult<ObjectMetadata> object_info(const Caller& caller, const ObjectId& id) = 0;
  // An object that is not there is no failure.
  virtual BlobResult<void> delete_object(const Caller& caller, const ObjectId& id) = 0;
  virtual BlobResult<void> delete_objects(const Caller& caller, std::string_view container,
                                          const std::vector<std::string>& names) = 0;
  virtual BlobResult<void> copy_object(const Caller& caller, const ObjectId& from, const ObjectId& to) = 0;
  virtual BlobResult<void> move_object(const Caller& caller, const ObjectId& from, const ObjectId& to) = 0;
};

}  // namespace wattle::capability
