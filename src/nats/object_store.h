// Object stores on JetStream, laid out as every NATS client lays them out (ADR-20): the store NAME is the
// stream OBJ_NAME, an object's bytes lie in chunks under $O.NAME.C.ID, its description under
// $O.NAME.M.BASE64(name).
//
//   WATTLE_TRY(auto images, nats::ObjectStore::create(js, {.bucket = "images"}));
//   WATTLE_TRY(auto info, images.put({.name = "app.wasm"}, bytes));
//   WATTLE_CHECK(images.get("app.wasm", [&](std::string_view piece) { return file.write(piece); }));
//
// Objects may be larger than any message and than memory. What is read is checked against its size and
// SHA-256; an object appears, with its new content, when all of it has been stored.
#pragma once

#include <span>

#include "async/pipe.h"
#include "nats/consumer.h"

namespace wattle::nats {

struct ObjectStoreConfig {
  std::string bucket{};  // letters, digits, "-" and "_"
  std::string description{};
  Duration time_to_live = Duration::zero();  // zero: for ever
  int64_t bytes_max = -1;
  Storage storage = Storage::file;
  int replicas = 1;
  bool compress = false;  // as StreamConfig's
};

struct ObjectDescription {
  std::string name{};  // any text
  std::string description{};
  size_t chunk_bytes = 128 * 1024;
};

struct ObjectInfo {
  std::string name{};
  std::string description{};
  std::string id{};  // of this content
  uint64_t size_bytes = 0;
  uint64_t chunks = 0;
  std::string digest{};  // "SHA-256=" and base64 for URLs
  int64_t time_ns = 0;   // since 1970
  bool deleted = false;
};

class ObjectStore {
 public:
  // Fills the span and returns how much; 0 ends the object.
  using Source = std::function<Result<size_t>(std::span<uint8_t>)>;
  using Sink = std::function<Result<void>(std::string_view)>;

  // As KeyValue's.
  static Result<ObjectStore> create(JetStream& js, const ObjectStoreConfig& config);
  static Result<ObjectStore> open(JetStream& js, std::string_view bucket);
  static Result<void> remove_bucket(JetStream& js, std::string_view bucket);

  // Replaces what had that name. When anything fails, what had been there stays. Refused: invalid_argument
  // (an empty name; chunks of nothing or above the server's max_payload), the source's errors, those of
  // publishing.
  Result<ObjectInfo> put(const ObjectDescription& description, const Source& source);
  Result<ObjectInfo> put(const ObjectDescription& description, std::string_view bytes);
  Result<ObjectInfo> put(const ObjectDescription& description, async::Pipe& from);

  // Hands the pieces to `sink`, in order. Refused: not_found, malformed (Reason::damaged: size or digest are
  // not what they should be, known only at the end), unsupported (a link to another object), the sink's
  // errors.
  Result<ObjectInfo> get(std::string_view name, const Sink& sink);
  // Closes `into` at the end, and aborts it on failure.
  Result<ObjectInfo> get(std::string_view name, async::Pipe& into);
  // Refused: memory_exceeded when it is larger than `bytes_max`.
  Result<std::string> get_bytes(std::string_view name, size_t bytes_max = 64 * 1024 * 1024);

  // Refused: not_found.
  Result<ObjectInfo> info(std::string_view name);
  Result<void> remove(std::string_view name);
  Result<std::vector<ObjectInfo>> list();

 private:
  ObjectStore(JetStream& js, std::string bucket) : js_(&js), bucket_(std::move(bucket)) {}
  std::string chunk_subject(std::string_view id) const;
  std::string description_subject(std::string_view name) const;
  // Deleted ones too.
  Result<ObjectInfo> find(std::string_view name);
  Result<void> send(const ObjectDescription& description, const Source& source, ObjectInfo& info);
  Result<void> describe(const ObjectInfo& info, size_t chunk_bytes);
  Result<void> receive(const ObjectInfo& info, const Sink& sink);
  Result<void> drop_chunks(const std::string& id);

  JetStream* js_;
  std::string bucket_;
};

}  // namespace wattle::nats
