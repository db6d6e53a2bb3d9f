#include "providers/key_value_provider.h"

#include <algorithm>
#include <charconv>

namespace wattle::providers {
namespace {

using namespace std::chrono_literals;
using capability::Caller;
using capability::KeyPage;
using capability::KeyValueError;
using capability::KeyValueResult;
using capability::ProviderLink;

constexpr Duration kTimeout = 10s;

}  // namespace

KeyValueProvider::~KeyValueProvider() {
  for (auto& [key, watched] : watches_) watched.delivery->close();
}

Result<void> KeyValueProvider::put_link(const ProviderLink& link) {
  const Settings settings({&context_.config, &context_.secrets, &link.config, &link.secrets});
  if (link.source_id == context_.provider_id) return put_watch(link, settings);
  auto made = std::make_shared<Link>();
  WATTLE_TRY(made->timeout, settings.milliseconds("timeout_ms", kTimeout));
  made->buckets = settings.list("buckets");
  WATTLE_TRY(made->store, make_store(link, settings));
  made->put = link;
  links_.put(link, std::move(made));
  return {};
}

Result<void> KeyValueProvider::put_watch(const ProviderLink& link, const Settings& settings) {
  WATTLE_TRY(WatchRules rules, WatchRules::read(settings));
  Watched watched{.delivery = std::make_shared<WatchDelivery>(context_, link.target, std::move(rules)),
                  .watch = nullptr,
                  .put = link};
  WATTLE_TRY(watched.watch, make_watch(link, settings, watched.delivery));
  delete_link(link);
  watches_.insert_or_assign({link.target, link.name}, std::move(watched));
  return {};
}

void KeyValueProvider::delete_link(const ProviderLink& link) {
  if (link.source_id != context_.provider_id) return links_.erase(link);
  const auto found = watches_.find({link.target, link.name});
  if (found == watches_.end()) return;
  found->second.delivery->close();
  watches_.erase(found);
}

// Links are made anew with it; those that it does not fit stay as they were.
Result<void> KeyValueProvider::update_config(const std::map<std::string, std::string>& config) {
  context_.config = config;
  std::vector<ProviderLink> all;
  for (const auto& [key, link] : links_) all.push_back(link->put);
  for (const auto& [key, watched] : watches_) all.push_back(watched.put);
  Result<void> outcome;
  for (const ProviderLink& link : all)
    if (auto put = put_link(link); !put) outcome = failure(put.error());
  return outcome;
}

capability::Health KeyValueProvider::health() {
  for (const auto& [key, link] : links_)
    if (auto health = link->store->health(); !health.healthy) return health;
  return {};
}

void KeyValueProvider::drain() {
  in_flight_.wait();
}

template <class T, class Operation>
KeyValueResult<T> KeyValueProvider::run(const Caller& caller, std::string_view bucket, std::string_view what,
                                        Operation operation) {
  const auto fail = [](KeyValueError::Kind kind, std::string message) {
    return tl::unexpected<KeyValueError>({kind, std::move(message)});
  };
  const auto link = links_.find(caller);
  if (link == nullptr)
    return fail(KeyValueError::Kind::other,
                fmt::format("{} does not reach \"{}\": it has no such link",
                            link_text(caller.link_name, caller.source_id), context_.provider_id));
  if (bucket.empty()) bucket = "default";
  if (!link->buckets.empty() && std::ranges::find(link->buckets, bucket) == link->buckets.end())
    return fail(KeyValueError::Kind::no_such_store, {});
  const InFlight::Call call(in_flight_);
  async::DeadlineScope deadline(Clock::now() + link->timeout);
  Result<T> done = operation(*link->store, bucket);
  if (done) {
    if constexpr (std::is_void_v<T>) {
      return {};
    } else {
      return std::move(*done);
    }
  }
  if (done.error().code() == ErrorCode::not_found) return fail(KeyValueError::Kind::no_such_store, {});
  if (done.error().code() == ErrorCode::permission_denied)
    return fail(KeyValueError::Kind::access_denied, {});
  return fail(KeyValueError::Kind::other,
              fmt::format("{} in \"{}\" of \"{}\" through {} failed: {}", what, bucket, context_.provider_id,
                          link_text(caller.link_name, caller.source_id), done.error().full_message()));
}

KeyValueResult<void> KeyValueProvider::open(const Caller& caller, std::string_view bucket) {
  return run<void>(caller, bucket, "open", [](auto& store, auto name) { return store.open(name); });
}

KeyValueResult<std::optional<std::string>> KeyValueProvider::get(const Caller& caller,
                                                                 std::string_view bucket,
                                                                 std::string_view key) {
  return run<std::optional<std::string>>(caller, bucket, "get",
                                         [&](auto& store, auto name) { return store.get(name, key); });
}

KeyValueResult<void> KeyValueProvider::set(const Caller& caller, std::string_view bucket,
                                           std::string_view key, std::string_view value) {
  return run<void>(caller, bucket, "set",
                   [&](auto& store, auto name) { return store.set(name, key, value); });
}

KeyValueResult<void> KeyValueProvider::remove(const Caller& caller, std::string_view bucket,
                                              std::string_view key) {
  return run<void>(caller, bucket, "delete", [&](auto& store, auto name) { return store.remove(name, key); });
}

KeyValueResult<bool> KeyValueProvider::exists(const Caller& caller, std::string_view bucket,
                                              std::string_view key) {
  return run<bool>(caller, bucket, "exists", [&](auto& store, auto name) { return store.exists(name, key); });
}

KeyValueResult<KeyPage> KeyValueProvider::list_keys(const Caller& caller, std::string_view bucket,
                                                    std::optional<uint64_t> cursor) {
  return run<KeyPage>(caller, bucket, "list-keys",
                      [&](auto& store, auto name) { return store.list_keys(name, cursor); });
}

KeyValueResult<uint64_t> KeyValueProvider::increment(const Caller& caller, std::string_view bucket,
                                                     std::string_view key, uint64_t delta) {
  return run<uint64_t>(caller, bucket, "increment",
                       [&](auto& store, auto name) { return store.increment(name, key, delta); });
}

KeyValueResult<std::vector<std::optional<std::string>>> KeyValueProvider::get_many(
    const Caller& caller, std::string_view bucket, const std::vector<std::string>& keys) {
  return run<std::vector<std::optional<std::string>>>(
      caller, bucket, "get-many", [&](auto& store, auto name) { return store.get_many(name, keys); });
}

KeyValueResult<void> KeyValueProvider::set_many(
    const Caller& caller, std::string_view bucket,
    const std::vector<std::pair<std::string, std::string>>& values) {
  return run<void>(caller, bucket, "set-many",
                   [&](auto& store, auto name) { return store.set_many(name, values); });
}

KeyValueResult<void> KeyValueProvider::remove_many(const Caller& caller, std::string_view bucket,
                                                   const std::vector<std::string>& keys) {
  return run<void>(caller, bucket, "delete-many",
                   [&](auto& store, auto name) { return store.remove_many(name, keys); });
}

std::vector<std::string> key_value_interfaces() {
  return {"wasi:keyvalue/store", "wasi:keyvalue/atomics", "wasi:keyvalue/batch"};
}

// FNV-1a, then mixed so that keys that differ at their end only are spread too. It must never change.
uint64_t key_position(std::string_view key) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : key) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  hash = (hash ^ (hash >> 32)) * 0xd6e8feb86659fd93;
  hash = (hash ^ (hash >> 32)) * 0xd6e8feb86659fd93;
  return hash ^ (hash >> 32);
}

Error not_a_number() {
  return {ErrorCode::invalid, "the value under the key is no decimal number, so that nothing can be added"};
}

Error too_large_a_sum() {
  return {ErrorCode::invalid, "the sum would be above 18446744073709551615"};
}

Result<uint64_t> incremented(const std::optional<std::string>& value, uint64_t delta) {
  uint64_t number = 0;
  if (value) {
    const bool digits = !value->empty() && value->size() <= 20 &&
                        std::ranges::all_of(*value, [](char c) { return c >= '0' && c <= '9'; });
    if (!digits || std::from_chars(value->data(), value->data() + value->size(), number).ec != std::errc())
      return failure(not_a_number());
  }
  if (number > UINT64_MAX - delta) return failure(too_large_a_sum());
  return number + delta;
}

}  // namespace wattle::providers
