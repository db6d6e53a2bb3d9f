#include "nats/object_store.h"

#include <sodium.h>

#include <algorithm>
#include <map>

#include "nats/jetstream_json.h"
#include "nats/subject.h"

namespace wattle::nats {
namespace {

using json::Object;

constexpr std::string_view kStreamPrefix = "OBJ_";
constexpr std::string_view kDigestPrefix = "SHA-256=";

Result<void> check_bucket(std::string_view bucket) {
  const bool fine = !bucket.empty() && std::ranges::all_of(bucket, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
  if (fine) return {};
  return failure(Error(ErrorCode::invalid_argument, fmt::format("\"{}\" cannot name an object store", bucket))
                     .with_remedy("use letters, digits, \"-\" and \"_\""));
}

std::string stream_of(std::string_view bucket) {
  return std::string(kStreamPrefix).append(bucket);
}

class Sha256 {
 public:
  Sha256() { crypto_hash_sha256_init(&state_); }
  void add(std::string_view bytes) {
    crypto_hash_sha256_update(&state_, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  }
  std::string text() {
    std::string digest(crypto_hash_sha256_BYTES, '\0');
    crypto_hash_sha256_final(&state_, reinterpret_cast<unsigned char*>(digest.data()));
    return std::string(kDigestPrefix) + encode_base64_url(digest);
  }

 private:
  crypto_hash_sha256_state state_;
};

// Some clients leave the padding out.
bool same_digest(std::string_view a, std::string_view b) {
  while (a.ends_with('=')) a.remove_suffix(1);
  while (b.ends_with('=')) b.remove_suffix(1);
  return a == b;
}

Result<ObjectInfo> read_info(std::string_view text, int64_t time_ns) {
  WATTLE_TRY(const Object object, json::parse_object(text, "the description of an object"));
  ObjectInfo info;
  info.name = json::string_at(object, "name");
  info.description = json::string_at(object, "description");
  info.id = json::string_at(object, "nuid");
  info.size_bytes = json::uint_at(object, "size");
  info.chunks = json::uint_at(object, "chunks");
  info.digest = json::string_at(object, "digest");
  info.deleted = json::bool_at(object, "deleted");
  info.time_ns = time_ns;
  const Object* options = json::object_at(object, "options");
  if (options != nullptr && options->contains("link"))
    return failure(ErrorCode::unsupported, "the object \"{}\" is a link to another one", info.name);
  return info;
}

Error missing_store(const Error& error, std::string_view bucket) {
  if (error.code() != ErrorCode::not_found) return error;
  return error.with_context(fmt::format("there is no object store \"{}\"", bucket));
}

}  // namespace

Result<ObjectStore> ObjectStore::create(JetStream& js, const ObjectStoreConfig& config) {
  WATTLE_CHECK(check_bucket(config.bucket));
  StreamConfig stream;
  stream.name = stream_of(config.bucket);
  stream.description = config.description;
  stream.subjects = {fmt::format("$O.{}.C.>", config.bucket), fmt::format("$O.{}.M.>", config.bucket)};
  stream.age_max = config.time_to_live;
  stream.bytes_max = config.bytes_max;
  stream.storage = config.storage;
  stream.replicas = config.replicas;
  stream.compress = config.compress;
  stream.discard_new = true;
  stream.allow_rollup = true;
  stream.allow_direct = true;
  WATTLE_CHECK(js.create_stream(stream));
  return ObjectStore(js, config.bucket);
}

Result<ObjectStore> ObjectStore::open(JetStream& js, std::string_view bucket) {
  WATTLE_CHECK(check_bucket(bucket));
  auto info = js.stream_info(stream_of(bucket));
  if (!info) return failure(missing_store(info.error(), bucket));
  return ObjectStore(js, std::string(bucket));
}

Result<void> ObjectStore::remove_bucket(JetStream& js, std::string_view bucket) {
  WATTLE_CHECK(check_bucket(bucket));
  auto removed = js.delete_stream(stream_of(bucket));
  if (!removed) return failure(missing_store(removed.error(), bucket));
  return {};
}

std::string ObjectStore::chunk_subject(std::string_view id) const {
  return fmt::format("$O.{}.C.{}", bucket_, id);
}

std::string ObjectStore::description_subject(std::string_view name) const {
  return fmt::format("$O.{}.M.{}", bucket_, encode_base64_url(name));
}

Result<ObjectInfo> ObjectStore::find(std::string_view name) {
  auto stored = js_->last_message(stream_of(bucket_), description_subject(name));
  if (stored) return read_info(stored->payload, stored->time_ns);
  if (api_error_of(stored.error()) == api_error::kStreamNotFound)
    return failure(missing_store(stored.error(), bucket_));
  if (stored.error().code() != ErrorCode::not_found) return failure(stored.error());
  return failure(Error(ErrorCode::not_found,
                       fmt::format("the object store \"{}\" has no \"{}\"", bucket_, name), stored.error()));
}

Result<ObjectInfo> ObjectStore::info(std::string_view name) {
  WATTLE_TRY(ObjectInfo info, find(name));
  if (info.deleted)
    return failure(ErrorCode::not_found, "\"{}\" was deleted from the object store \"{}\"", name, bucket_);
  return info;
}

Result<ObjectInfo> ObjectStore::put(const ObjectDescription& description, const Source& source) {
  if (description.name.empty()) return failure(ErrorCode::invalid_argument, "an object needs a name");
  if (description.chunk_bytes == 0 || description.chunk_bytes > js_->client().server_info().max_payload_bytes)
    return failure(ErrorCode::invalid_argument,
                   "chunks of {} bytes: they have 1 byte to the server's max_payload of {}",
                   description.chunk_bytes, js_->client().server_info().max_payload_bytes);
  auto before = find(description.name);
  if (!before && before.error().code() != ErrorCode::not_found &&
      before.error().code() != ErrorCode::unsupported)
    return failure(before.error());
  ObjectInfo info;
  info.name = description.name;
  info.description = description.description;
  info.id = unique_name();
  Result<void> stored = send(description, source, info);
  if (stored) stored = describe(info, description.chunk_bytes);
  if (!stored) {
    (void)drop_chunks(info.id);  // best effort: they would only take room
    return failure(stored.error());
  }
  if (before && !before->deleted) (void)drop_chunks(before->id);
  return info;
}

Result<void> ObjectStore::send(const ObjectDescription& description, const Source& source, ObjectInfo& info) {
  WATTLE_TRY(PublishBatch batch, PublishBatch::begin(*js_));
  const std::string subject = chunk_subject(info.id);
  Sha256 digest;
  std::string chunk;
  for (bool more = true; more;) {
    chunk.resize(description.chunk_bytes);
    size_t have = 0;
    while (more && have < chunk.size()) {
      WATTLE_TRY(const size_t count,
                 source({reinterpret_cast<uint8_t*>(chunk.data()) + have, chunk.size() - have}));
      have += std::min(count, chunk.size() - have);
      more = count > 0;
    }
    if (have == 0) break;
    chunk.resize(have);
    digest.add(chunk);
    WATTLE_CHECK(batch.publish(subject, chunk));
    info.size_bytes += have;
    ++info.chunks;
  }
  WATTLE_CHECK(batch.finish());
  info.digest = digest.text();
  return {};
}

Result<void> ObjectStore::describe(const ObjectInfo& info, size_t chunk_bytes) {
  Object object;
  object["name"] = info.name;
  if (!info.description.empty()) object["description"] = info.description;
  if (chunk_bytes > 0) object["options"] = Object{{"max_chunk_size", chunk_bytes}};
  object["bucket"] = bucket_;
  object["nuid"] = info.id;
  object["size"] = info.size_bytes;
  object["mtime"] = "0001-01-01T00:00:00Z";  // as others leave it: the message's time is meant
  object["chunks"] = info.chunks;
  if (!info.digest.empty()) object["digest"] = info.digest;
  if (info.deleted) object["deleted"] = true;
  const Headers headers{{"Nats-Rollup", "sub"}};
  WATTLE_CHECK(
      js_->publish(description_subject(info.name), boost::json::serialize(object), {.headers = &headers}));
  return {};
}

Result<ObjectInfo> ObjectStore::put(const ObjectDescription& description, std::string_view bytes) {
  return put(description, [&](std::span<uint8_t> into) -> Result<size_t> {
    const size_t count = std::min(into.size(), bytes.size());
    std::copy_n(bytes.data(), count, reinterpret_cast<char*>(into.data()));
    bytes.remove_prefix(count);
    return count;
  });
}

Result<ObjectInfo> ObjectStore::put(const ObjectDescription& description, async::Pipe& from) {
  auto stored = put(description, [&](std::span<uint8_t> into) { return from.read_some(into); });
  if (!stored) from.stop_reading();
  return stored;
}

Result<ObjectInfo> ObjectStore::get(std::string_view name, const Sink& sink) {
  WATTLE_TRY(ObjectInfo found, info(name));
  WATTLE_CHECK(receive(found, sink));
  return found;
}

Result<void> ObjectStore::receive(const ObjectInfo& info, const Sink& sink) {
  const auto damaged = [&](std::string_view why) {
    return failure(nats_error(ErrorCode::malformed, Reason::damaged,
                              fmt::format("the object \"{}\" is damaged: {}", info.name, why)));
  };
  Sha256 digest;
  uint64_t size_bytes = 0;
  if (info.size_bytes > 0) {
    WATTLE_TRY(auto chunks,
               OrderedConsumer::create(*js_, stream_of(bucket_), {.filter_subject = chunk_subject(info.id)}));
    while (size_bytes < info.size_bytes) {
      const uint64_t made = chunks.made();
      WATTLE_TRY(auto chunk, chunks.next_until(Clock::now() + js_->timeout()));
      if (chunk) {
        digest.add(chunk->message.payload);
        size_bytes += chunk->message.payload.size();
        WATTLE_CHECK(sink(chunk->message.payload));
        if (chunk->pending == 0 && size_bytes < info.size_bytes) return damaged("its end is missing");
      } else if (chunks.made() == made || chunks.pending_at_start() == 0) {
        // Silence: has it been replaced while it was read?
        WATTLE_TRY(const ObjectInfo now, this->info(info.name));
        if (now.id != info.id)
          return failure(ErrorCode::not_found, "the object \"{}\" was replaced while it was read", info.name);
        if (chunks.pending_at_start() == 0) return damaged("its end is missing");
      }
    }
  }
  if (size_bytes != info.size_bytes) return damaged("its size is not what its description says");
  if (!same_digest(digest.text(), info.digest))
    return damaged("its SHA-256 is not what its description says");
  return {};
}

Result<ObjectInfo> ObjectStore::get(std::string_view name, async::Pipe& into) {
  auto got = get(name, [&](std::string_view piece) {
    return into.write_all({reinterpret_cast<const uint8_t*>(piece.data()), piece.size()});
  });
  if (got) {
    into.close();
  } else {
    into.abort(got.error());
  }
  return got;
}

Result<std::string> ObjectStore::get_bytes(std::string_view name, size_t bytes_max) {
  WATTLE_TRY(const ObjectInfo found, info(name));
  if (found.size_bytes > bytes_max)
    return failure(ErrorCode::memory_exceeded, "the object \"{}\" has {} bytes, and {} are allowed here",
                   name, found.size_bytes, bytes_max);
  std::string bytes;
  WATTLE_CHECK(receive(found, [&](std::string_view piece) -> Result<void> {
    bytes += piece;
    return {};
  }));
  return bytes;
}

Result<void> ObjectStore::drop_chunks(const std::string& id) {
  WATTLE_CHECK(js_->purge_stream(stream_of(bucket_), {.subject = chunk_subject(id)}));
  return {};
}

Result<void> ObjectStore::remove(std::string_view name) {
  WATTLE_TRY(ObjectInfo found, info(name));
  const std::string id = found.id;
  found.deleted = true;
  found.size_bytes = found.chunks = 0;
  found.digest.clear();
  WATTLE_CHECK(describe(found, 0));
  return drop_chunks(id);
}

Result<std::vector<ObjectInfo>> ObjectStore::list() {
  std::map<std::string, ObjectInfo> objects;
  auto read = read_stream(
      *js_, stream_of(bucket_),
      {.filter_subject = fmt::format("$O.{}.M.>", bucket_), .from = DeliverFrom::last_per_subject},
      [&](JetMessage message) {
        auto info = read_info(message.message.payload, message.time_ns);
        if (!info) return;
        if (info->deleted)
          objects.erase(info->name);
        else
          objects.insert_or_assign(info->name, std::move(*info));
      });
  if (!read) return failure(missing_store(read.error(), bucket_));
  std::vector<ObjectInfo> list;
  for (auto& [name, info] : objects) list.push_back(std::move(info));
  return list;
}

}  // namespace wattle::nats
