#include "bindings/key_value.h"

#include "bindings/add_to.h"
#include "bindings/invocation.h"
#include "bindings/key_value_wire.h"
#include "runtime/error_mapping.h"

namespace wattle::bindings {
namespace {

using runtime::Host;
using Store = capability::KeyValue;
using Caller = capability::Caller;

constexpr std::string_view kStore = "wasi:keyvalue/store@0.2.0-draft";
constexpr std::string_view kAtomics = "wasi:keyvalue/atomics@0.2.0-draft";
constexpr std::string_view kBatch = "wasi:keyvalue/batch@0.2.0-draft";
// What links are put for.
constexpr std::string_view kStoreLink = "wasi:keyvalue/store";
constexpr std::string_view kAtomicsLink = "wasi:keyvalue/atomics";
constexpr std::string_view kBatchLink = "wasi:keyvalue/batch";

using key_value_wire::Answer;
using key_value_wire::Entry;
using key_value_wire::error_to_wire;
using key_value_wire::other;

// Calls what the link leads to; `convert` makes the WIT's value of its.
template <class Call, class Convert>
auto call_store(Host& host, std::string_view interface, std::string_view link_name, Call call,
                Convert convert) {
  using Given = std::invoke_result_t<Call, Store&, const Caller&>;
  using Made = std::invoke_result_t<Convert, typename Given::value_type&&>;
  auto target = invocation_of(host).resolver().key_value(interface, link_name);
  if (!target) return Answer<Made>(tl::make_unexpected(other(runtime::error_text(target.error()))));
  const async::DeadlineScope deadline(target->deadline());
  Given given = call(*target->capability, target->caller());
  if (!given) return Answer<Made>(tl::make_unexpected(error_to_wire(std::move(given.error()))));
  return Answer<Made>(convert(std::move(*given)));
}

template <class Call>
Answer<void> call_store_plainly(Host& host, std::string_view interface, std::string_view link_name,
                                Call call) {
  auto target = invocation_of(host).resolver().key_value(interface, link_name);
  if (!target) return tl::make_unexpected(other(runtime::error_text(target.error())));
  const async::DeadlineScope deadline(target->deadline());
  auto done = call(*target->capability, target->caller());
  if (!done) return tl::make_unexpected(error_to_wire(std::move(done.error())));
  return {};
}

constexpr auto kAsItIs = [](auto&& value) { return std::move(value); };

Answer<std::unique_ptr<Bucket>> open(Host& host, std::string name) {
  const std::string& link_name = invocation_of(host).link_name(kStoreLink);
  auto opened = call_store_plainly(host, kStoreLink, link_name, [&](Store& store, const Caller& caller) {
    return store.open(caller, name);
  });
  if (!opened) return tl::make_unexpected(std::move(opened.error()));
  return std::make_unique<Bucket>(std::move(name), link_name);
}

void add_store(runtime::Linker& linker) {
  linker.resource<Bucket>();
  linker.function(kStore, "open", [](Host& host, std::string name) { return open(host, std::move(name)); });
  linker.function(kStore, "[method]bucket.get", [](Host& host, Bucket& bucket, std::string_view key) {
    return call_store(
        host, kStoreLink, bucket.link_name(),
        [&](Store& store, const Caller& caller) { return store.get(caller, bucket.name(), key); },
        key_value_wire::value_to_wire);
  });
  linker.function(kStore, "[method]bucket.set",
                  [](Host& host, Bucket& bucket, std::string_view key, ByteView value) {
                    return call_store_plainly(host, kStoreLink, bucket.link_name(),
                                              [&](Store& store, const Caller& caller) {
                                                return store.set(caller, bucket.name(), key, text_of(value));
                                              });
                  });
  linker.function(kStore, "[method]bucket.delete", [](Host& host, Bucket& bucket, std::string_view key) {
    return call_store_plainly(host, kStoreLink, bucket.link_name(), [&](Store& store, const Caller& caller) {
      return store.remove(caller, bucket.name(), key);
    });
  });
  linker.function(kStore, "[method]bucket.exists", [](Host& host, Bucket& bucket, std::string_view key) {
    return call_store(
        host, kStoreLink, bucket.link_name(),
        [&](Store& store, const Caller& caller) { return store.exists(caller, bucket.name(), key); },
        kAsItIs);
  });
  linker.function(kStore, "[method]bucket.list-keys",
                  [](Host& host, Bucket& bucket, std::optional<uint64_t> cursor) {
                    return call_store(
                        host, kStoreLink, bucket.link_name(),
                        [&](Store& store, const Caller& caller) {
                          return store.list_keys(caller, bucket.name(), cursor);
                        },
                        [](capability::KeyPage&& page) {
                          return key_value_wire::Page(std::move(page.keys), page.cursor);
                        });
                  });
}

void add_atomics(runtime::Linker& linker) {
  linker.function(kAtomics, "increment",
                  [](Host& host, Bucket& bucket, std::string_view key, uint64_t delta) {
                    return call_store(
                        host, kAtomicsLink, bucket.link_name(),
                        [&](Store& store, const Caller& caller) {
                          return store.increment(caller, bucket.name(), key, delta);
                        },
                        kAsItIs);
                  });
}

Answer<std::vector<std::optional<Entry>>> get_many(Host& host, Bucket& bucket,
                                                   std::vector<std::string> keys) {
  return call_store(
      host, kBatchLink, bucket.link_name(),
      [&](Store& store, const Caller& caller) { return store.get_many(caller, bucket.name(), keys); },
      [&](std::vector<std::optional<std::string>>&& values) {
        return key_value_wire::entries_of(keys, std::move(values));
      });
}

Answer<void> set_many(Host& host, Bucket& bucket, std::vector<Entry> entries) {
  const auto values = key_value_wire::pairs_of(std::move(entries));
  return call_store_plainly(host, kBatchLink, bucket.link_name(), [&](Store& store, const Caller& caller) {
    return store.set_many(caller, bucket.name(), values);
  });
}

void add_batch(runtime::Linker& linker) {
  linker.function(kBatch, "get-many", [](Host& host, Bucket& bucket, std::vector<std::string> keys) {
    return get_many(host, bucket, std::move(keys));
  });
  linker.function(kBatch, "set-many", [](Host& host, Bucket& bucket, std::vector<Entry> entries) {
    return set_many(host, bucket, std::move(entries));
  });
  linker.function(kBatch, "delete-many", [](Host& host, Bucket& bucket, std::vector<std::string> keys) {
    return call_store_plainly(host, kBatchLink, bucket.link_name(), [&](Store& store, const Caller& caller) {
      return store.remove_many(caller, bucket.name(), keys);
    });
  });
}

}  // namespace

void add_key_value(runtime::Linker& linker) {
  add_store(linker);
  add_atomics(linker);
  add_batch(linker);
}

// ---- Watching

Result<WatcherExport> find_watcher(const runtime::LinkedComponent& component) {
  constexpr std::string_view kWatcher = "wasi:keyvalue/watcher@0.2.0-draft";
  WatcherExport watcher;
  WATTLE_TRY(watcher.on_set, component.find_function(kWatcher, "on-set"));
  WATTLE_TRY(watcher.on_delete, component.find_function(kWatcher, "on-delete"));
  return watcher;
}

Result<void> call_on_set(runtime::Instance& instance, const WatcherExport& watcher,
                         const engine::CallLimits& limits, std::string_view link_name,
                         std::string_view bucket, std::string_view key, std::string_view value) {
  return instance.call<void>(*watcher.on_set, limits,
                             std::make_unique<Bucket>(std::string(bucket), std::string(link_name)),
                             std::string(key), ByteString{std::string(value)});
}

Result<void> call_on_delete(runtime::Instance& instance, const WatcherExport& watcher,
                            const engine::CallLimits& limits, std::string_view link_name,
                            std::string_view bucket, std::string_view key) {
  return instance.call<void>(*watcher.on_delete, limits,
                             std::make_unique<Bucket>(std::string(bucket), std::string(link_name)),
                             std::string(key));
}

}  // namespace wattle::bindings
