#include "host/recorded.h"

#include <type_traits>

namespace wattle::host {
namespace {

using capability::BlobResult;
using capability::Blobstore;
using capability::Caller;
using capability::KeyPage;
using capability::KeyValue;
using capability::KeyValueResult;
using capability::ObjectId;

// As providers call it.
std::string_view name_of(std::string_view bucket) {
  return bucket.empty() ? "default" : bucket;
}

class RecordedKeyValue final : public KeyValue {
 public:
  RecordedKeyValue(std::shared_ptr<KeyValue> store, std::shared_ptr<LinkGate> gate)
      : store_(std::move(store)), gate_(std::move(gate)) {}

  KeyValueResult<void> open(const Caller& caller, std::string_view bucket) override {
    gate_->note_use(name_of(bucket));
    return store_->open(caller, bucket);
  }
  KeyValueResult<std::optional<std::string>> get(const Caller& caller, std::string_view bucket,
                                                 std::string_view key) override {
    gate_->note_use(name_of(bucket));
    return store_->get(caller, bucket, key);
  }
  KeyValueResult<void> set(const Caller& caller, std::string_view bucket, std::string_view key,
                           std::string_view value) override {
    return writing(bucket, key, [&] { return store_->set(caller, bucket, key, value); });
  }
  KeyValueResult<void> remove(const Caller& caller, std::string_view bucket, std::string_view key) override {
    return writing(bucket, key, [&] { return store_->remove(caller, bucket, key); });
  }
  KeyValueResult<bool> exists(const Caller& caller, std::string_view bucket, std::string_view key) override {
    gate_->note_use(name_of(bucket));
    return store_->exists(caller, bucket, key);
  }
  KeyValueResult<KeyPage> list_keys(const Caller& caller, std::string_view bucket,
                                    std::optional<uint64_t> cursor) override {
    gate_->note_use(name_of(bucket));
    return store_->list_keys(caller, bucket, cursor);
  }
  KeyValueResult<uint64_t> increment(const Caller& caller, std::string_view bucket, std::string_view key,
                                     uint64_t delta) override {
    return writing(bucket, key, [&] { return store_->increment(caller, bucket, key, delta); });
  }
  KeyValueResult<std::vector<std::optional<std::string>>> get_many(
      const Caller& caller, std::string_view bucket, const std::vector<std::string>& keys) override {
    gate_->note_use(name_of(bucket));
    return store_->get_many(caller, bucket, keys);
  }
  KeyValueResult<void> set_many(const Caller& caller, std::string_view bucket,
                                const std::vector<std::pair<std::string, std::string>>& values) override {
    auto done = store_->set_many(caller, bucket, values);
    gate_->note_use(name_of(bucket));
    for (const auto& [key, value] : values) gate_->note_change(name_of(bucket), key);
    return done;
  }
  KeyValueResult<void> remove_many(const Caller& caller, std::string_view bucket,
                                   const std::vector<std::string>& keys) override {
    auto done = store_->remove_many(caller, bucket, keys);
    gate_->note_use(name_of(bucket));
    for (const std::string& key : keys) gate_->note_change(name_of(bucket), key);
    return done;
  }

 private:
  template <class Call>
  std::invoke_result_t<Call> writing(std::string_view bucket, std::string_view key, Call call) {
    auto done = call();
    gate_->note_use(name_of(bucket));
    gate_->note_change(name_of(bucket), key);
    return done;
  }

  std::shared_ptr<KeyValue> store_;
  std::shared_ptr<LinkGate> gate_;
};

class RecordedBlobstore final : public Blobstore {
 public:
  RecordedBlobstore(std::shared_ptr<Blobstore> store, std::shared_ptr<LinkGate> gate)
      : store_(std::move(store)), gate_(std::move(gate)) {}

  BlobResult<void> create_container(const Caller& caller, std::string_view name) override {
    gate_->note_use(name);
    return store_->create_container(caller, name);
  }
  BlobResult<bool> container_exists(const Caller& caller, std::string_view name) override {
    gate_->note_use(name);
    return store_->container_exists(caller, name);
  }
  BlobResult<void> delete_container(const Caller& caller, std::string_view name) override {
    return writing_all(name, [&] { return store_->delete_container(caller, name); });
  }
  BlobResult<void> clear_container(const Caller& caller, std::string_view name) override {
    return writing_all(name, [&] { return store_->clear_container(caller, name); });
  }
  BlobResult<capability::ContainerMetadata> container_info(const Caller& caller,
                                                           std::string_view name) override {
    gate_->note_use(name);
    return store_->container_info(caller, name);
  }
  BlobResult<std::vector<std::string>> list_objects(const Caller& caller, std::string_view container,
                                                    uint64_t offset, uint64_t limit) override {
    gate_->note_use(container);
    return store_->list_objects(caller, container, offset, limit);
  }
  BlobResult<void> read_object(const Caller& caller, const ObjectId& id, uint64_t first, uint64_t last,
                               std::shared_ptr<async::Pipe> into) override {
    gate_->note_use(id.container);
    return store_->read_object(caller, id, first, last, std::move(into));
  }
  BlobResult<void> write_object(const Caller& caller, const ObjectId& id, async::Pipe& from) override {
    return writing(id, [&] { return store_->write_object(caller, id, from); });
  }
  BlobResult<bool> has_object(const Caller& caller, const ObjectId& id) override {
    gate_->note_use(id.container);
    return store_->has_object(caller, id);
  }
  BlobResult<capability::ObjectMetadata> object_info(const Caller& caller, const ObjectId& id) override {
    gate_->note_use(id.container);
    return store_->object_info(caller, id);
  }
  BlobResult<void> delete_object(const Caller& caller, const ObjectId& id) override {
    return writing(id, [&] { return store_->delete_object(caller, id); });
  }
  BlobResult<void> delete_objects(const Caller& caller, std::string_view container,
                                  const std::vector<std::string>& names) override {
    auto done = store_->delete_objects(caller, container, names);
    gate_->note_use(container);
    for (const std::string& name : names) gate_->note_change(container, name);
    return done;
  }
  BlobResult<void> copy_object(const Caller& caller, const ObjectId& from, const ObjectId& to) override {
    gate_->note_use(from.container);
    return writing(to, [&] { return store_->copy_object(caller, from, to); });
  }
  BlobResult<void> move_object(const Caller& caller, const ObjectId& from, const ObjectId& to) override {
    auto done = writing(to, [&] { return store_->move_object(caller, from, to); });
    gate_->note_use(from.container);
    gate_->note_change(from.container, from.object);
    return done;
  }

 private:
  template <class Call>
  std::invoke_result_t<Call> writing(const ObjectId& id, Call call) {
    auto done = call();
    gate_->note_use(id.container);
    gate_->note_change(id.container, id.object);
    return done;
  }
  template <class Call>
  std::invoke_result_t<Call> writing_all(std::string_view container, Call call) {
    auto done = call();
    gate_->note_use(container);
    gate_->note_change(container, {}, true);
    return done;
  }

  std::shared_ptr<Blobstore> store_;
  std::shared_ptr<LinkGate> gate_;
};

}  // namespace

std::shared_ptr<KeyValue> recorded(std::shared_ptr<KeyValue> store, std::shared_ptr<LinkGate> gate) {
  return std::make_shared<RecordedKeyValue>(std::move(store), std::move(gate));
}

std::shared_ptr<Blobstore> recorded(std::shared_ptr<Blobstore> store, std::shared_ptr<LinkGate> gate) {
  return std::make_shared<RecordedBlobstore>(std::move(store), std::move(gate));
}

}  // namespace wattle::host
