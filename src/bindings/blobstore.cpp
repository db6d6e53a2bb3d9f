// wasi:blobstore between its WIT and capability::Blobstore.
#include "capability/blobstore.h"

#include "bindings/add_to.h"
#include "bindings/blobstore_values.h"
#include "bindings/byte_string.h"
#include "runtime/error_mapping.h"

namespace wattle::bindings {
namespace {

using capability::BlobResult;
using capability::Caller;
using capability::ObjectId;
using runtime::Host;
using Store = capability::Blobstore;

constexpr std::string_view kTypes = "wasi:blobstore/types@0.2.0-draft";
constexpr std::string_view kContainer = "wasi:blobstore/container@0.2.0-draft";
constexpr std::string_view kBlobstore = "wasi:blobstore/blobstore@0.2.0-draft";
// Links are put for this one; its resources come along.
constexpr std::string_view kInterface = "wasi:blobstore/blobstore";
// Names in one answer.
constexpr uint64_t kMaxNames = 10'000;

using WitObjectId = std::tuple<std::string, std::string>;
using WitContainerMetadata = std::tuple<std::string, uint64_t>;
using WitObjectMetadata = std::tuple<std::string, std::string, uint64_t, uint64_t>;

BlobResult<BlobTarget> resolve(Host& host, std::string_view link_name) {
  auto target = invocation_of(host).resolver().blobstore(kInterface, link_name);
  if (!target) return tl::make_unexpected(runtime::error_text(target.error()));
  return std::move(*target);
}

// Calls what the link leads to.
template <class Call>
auto call_store(Host& host, std::string_view link_name, Call call)
    -> std::invoke_result_t<Call, Store&, const Caller&> {
  auto target = resolve(host, link_name);
  if (!target) return tl::make_unexpected(std::move(target.error()));
  const async::DeadlineScope deadline(target->deadline());
  return call(*target->capability, target->caller());
}

// A name, and the link through which it was opened.
class Container : public runtime::HostResource {
 public:
  static constexpr std::string_view kInterface = "wasi:blobstore/container";
  static constexpr std::string_view kName = "container";
  Container(std::string name, std::string link_name)
      : name_(std::move(name)), link_name_(std::move(link_name)) {}
  const std::string& name() const { return name_; }
  const std::string& link_name() const { return link_name_; }
  ObjectId object(std::string_view name) const { return {name_, std::string(name)}; }

 private:
  std::string name_;
  std::string link_name_;
};

class ObjectNames : public runtime::HostResource {
 public:
  static constexpr std::string_view kInterface = "wasi:blobstore/container";
  static constexpr std::string_view kName = "stream-object-names";
  explicit ObjectNames(const Container& container)
      : container_(container.name()), link_name_(container.link_name()) {}

  // With whether these were the last.
  BlobResult<std::tuple<std::vector<std::string>, bool>> read(Host& host, uint64_t count) {
    const uint64_t wanted = std::min(count, kMaxNames);
    auto names = call_store(host, link_name_, [&](Store& store, const Caller& caller) {
      return store.list_objects(caller, container_, offset_, wanted);
    });
    if (!names) return tl::make_unexpected(std::move(names.error()));
    offset_ += names->size();
    const bool is_end = names->size() < wanted;
    return std::tuple(std::move(*names), is_end);
  }
  BlobResult<std::tuple<uint64_t, bool>> skip(Host& host, uint64_t count) {
    uint64_t skipped = 0;
    bool is_end = false;
    while (skipped < count && !is_end) {
      auto names = read(host, count - skipped);
      if (!names) return tl::make_unexpected(std::move(names.error()));
      skipped += std::get<0>(*names).size();
      is_end = std::get<1>(*names);
    }
    return std::tuple(skipped, is_end);
  }

