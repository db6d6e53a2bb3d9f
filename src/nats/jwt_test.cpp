// Against a real nats-server, which is the judge of what such a token says.
#include "nats/jwt.h"

#include <gtest/gtest.h>

#include "nats/client.h"
#include "nats/jetstream.h"
#include "nats/key_value.h"
#include "nats/test_server.h"

namespace wattle::nats {
namespace {

using namespace std::chrono_literals;

class JwtTest : public testing::Test {
 protected:
  JwtTest() : server_({.config = configuration()}) {}

  std::string configuration() const {
    const auto operator_key = KeyPair::generate(KeyKind::operator_);
    const auto system = KeyPair::generate(KeyKind::account);
    return "operator: " + operator_jwt(operator_key, "test", system.public_key()) +
           "\nresolver: MEMORY\nresolver_preload: {\n  " + account_.public_key() + ": " +
           account_jwt(operator_key, account_.public_key(), "test", true) + "\n  " + system.public_key() +
           ": " + account_jwt(operator_key, system.public_key(), "system", false) + "\n}\n";
  }

  Result<std::unique_ptr<Client>> connect(async::Worker& worker, const KeyPair& account,
                                          const UserGrants& grants) {
    const auto user = KeyPair::generate(KeyKind::user);
    ClientOptions options;
    options.urls = {server_.url()};
    options.credentials_file = server_.folder().write(
        "user.creds", credentials_text(user_jwt(account, user.public_key(), grants), user));
    return Client::connect(worker, std::move(options));
  }

  const KeyPair account_ = KeyPair::generate(KeyKind::account);
  TestServer server_;
};

TEST_F(JwtTest, AUserOfTheAccountDoesEverythingWithJetStreamToo) {
  run_test([&](async::Worker& worker) {
    auto client = connect(worker, account_, {.name = "all"});
    ASSERT_TRUE(client) << client.error().full_message();
    JetStream jetstream(**client);
    auto bucket = KeyValue::create(jetstream, {.bucket = "test"});
    ASSERT_TRUE(bucket) << bucket.error().full_message();
    EXPECT_TRUE(bucket->put("key", "value"));
  });
}

TEST_F(JwtTest, AUserOfAnotherAccountIsRefused) {
  run_test([&](async::Worker& worker) {
    const auto refused = connect(worker, KeyPair::generate(KeyKind::account), {.name = "foreign"});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::permission_denied);
  });
}

TEST_F(JwtTest, GrantsAreAllThatAUserHas) {
  run_test([&](async::Worker& worker) {
    auto all = connect(worker, account_, {.name = "all"});
    ASSERT_TRUE(all) << all.error().full_message();
    auto one =
        connect(worker, account_,
                {.name = "one", .publish = {"out.>"}, .subscribe = {"in.>", "_INBOX.>"}, .may_answer = true});
    ASSERT_TRUE(one) << one.error().full_message();
    Client& client = **one;
    auto served = client.subscribe(
        "in.ask", {}, [&](const Message& message) { (void)client.publish(message.reply, "answer"); });
    ASSERT_TRUE(served);
    ASSERT_TRUE(client.flush());
    const auto answer = (*all)->request("in.ask", "");
    ASSERT_TRUE(answer) << answer.error().full_message();
    EXPECT_EQ(answer->payload, "answer");
    EXPECT_EQ(client.request("elsewhere", "", {.timeout = 2s}).error().code(), ErrorCode::permission_denied);
    auto overheard = client.subscribe("elsewhere", {});
    ASSERT_TRUE(overheard);
    EXPECT_EQ(overheard->next().error().code(), ErrorCode::permission_denied);
  });
}

}  // namespace
}  // namespace wattle::nats
