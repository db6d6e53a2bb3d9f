// Capabilities over the bus: the same guest, the same checks, with a provider at the other end of wRPC.
#include <gmock/gmock.h>

#include "bindings/provider_server.h"
#include "bindings/remote_blobstore.h"
#include "bindings/remote_key_value.h"
#include "bindings/remote_messaging.h"
#include "bindings/remote_postgres.h"
#include "bindings/test_support.h"
#include "lattice/memory_bus.h"
#include "lattice/names.h"

namespace wattle::bindings {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

// Everything that `resolver` has, as a provider.
class TestProvider final : public capability::Provider {
 public:
  explicit TestProvider(testing::TestResolver& resolver) : resolver_(resolver) {}
  Result<void> put_link(const capability::ProviderLink&) override { return {}; }
  void delete_link(const capability::ProviderLink&) override {}
  capability::KeyValue* key_value() override { return has_key_value ? resolver_.key_values.get() : nullptr; }
  capability::Blobstore* blobstore() override { return resolver_.blobs.get(); }
  capability::Messaging* messaging() override { return resolver_.messages.get(); }
  capability::Postgres* postgres() override { return resolver_.databases.get(); }
  bool has_key_value = true;

 private:
  testing::TestResolver& resolver_;
};

class RemoteCapabilities : public testing::GuestTest {
 protected:
  void set_up(async::Worker& worker) override {
    callee_bus = std::make_unique<lattice::MemoryBus>(worker, broker);
    caller_bus = std::make_unique<lattice::MemoryBus>(worker, broker);
    server = *wrpc::Server::start(*callee_bus, {.host = "NPROVIDER"});
    const std::string prefix = lattice::call_prefix("default", "all-of-it");
    if (is_served)
      service = *server->serve(prefix, prefix,
                               [this](wrpc::IncomingCall& call) { return answer_call(provider, call); });
    client = *wrpc::Client::start(*caller_bus);
    const auto target =
        std::make_shared<const RemoteTarget>(*client, "all-of-it", [prefix] { return std::vector{prefix}; });
    resolver.remote_key_values = std::make_shared<RemoteKeyValue>(target);
    resolver.remote_blobs = std::make_shared<RemoteBlobstore>(target);
    resolver.remote_messages = std::make_shared<RemoteMessaging>(target);
    resolver.remote_databases = std::make_shared<RemotePostgres>(target);
  }
  void tear_down() override {
    service.reset();
    client.reset();
    server.reset();
    caller_bus.reset();
    callee_bus.reset();
  }

  std::string run(const std::string& name) {
    static const auto linked = testing::linked_guest("capabilities-js");
    std::string answer = "did not run";
    with_instance(linked, [&](runtime::Instance& instance) {
      auto function = linked->find_function("wattle:capabilities/checks@1.0.0", "run");
      auto result = instance.call<tl::expected<std::string, std::string>>(**function, {}, name);
      if (!result) {
        answer = "trapped: " + result.error().full_message();
      } else {
        answer = *result ? "ok " + **result : "failed: " + result->error();
      }
    });
    return answer;
  }

  bool is_served = true;
  TestProvider provider{resolver};
  lattice::MemoryBroker broker;
  std::unique_ptr<lattice::Bus> caller_bus, callee_bus;
  std::unique_ptr<wrpc::Server> server;
  std::unique_ptr<wrpc::Service> service;
  std::unique_ptr<wrpc::Client> client;
};

TEST_F(RemoteCapabilities, KeyValue) {
  EXPECT_EQ(run("key-value"), "ok ");
  EXPECT_FALSE(resolver.key_values->buckets["wattle-checks"].empty());
}

TEST_F(RemoteCapabilities, KeyValueAtomics) {
  EXPECT_EQ(run("key-value-atomics"), "ok ");
}

TEST_F(RemoteCapabilities, KeyValueBatch) {
  EXPECT_EQ(run("key-value-batch"), "ok ");
}

TEST_F(RemoteCapabilities, Blobstore) {
  EXPECT_EQ(run("blobstore"), "ok ");
}

TEST_F(RemoteCapabilities, LeaveNoObjectThatWasNotFinished) {
  EXPECT_EQ(run("blobstore-unfinished"), "ok ");
  EXPECT_TRUE(resolver.blobs->containers["wattle-checks-unfinished"].empty());
}

TEST_F(RemoteCapabilities, Messaging) {
  EXPECT_EQ(run("messaging"), "ok nobody answered within 50 ms");
  ASSERT_EQ(resolver.messages->published.size(), 1u);
}

TEST_F(RemoteCapabilities, Postgres) {
  EXPECT_EQ(run("postgres"), "ok ");
}

TEST_F(RemoteCapabilities, FailWithTheInterfacesOwnErrorWhereNobodyServesThem) {
  is_served = false;
  EXPECT_THAT(run("key-value"), ::testing::AllOf(HasSubstr("failed"), HasSubstr(R"("tag":"other")"),
                                                 HasSubstr("all-of-it"), HasSubstr("default")));
  EXPECT_THAT(run("blobstore"), ::testing::AllOf(HasSubstr("failed"), HasSubstr("all-of-it")));
}

TEST_F(RemoteCapabilities, AreRefusedByAProviderThatDoesNotHaveThem) {
  provider.has_key_value = false;
  EXPECT_THAT(run("key-value"), HasSubstr("does not have"));
}

}  // namespace
}  // namespace wattle::bindings
