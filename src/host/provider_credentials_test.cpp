#include "host/provider_credentials.h"

#include <gtest/gtest.h>

#include "lattice/names.h"
#include "lattice/state_buckets.h"
#include "nats/jetstream.h"
#include "nats/key_value.h"
#include "nats/test_server.h"

namespace wattle::host {
namespace {

using namespace std::chrono_literals;

std::string trusting(const nats::KeyPair& account) {
  const auto operator_key = nats::KeyPair::generate(nats::KeyKind::operator_);
  const auto system = nats::KeyPair::generate(nats::KeyKind::account);
  return "operator: " + nats::operator_jwt(operator_key, "test", system.public_key()) +
         "\nresolver: MEMORY\nresolver_preload: {\n  " + account.public_key() + ": " +
         nats::account_jwt(operator_key, account.public_key(), "test", true) + "\n  " + system.public_key() +
         ": " + nats::account_jwt(operator_key, system.public_key(), "system", false) + "\n}\n";
}

Result<std::unique_ptr<nats::Client>> connect(async::Worker& worker, const ProviderConnection& connection) {
  nats::ClientOptions options;
  options.urls = {connection.url};
  options.user_jwt = connection.user_jwt;
  options.user_seed = connection.user_seed;
  return nats::Client::connect(worker, std::move(options));
}

TEST(ProviderCredentials, ReachTheProvidersOwnSubjectsOnly) {
  const auto account = nats::KeyPair::generate(nats::KeyKind::account);
  const std::string xkey = nats::CurveKeyPair::generate().public_key();
  const nats::TestServer server({.config = trusting(account)});
  nats::run_test([&](async::Worker& worker) {
    const auto host_user = nats::KeyPair::generate(nats::KeyKind::user);
    auto host =
        connect(worker, {.url = server.url(),
                         .user_jwt = nats::user_jwt(account, host_user.public_key(), {.name = "host"}),
                         .user_seed = host_user.seed()});
    ASSERT_TRUE(host) << host.error().full_message();
    nats::JetStream host_jetstream(**host);
    ASSERT_TRUE(nats::KeyValue::create(host_jetstream, {.bucket = lattice::config_data_bucket("default")}));
    auto provider = connect(worker, provider_connection(server.url(), account, "default", "kv", xkey));
    ASSERT_TRUE(provider) << provider.error().full_message();
    nats::Client& client = **provider;

    auto served = client.subscribe("wasmbus.rpc.default.kv.health", {}, [&](const nats::Message& message) {
      (void)client.publish(message.reply, "ok");
    });
    ASSERT_TRUE(served);
    ASSERT_TRUE(client.flush());
    EXPECT_TRUE((*host)->request("wasmbus.rpc.default.kv.health", ""));

    auto told = client.subscribe("wasmbus.rpc.default." + xkey + ".linkdefs.put");
    ASSERT_TRUE(told);
    ASSERT_TRUE(client.flush());
    ASSERT_TRUE((*host)->publish("wasmbus.rpc.default." + xkey + ".linkdefs.put", "link"));
    EXPECT_EQ(told->next()->payload, "link");

    nats::JetStream jetstream(client);
    EXPECT_EQ(nats::KeyValue::open(jetstream, lattice::config_data_bucket("default")).error().code(),
              ErrorCode::permission_denied);
    for (const char* subject : {"wasmbus.ctl.v1.default.host.ping", "wasmbus.evt.default.host_stopped",
                                "wattle.default.lease.N1", "wasmbus.rpc.default.other.health"})
      EXPECT_EQ(client.request(subject, "", {.timeout = 5s}).error().code(), ErrorCode::permission_denied)
          << subject;
    auto overheard = client.subscribe("default.other.wrpc.>");
    ASSERT_TRUE(overheard);
    EXPECT_EQ(overheard->next().error().code(), ErrorCode::permission_denied);
  });
}

}  // namespace
}  // namespace wattle::host
