#include "providers/blobstore_provider.h"

#include <algorithm>

#include "telemetry/log.h"

namespace wattle::providers {
namespace {

using namespace std::chrono_literals;
using capability::BlobResult;
using capability::Caller;
using capability::ContainerMetadata;
using capability::ObjectId;
using capability::ObjectMetadata;

constexpr Duration kTimeout = 10s;
constexpr Duration kTransferTimeout = 10min;
constexpr size_t kPageMax = 1000;
constexpr size_t kListedMax = 256;
constexpr std::string_view kAlias = "alias_";

Error no_name(std::string_view what) {
  return {ErrorCode::invalid_argument, fmt::format("{} has no name", what)};
}

}  // namespace

Result<void> BlobstoreProvider::put_link(const capability::ProviderLink& link) {
  WATTLE_TRY(const Settings::Map provider_config, unfold(context_.config));
  WATTLE_TRY(const Settings::Map provider_secrets, unfold(context_.secrets));
  WATTLE_TRY(const Settings::Map link_config, unfold(link.config));
  WATTLE_TRY(const Settings::Map link_secrets, unfold(link.secrets));
  const auto all = {&provider_config, &provider_secrets, &link_config, &link_secrets};
  const Settings settings(all);
  auto made = std::make_shared<Link>();
  WATTLE_TRY(made->timeout, settings.milliseconds("timeout_ms", kTimeout));
  WATTLE_TRY(made->transfer_timeout, settings.milliseconds("transfer_timeout_ms", kTransferTimeout));
  made->containers = settings.list("containers");
  for (const Settings::Map* config : all)
    for (const auto& [key, value] : *config)
      if (key.starts_with(kAlias)) made->aliases[key.substr(kAlias.size())] = value;
  WATTLE_TRY(made->store, make_store(link, settings));
  made->put = link;
  links_.put(link, std::move(made));
  return {};
}

// Links are made anew with it; those that it does not fit stay as they were.
Result<void> BlobstoreProvider::update_config(const std::map<std::string, std::string>& config) {
  context_.config = config;
  std::vector<capability::ProviderLink> all;
  for (const auto& [key, link] : links_) all.push_back(link->put);
  Result<void> outcome;
  for (const capability::ProviderLink& link : all)
    if (auto put = put_link(link); !put) outcome = failure(put.error());
  return outcome;
}

capability::Health BlobstoreProvider::health() {
  for (const auto& [key, link] : links_)
    if (auto health = link->store->health(); !health.healthy) return health;
  return {};
}

template <class T, class Operation>
BlobResult<T> BlobstoreProvider::run(const Caller& caller, std::string_view what, Kind kind,
                                     Operation operation) {
  const auto link = links_.find(caller);
  if (link == nullptr)
    return tl::unexpected<std::string>(fmt::format("{} does not reach \"{}\": it has no such link",
                                                   link_text(caller.link_name, caller.source_id),
                                                   context_.provider_id));
  const InFlight::Call call(in_flight_);
  const async::DeadlineScope deadline(Clock::now() +
                                      (kind == Kind::transfer ? link->transfer_timeout : link->timeout));
  Result<T> done = operation(link);
  if (!done)
    return tl::unexpected<std::string>(
        fmt::format("{} in \"{}\" through {} failed: {}", what, context_.provider_id,
                    link_text(caller.link_name, caller.source_id), done.error().full_message()));
  if constexpr (std::is_void_v<T>) {
    return {};
  } else {
    return std::move(*done);
  }
}

Result<std::string> BlobstoreProvider::container(const Link& link, std::string_view name) {
  if (name.empty()) return failure(no_name("the container"));
  auto alias = link.aliases.find(name);
  if (alias == link.aliases.end() && name.starts_with(kAlias))
    alias = link.aliases.find(name.substr(kAlias.size()));
  const std::string_view real = alias == link.aliases.end() ? name : std::string_view(alias->second);
  if (!link.containers.empty() && std::ranges::find(link.containers, real) == link.containers.end())
    return failure(ErrorCode::permission_denied, "the link may not use the container \"{}\"", real);
  return std::string(real);
}

Result<ObjectId> BlobstoreProvider::object(const Link& link, const ObjectId& id) {
  if (id.object.empty()) return failure(no_name("the object"));
  WATTLE_TRY(std::string real, container(link, id.container));
  return ObjectId{.container = std::move(real), .object = id.object};
}

BlobResult<void> BlobstoreProvider::create_container(const Caller& caller, std::string_view name) {
  return run<void>(caller, "create-container", Kind::question, [&](const auto& link) -> Result<void> {
    WATTLE_TRY(const std::string real, container(*link, name));
    return link->store->create_container(real);
  });
}

BlobResult<bool> BlobstoreProvider::container_exists(const Caller& caller, std::string_view name) {
  return run<bool>(caller, "container-exists", Kind::question, [&](const auto& link) -> Result<bool> {
    WATTLE_TRY(const std::string real, container(*link, name));
    return link->store->container_exists(real);
  });
}

BlobResult<void> BlobstoreProvider::delete_container(const Caller& caller, std::string_view name) {
  return run<void>(caller, "delete-container", Kind::transfer, [&](const auto& link) -> Result<void> {
    WATTLE_TRY(const std::string real, container(*link, name));
    return link->store->delete_container(real);
  });
}

BlobResult<void> BlobstoreProvider::clear_container(const Caller& caller, std::string_view name) {
  return run<void>(caller, "clear-container", Kind::transfer, [&](const auto& link) -> Result<void> {
    WATTLE_TRY(const std::string real, container(*link, name));
    return link->store->clear_container(real);
  });
}

BlobResult<ContainerMetadata> BlobstoreProvider::container_info(const Caller& caller, std::string_view name) {
  return run<ContainerMetadata>(caller, "get-container-info", Kind::question,
                                [&](const auto& link) -> Result<ContainerMetadata> {
                                  WATTLE_TRY(const std::string real, container(*link, name));
                                  return link->store->container_info(real);
                                });
}

BlobResult<std::vector<std::string>> BlobstoreProvider::list_objects(const Caller& caller,
                                                                     std::string_view name, uint64_t offset,
                                                                     uint64_t limit) {
  using Names = std::vector<std::string>;
  return run<Names>(caller, "list-container-objects", Kind::transfer, [&](const auto& link) -> Result<Names> {
    WATTLE_TRY(const std::string real, container(*link, name));
    return list(*link, real, offset, limit);
  });
}

// Backends go on behind a name. Of an offset that an earlier call has come to, the name is known; to another
// one the list is read from the beginning.
Result<std::vector<std::string>> BlobstoreProvider::list(Link& link, const std::string& container,
                                                         uint64_t offset, uint64_t limit) {
  std::string after;
  uint64_t at = 0;
  if (const auto known = link.listed.find({container, offset}); known != link.listed.end()) {
    after = known->second;
    at = offset;
    link.listed.erase(known);
  }
  std::vector<std::string> names;
  while (names.size() < limit) {
    const uint64_t skipped = offset > at ? std::min<uint64_t>(offset - at, kPageMax) : 0;
    const uint64_t wanted = std::min<uint64_t>(limit - names.size(), kPageMax) + skipped;
    WATTLE_TRY(BlobStore::Page page,
               link.store->list(container, after, std::min<uint64_t>(wanted, kPageMax)));
    for (std::string& name : page.names) {
      after = name;
      if (at++ >= offset && names.size() < limit) names.push_back(std::move(name));
    }
    if (!page.more || page.names.empty()) return names;
  }
  if (link.listed.size() >= kListedMax) link.listed.erase(link.listed.begin());
  link.listed[{container, offset + names.size()}] = after;
  return names;
}

BlobResult<void> BlobstoreProvider::read_object(const Caller& caller, const ObjectId& id, uint64_t first,
                                                uint64_t last, std::shared_ptr<async::Pipe> into) {
  return run<void>(caller, "get-container-data", Kind::question, [&](const auto& link) -> Result<void> {
    WATTLE_TRY(const ObjectId real, object(*link, id));
    if (first > last) {  // nothing, of an object that must be there all the same
      WATTLE_CHECK(link->store->object_info(real));
      into->close();
      return {};
    }
    WATTLE_TRY(auto transfer, link->store->read(real, first, last));
    begin_transfer(link, std::move(transfer), std::move(into));
    return {};
  });
}

void BlobstoreProvider::begin_transfer(std::shared_ptr<Link> link, BlobStore::Transfer transfer,
                                       std::shared_ptr<async::Pipe> into) {
  auto call = std::make_shared<InFlight::Call>(in_flight_);
  context_.worker.spawn([link = std::move(link), transfer = std::move(transfer), into = std::move(into),
                         call = std::move(call)] {
    async::Fiber::current().set_deadline(Clock::now() + link->transfer_timeout);
    auto done = transfer(*into);
    if (done) {
      into->close();
    } else if (!into->reader_gone()) {
      into->abort(done.error());
    }
  });
}

BlobResult<void> BlobstoreProvider::write_object(const Caller& caller, const ObjectId& id,
                                                 async::Pipe& from) {
  auto written =
      run<void>(caller, "write-container-data", Kind::transfer, [&](const auto& link) -> Result<void> {
        WATTLE_TRY(const ObjectId real, object(*link, id));
        return link->store->write(real, from);
      });
  if (!written) from.stop_reading();
  return written;
}

BlobResult<bool> BlobstoreProvider::has_object(const Caller& caller, const ObjectId& id) {
  return run<bool>(caller, "has-object", Kind::question, [&](const auto& link) -> Result<bool> {
    WATTLE_TRY(const ObjectId real, object(*link, id));
    auto info = link->store->object_info(real);
    if (!info && info.error().code() != ErrorCode::not_found) return failure(info.error());
    return info.has_value();
  });
}

BlobResult<ObjectMetadata> BlobstoreProvider::object_info(const Caller& caller, const ObjectId& id) {
  return run<ObjectMetadata>(caller, "get-object-info", Kind::question,
                             [&](const auto& link) -> Result<ObjectMetadata> {
                               WATTLE_TRY(const ObjectId real, object(*link, id));
                               return link->store->object_info(real);
                             });
}

BlobResult<void> BlobstoreProvider::delete_object(const Caller& caller, const ObjectId& id) {
  return run<void>(caller, "delete-object", Kind::question, [&](const auto& link) -> Result<void> {
    WATTLE_TRY(const ObjectId real, object(*link, id));
    return link->store->delete_object(real);
  });
}

BlobResult<void> BlobstoreProvider::delete_objects(const Caller& caller, std::string_view name,
                                                   const std::vector<std::string>& names) {
  return run<void>(caller, "delete-objects", Kind::transfer, [&](const auto& link) -> Result<void> {
    WATTLE_TRY(const std::string real, container(*link, name));
    if (std::ranges::find(names, "") != names.end()) return failure(no_name("the object"));
    return link->store->delete_objects(real, names);
  });
}

// To itself, an object is only looked for.
Result<void> BlobstoreProvider::copy(const Link& link, const ObjectId& from, const ObjectId& to, bool move) {
  WATTLE_TRY(const ObjectId real_from, object(link, from));
  WATTLE_TRY(const ObjectId real_to, object(link, to));
  if (real_from.container == real_to.container && real_from.object == real_to.object) {
    WATTLE_CHECK(link.store->object_info(real_from));
    return {};
  }
  WATTLE_CHECK(link.store->copy_object(real_from, real_to));
  return move ? link.store->delete_object(real_from) : Result<void>();
}

BlobResult<void> BlobstoreProvider::copy_object(const Caller& caller, const ObjectId& from,
                                                const ObjectId& to) {
  return run<void>(caller, "copy-object", Kind::transfer,
                   [&](const auto& link) { return copy(*link, from, to, false); });
}

BlobResult<void> BlobstoreProvider::move_object(const Caller& caller, const ObjectId& from,
                                                const ObjectId& to) {
  return run<void>(caller, "move-object", Kind::transfer,
                   [&](const auto& link) { return copy(*link, from, to, true); });
}

std::vector<std::string> blobstore_interfaces() {
  return {"wasi:blobstore/blobstore", "wasi:blobstore/container", "wasi:blobstore/types"};
}

}  // namespace wattle::providers
