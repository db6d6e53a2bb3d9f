// For the tests of this folder: every capability in memory, and a resolver that leads to them by the link
// name "default".
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bindings/add_to.h"
#include "bindings/invocation.h"
#include "capability/blobstore.h"
#include "capability/key_value.h"
#include "capability/messaging.h"
#include "capability/postgres.h"
#include "capability/secrets.h"
#include "runtime/runtime.h"
#include "wasi/add_to.h"
#include "wasi/context.h"

namespace wattle::bindings::testing {

using capability::Caller;

class MemoryKeyValue final : public capability::KeyValue {
 public:
  template <class T>
  using Answer = capability::KeyValueResult<T>;

  Answer<void> open(const Caller& caller, std::string_view) override {
    callers.emplace_back(caller.source_id, caller.link_name);
    return {};
  }
  Answer<std::optional<std::string>> get(const Caller&, std::string_view bucket,
                                         std::string_view key) override {
    auto& keys = buckets[std::string(bucket)];
    const auto found = keys.find(std::string(key));
    return found == keys.end() ? std::nullopt : std::optional(found->second);
  }
  Answer<void> set(const Caller&, std::string_view bucket, std::string_view key,
                   std::string_view value) override {
    buckets[std::string(bucket)][std::string(key)] = value;
    return {};
  }
  Answer<void> remove(const Caller&, std::string_view bucket, std::string_view key) override {
    buckets[std::string(bucket)].erase(std::string(key));
    return {};
  }
  Answer<bool> exists(const Caller&, std::string_view bucket, std::string_view key) override {
    return buckets[std::string(bucket)].contains(std::string(key));
  }
  // Pages of two keys.
  Answer<capability::KeyPage> list_keys(const Caller&, std::string_view bucket,
                                        std::optional<uint64_t> cursor) override {
    const auto& keys = buckets[std::string(bucket)];
    capability::KeyPage page;
    uint64_t position = 0;
    for (const auto& [key, value] : keys) {
      if (position++ < cursor.value_or(0)) continue;
      page.keys.push_back(key);
      if (page.keys.size() == 2 && position < keys.size()) {
        page.cursor = position;
        break;
      }
    }
    return page;
  }
  Answer<uint64_t> increment(const Caller&, std::string_view bucket, std::string_view key,
                             uint64_t delta) override {
    std::string& value = buckets[std::string(bucket)][std::string(key)];
    if (value.find_first_not_of("0123456789") != std::string::npos)
      return tl::make_unexpected(
          capability::KeyValueError{capability::KeyValueError::Kind::other, "not a number"});
    const uint64_t sum = (value.empty() ? 0 : std::stoull(value)) + delta;
    value = std::to_string(sum);
    return sum;
  }
  Answer<std::vector<std::optional<std::string>>> get_many(const Caller& caller, std::string_view bucket,
                                                           const std::vector<std::string>& keys) override {
    std::vector<std::optional<std::string>> values;
    for (const auto& key : keys) values.push_back(*get(caller, bucket, key));
    return values;
  }
  Answer<void> set_many(const Caller& caller, std::string_view bucket,
                        const std::vector<std::pair<std::string, std::string>>& values) override {
    for (const auto& [key, value] : values) (void)set(caller, bucket, key, value);
    return {};
  }
  Answer<void> remove_many(const Caller& caller, std::string_view bucket,
                           const std::vector<std::string>& keys) override {
    for (const auto& key : keys) (void)remove(caller, bucket, key);
    return {};
  }

  std::map<std::string, std::map<std::string, std::string>> buckets;
  std::vector<std::pair<std::string, std::string>> callers;  // source and link name, of open()
};

class MemoryBlobstore final : public capability::Blobstore {
 public:
  template <class T>
  using Answer = capability::BlobResult<T>;
  using ObjectId = capability::ObjectId;