 private:
  std::string container_;
  std::string link_name_;
  uint64_t offset_ = 0;
};

// ---- blobstore

BlobResult<std::unique_ptr<Container>> create_container(Host& host, std::string name) {
  const std::string& link_name = invocation_of(host).link_name(kInterface);
  auto created = call_store(host, link_name, [&](Store& store, const Caller& caller) {
    return store.create_container(caller, name);
  });
  if (!created) return tl::make_unexpected(std::move(created.error()));
  return std::make_unique<Container>(std::move(name), link_name);
}

BlobResult<std::unique_ptr<Container>> get_container(Host& host, std::string name) {
  const std::string& link_name = invocation_of(host).link_name(kInterface);
  auto exists = call_store(host, link_name, [&](Store& store, const Caller& caller) {
    return store.container_exists(caller, name);
  });
  if (!exists) return tl::make_unexpected(std::move(exists.error()));
  if (!*exists) return tl::make_unexpected(fmt::format("there is no container \"{}\"", name));
  return std::make_unique<Container>(std::move(name), link_name);
}

template <class Call>
auto call_default(Host& host, Call call) {
  return call_store(host, invocation_of(host).link_name(kInterface), std::move(call));
}

ObjectId object_id(WitObjectId&& id) {
  return {std::move(std::get<0>(id)), std::move(std::get<1>(id))};
}

void add_blobstore_interface(runtime::Linker& linker) {
  linker.function(kBlobstore, "create-container",
                  [](Host& host, std::string name) { return create_container(host, std::move(name)); });
  linker.function(kBlobstore, "get-container",
                  [](Host& host, std::string name) { return get_container(host, std::move(name)); });
  linker.function(kBlobstore, "delete-container", [](Host& host, std::string_view name) {
    return call_default(
        host, [&](Store& store, const Caller& caller) { return store.delete_container(caller, name); });
  });
  linker.function(kBlobstore, "container-exists", [](Host& host, std::string_view name) {
    return call_default(
        host, [&](Store& store, const Caller& caller) { return store.container_exists(caller, name); });
  });
  linker.function(kBlobstore, "copy-object", [](Host& host, WitObjectId from, WitObjectId to) {
    return call_default(host, [&](Store& store, const Caller& caller) {
      return store.copy_object(caller, object_id(std::move(from)), object_id(std::move(to)));
    });
  });
  linker.function(kBlobstore, "move-object", [](Host& host, WitObjectId from, WitObjectId to) {
    return call_default(host, [&](Store& store, const Caller& caller) {
      return store.move_object(caller, object_id(std::move(from)), object_id(std::move(to)));
    });
  });
}

// ---- container

BlobResult<WitContainerMetadata> info(Host& host, Container& self) {
  auto found = call_store(host, self.link_name(), [&](Store& store, const Caller& caller) {
    return store.container_info(caller, self.name());
  });
  if (!found) return tl::make_unexpected(std::move(found.error()));
  return WitContainerMetadata(self.name(), found->created_at_seconds);
}

BlobResult<WitObjectMetadata> object_info(Host& host, Container& self, std::string_view name) {
  auto found = call_store(host, self.link_name(), [&](Store& store, const Caller& caller) {
    return store.object_info(caller, self.object(name));
  });
  if (!found) return tl::make_unexpected(std::move(found.error()));
  return WitObjectMetadata(name, self.name(), found->created_at_seconds, found->size_bytes);
}

BlobResult<std::unique_ptr<IncomingValue>> get_data(Host& host, Container& self, std::string_view name,
                                                    uint64_t first, uint64_t last) {
  auto target = resolve(host, self.link_name());
  if (!target) return tl::make_unexpected(std::move(target.error()));
  return IncomingValue::open(std::move(*target), self.object(name), first, last);
}

BlobResult<void> write_data(Host& host, Container& self, std::string_view name, OutgoingValue& value) {
  auto target = resolve(host, self.link_name());
  if (!target) return tl::make_unexpected(std::move(target.error()));
  return value.store(std::move(*target), self.object(name));
}

void add_container_contents(runtime::Linker& linker) {
  linker.function(kContainer, "[method]container.get-data",
                  [](Host& host, Container& self, std::string_view name, uint64_t first, uint64_t last) {
                    return get_data(host, self, name, first, last);
                  });
  linker.function(kContainer, "[method]container.write-data",
                  [](Host& host, Container& self, std::string_view name, OutgoingValue& value) {
                    return write_data(host, self, name, value);
                  });
  linker.function(kContainer, "[method]container.list-objects",
                  [](Host&, Container& self) -> BlobResult<std::unique_ptr<ObjectNames>> {
                    return std::make_unique<ObjectNames>(self);
                  });
  linker.function(kContainer, "[method]container.clear", [](Host& host, Container& self) {
    return call_store(host, self.link_name(), [&](Store& store, const Caller& caller) {
      return store.clear_container(caller, self.name());
    });
  });
  linker.resource<ObjectNames>();
  linker.function(kContainer, "[method]stream-object-names.read-stream-object-names",
                  [](Host& host, ObjectNames& self, uint64_t count) { return self.read(host, count); });
  linker.function(kContainer, "[method]stream-object-names.skip-stream-object-names",
                  [](Host& host, ObjectNames& self, uint64_t count) { return self.skip(host, count); });
}

void add_container(runtime::Linker& linker) {
  linker.resource<Container>();
  linker.function(kContainer, "[method]container.name",
                  [](Host&, Container& self) -> BlobResult<std::string> { return self.name(); });
  linker.function(kContainer, "[method]container.info",
                  [](Host& host, Container& self) { return info(host, self); });
  linker.function(kContainer, "[method]container.delete-object",
                  [](Host& host, Container& self, std::string_view name) {
                    return call_store(host, self.link_name(), [&](Store& store, const Caller& caller) {
                      return store.delete_object(caller, self.object(name));
                    });
                  });
  linker.function(kContainer, "[method]container.delete-objects",
                  [](Host& host, Container& self, std::vector<std::string> names) {
                    return call_store(host, self.link_name(), [&](Store& store, const Caller& caller) {
                      return store.delete_objects(caller, self.name(), names);
                    });
                  });
  linker.function(kContainer, "[method]container.has-object",
                  [](Host& host, Container& self, std::string_view name) {
                    return call_store(host, self.link_name(), [&](Store& store, const Caller& caller) {
                      return store.has_object(caller, self.object(name));
                    });
                  });
  linker.function(
      kContainer, "[method]container.object-info",
      [](Host& host, Container& self, std::string_view name) { return object_info(host, self, name); });
  add_container_contents(linker);
}

// ---- types

BlobResult<ByteString> consume_sync(IncomingValue& value) {
  auto contents = value.consume();
  if (!contents) return tl::make_unexpected(std::move(contents.error()));
  return ByteString{std::move(*contents)};
}

void add_values(runtime::Linker& linker) {
  linker.resource<OutgoingValue>();
  linker.function(kTypes, "[static]outgoing-value.new-outgoing-value",
                  [](Host& host) { return OutgoingValue::create(host); });
  linker.function(kTypes, "[method]outgoing-value.outgoing-value-write-body",
                  [](Host&, OutgoingValue& self) { return self.write_body(); });
  linker.function(kTypes, "[static]outgoing-value.finish",
                  [](Host&, std::unique_ptr<OutgoingValue> self) { return self->finish(); });
  linker.resource<IncomingValue>();
  linker.function(kTypes, "[static]incoming-value.incoming-value-consume-sync",
                  [](Host&, std::unique_ptr<IncomingValue> self) { return consume_sync(*self); });
  linker.function(
      kTypes, "[static]incoming-value.incoming-value-consume-async",
      [](Host&, std::unique_ptr<IncomingValue> self) -> BlobResult<std::unique_ptr<wasi::InputStream>> {
        return self->stream();
      });
  linker.function(kTypes, "[method]incoming-value.size",
                  [](Host&, IncomingValue& self) { return self.size_bytes(); });
}

}  // namespace

void add_blobstore(runtime::Linker& linker) {
  add_values(linker);
  add_container(linker);
  add_blobstore_interface(linker);
}

}  // namespace wattle::bindings