  Answer<void> create_container(const Caller&, std::string_view name) override {
    containers[std::string(name)];
    return {};
  }
  Answer<bool> container_exists(const Caller&, std::string_view name) override {
    return containers.contains(std::string(name));
  }
  Answer<void> delete_container(const Caller&, std::string_view name) override {
    containers.erase(std::string(name));
    return {};
  }
  Answer<void> clear_container(const Caller&, std::string_view name) override {
    containers[std::string(name)].clear();
    return {};
  }
  Answer<capability::ContainerMetadata> container_info(const Caller&, std::string_view) override {
    return capability::ContainerMetadata{1};
  }
  Answer<std::vector<std::string>> list_objects(const Caller&, std::string_view container, uint64_t offset,
                                                uint64_t limit) override {
    std::vector<std::string> names;
    for (const auto& [name, contents] : containers[std::string(container)]) {
      if (offset > 0) {
        --offset;
      } else if (names.size() < limit) {
        names.push_back(name);
      }
    }
    return names;
  }
  Answer<void> read_object(const Caller&, const ObjectId& id, uint64_t first, uint64_t last,
                           std::shared_ptr<async::Pipe> into) override {
    if (!found(id)) return missing(id);
    const std::string& contents = containers[id.container][id.object];
    std::string part;
    if (first < contents.size() && last >= first) part = contents.substr(first, last - first + 1);
    async::Fiber::current().worker().spawn([part = std::move(part), into] {
      (void)into->write_all({reinterpret_cast<const uint8_t*>(part.data()), part.size()});
      into->close();
    });
    return {};
  }
  Answer<void> write_object(const Caller&, const ObjectId& id, async::Pipe& from) override {
    std::string contents;
    std::vector<uint8_t> piece(1000);
    while (true) {
      auto bytes = from.read_some(piece);
      if (!bytes) return tl::make_unexpected(bytes.error().message());
      if (*bytes == 0) break;
      contents.append(piece.begin(), piece.begin() + static_cast<ptrdiff_t>(*bytes));
    }
    containers[id.container][id.object] = std::move(contents);
    return {};
  }
  Answer<bool> has_object(const Caller&, const ObjectId& id) override { return found(id); }
  Answer<capability::ObjectMetadata> object_info(const Caller&, const ObjectId& id) override {
    if (!found(id)) return tl::make_unexpected(missing(id).error());
    return capability::ObjectMetadata{1, containers[id.container][id.object].size()};
  }
  Answer<void> delete_object(const Caller&, const ObjectId& id) override {
    containers[id.container].erase(id.object);
    return {};
  }
  Answer<void> delete_objects(const Caller&, std::string_view container,
                              const std::vector<std::string>& names) override {
    for (const auto& name : names) containers[std::string(container)].erase(name);
    return {};
  }
  Answer<void> copy_object(const Caller&, const ObjectId& from, const ObjectId& to) override {
    if (!found(from)) return missing(from);
    containers[to.container][to.object] = containers[from.container][from.object];
    return {};
  }
  Answer<void> move_object(const Caller& caller, const ObjectId& from, const ObjectId& to) override {
    auto copied = copy_object(caller, from, to);
    return copied ? delete_object(caller, from) : copied;
  }

  std::map<std::string, std::map<std::string, std::string>> containers;

 private:
  bool found(const ObjectId& id) {
    return containers.contains(id.container) && containers[id.container].contains(id.object);
  }
  static Answer<void> missing(const ObjectId& id) {
    return tl::make_unexpected("there is no object " + id.object);
  }
};

class EchoMessaging final : public capability::Messaging {
 public:
  capability::MessagingResult<capability::BrokerMessage> request(const Caller&, std::string_view subject,
                                                                 std::string_view body,
                                                                 uint32_t timeout_ms) override {
    if (subject != "checks.echo")
      return tl::make_unexpected(fmt::format("nobody answered within {} ms", timeout_ms));
    return capability::BrokerMessage{"checks.reply", std::string(body), std::nullopt};
  }
  capability::MessagingResult<void> publish(const Caller&,
                                            const capability::BrokerMessage& message) override {
    published.push_back(message);
    return {};
  }
  std::vector<capability::BrokerMessage> published;
};

// Gives back what it is given.
class EchoPostgres final : public capability::Postgres {
 public:
  tl::expected<std::vector<capability::ResultRow>, capability::QueryError> query(
      const Caller&, std::string_view text, const std::vector<capability::PgValue>& parameters) override {
    if (text != "ECHO")
      return tl::make_unexpected(
          capability::QueryError{capability::QueryError::Kind::invalid_query, "syntax error"});
    capability::ResultRow row;
    for (const auto& each : parameters) row.push_back({"c" + std::to_string(row.size()), each});
    return std::vector<capability::ResultRow>{row};
  }
  tl::expected<void, capability::QueryError> query_batch(const Caller&, std::string_view) override {
    return {};
  }
  tl::expected<std::string, capability::StatementPrepareError> prepare(const Caller&,
                                                                       std::string_view statement) override {
    if (statement != "COUNT") return tl::make_unexpected(capability::StatementPrepareError{"syntax error"});
    return "token";
  }
  tl::expected<uint64_t, capability::PreparedStatementExecError> exec(
      const Caller&, std::string_view token, const std::vector<capability::PgValue>& parameters) override {
    if (token != "token") {
      capability::PreparedStatementExecError error;
      error.kind = capability::PreparedStatementExecError::Kind::unknown_prepared_query;
      return tl::make_unexpected(error);
    }
    return parameters.size();
  }
};

class TwoSecrets final : public capability::Secrets {
 public:
  tl::expected<capability::Secret, capability::SecretsError> get(const Caller&, std::string_view key,
                                                                 std::string_view,
                                                                 std::string_view) override {
    if (key == "password") return capability::Secret{"1", "hunter2", false};
    if (key == "key") return capability::Secret{"1", "1234", true};
    return tl::make_unexpected(capability::SecretsError{capability::SecretsError::Kind::not_found, ""});
  }
};

class TestResolver final : public CapabilityResolver {
 public:
  Result<Target<capability::KeyValue>> key_value(std::string_view interface, std::string_view name) override {
    return lead_to<capability::KeyValue>(key_values, remote_key_values, interface, name);
  }
  Result<Target<capability::Blobstore>> blobstore(std::string_view interface,
                                                  std::string_view name) override {
    return lead_to<capability::Blobstore>(blobs, remote_blobs, interface, name);
  }
  Result<Target<capability::Messaging>> messaging(std::string_view interface,
                                                  std::string_view name) override {
    return lead_to<capability::Messaging>(messages, remote_messages, interface, name);
  }
  Result<Target<capability::Postgres>> postgres(std::string_view interface, std::string_view name) override {
    return lead_to<capability::Postgres>(databases, remote_databases, interface, name);
  }
  Result<Target<capability::OutgoingHttp>> outgoing_http(std::string_view interface,
                                                         std::string_view name) override {
    return failure(missing_link("checks", name, interface));
  }
  Result<Target<capability::Secrets>> secrets() override {
    return Target<capability::Secrets>{known_secrets, "checks", "default"};
  }
  std::shared_ptr<const Config> config() override { return settings; }
  void log(LogLevel level, std::string_view context, std::string_view message) override {
    lines.push_back(fmt::format("{} {} {}", static_cast<int>(level), context, message));
  }

  std::shared_ptr<MemoryKeyValue> key_values = std::make_shared<MemoryKeyValue>();
  std::shared_ptr<MemoryBlobstore> blobs = std::make_shared<MemoryBlobstore>();
  std::shared_ptr<EchoMessaging> messages = std::make_shared<EchoMessaging>();
  std::shared_ptr<EchoPostgres> databases = std::make_shared<EchoPostgres>();
  std::shared_ptr<TwoSecrets> known_secrets = std::make_shared<TwoSecrets>();
  // Instead of those above, where they are set.
  std::shared_ptr<capability::KeyValue> remote_key_values;
  std::shared_ptr<capability::Blobstore> remote_blobs;
  std::shared_ptr<capability::Messaging> remote_messages;
  std::shared_ptr<capability::Postgres> remote_databases;
  std::shared_ptr<const Config> settings =
      std::make_shared<const Config>(Config{{"colour", "green"}, {"size", "large"}});
  std::vector<std::string> lines;

 private:
  template <class Capability, class Held>
  static Result<Target<Capability>> lead_to(const std::shared_ptr<Held>& held,
                                            const std::shared_ptr<Capability>& remote,
                                            std::string_view interface, std::string_view name) {
    if (name != "default") return failure(missing_link("checks", name, interface));
    if (remote != nullptr) return Target<Capability>{remote, "checks", std::string(name)};
    return Target<Capability>{held, "checks", std::string(name)};
  }
};

// A guest that tools/guests builds, linked with WASI and the capabilities.
inline std::shared_ptr<const runtime::LinkedComponent> linked_guest(const std::string& name) {
  auto started = engine::start({});
  std::ifstream file("build/guests/" + name + ".wasm", std::ios::binary);
  std::vector<uint8_t> bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  auto component = runtime::Component::load(std::move(bytes), {});
  if (!started || !component) {
    ADD_FAILURE() << name << " does not load (run tools/guests " << name << ")";
    return nullptr;
  }
  runtime::Linker linker;
  wasi::add_to(linker);
  add_to(linker);
  EXPECT_TRUE(declare_types(linker));
  auto linked = linker.link(*component);
  if (!linked) ADD_FAILURE() << linked.error().full_message() << " | " << linked.error().remedy();
  return linked ? *linked : nullptr;
}

// Tests whose body runs on a fiber, with an instance of a guest.
class GuestTest : public ::testing::Test {
 protected:
  void with_instance(const std::shared_ptr<const runtime::LinkedComponent>& linked,
                     const std::function<void(runtime::Instance&)>& body) {
    ASSERT_NE(linked, nullptr);
    async::Worker worker;
    worker.spawn([&] {
      async::DeadlineScope deadline(Clock::now() + std::chrono::seconds(30));
      set_up(worker);
      wasi::Context context(pool);
      Invocation invocation(resolver);
      runtime::Host host;
      host.attach(context);
      host.attach(invocation);
      {
        auto instance = runtime::Instance::create(linked, std::move(host), {});
        ASSERT_TRUE(instance) << instance.error().full_message();
        body(**instance);
      }
      tear_down();
    });
    worker.run();
  }

  // On the fiber, before and after.
  virtual void set_up(async::Worker&) {}
  virtual void tear_down() {}

  TestResolver resolver;
  async::OffloadPool pool{2};
};

}  // namespace wattle::bindings::testing
