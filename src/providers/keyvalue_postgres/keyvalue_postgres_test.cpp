#include "providers/keyvalue_postgres/keyvalue_postgres.h"

#include <gtest/gtest.h>

#include "postgres/pool.h"
#include "providers/key_value_contract.h"
#include "providers/postgres_settings.h"
#include "providers/test_servers.h"

namespace wattle::providers {
namespace {

using namespace std::chrono_literals;

struct PostgresBackend {
  static constexpr bool kHasServer = true;
  static constexpr bool kPagesExactly = true;
  std::unique_ptr<capability::ProviderFactory> factory() { return keyvalue_postgres_factory(); }
  std::map<std::string, std::string> link_config() { return server.settings(); }
  void pause() { server.pause(); }
  void resume() { server.resume(); }
  void stop() { server.stop(); }
  void start() { server.start(); }

  PostgresServer server;
};
INSTANTIATE_TYPED_TEST_SUITE_P(Postgres, KeyValueContract, PostgresBackend);

class KeyValuePostgres : public testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<PostgresServer>(); }
  static void TearDownTestSuite() { server_.reset(); }
  static PostgresServer& server() { return *server_; }
  // A connection beside the provider's.
  static std::shared_ptr<postgres::Pool> pool(TestPlace& place) {
    const auto settings = server().settings();
    return *make_postgres_pool(place.context(), Settings({&settings}));
  }

 private:
  static inline std::unique_ptr<PostgresServer> server_;
};

TEST_F(KeyValuePostgres, WrongPasswordIsDeniedAndNotShown) {
  run_test([&](async::Worker& worker) {
    TestPlace place(worker);
    auto provider = keyvalue_postgres_factory()->make(place.context());
    auto link = link_to_provider(server().settings());
    link.config.erase("POSTGRES_PASSWORD");
    link.secrets["postgres_password"] = "marker";
    ASSERT_TRUE((*provider)->put_link(link));
    auto read = (*provider)->key_value()->get({"shop", "default"}, "b", "a");
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().kind, capability::KeyValueError::Kind::access_denied);
    const auto health = (*provider)->health();
    EXPECT_FALSE(health.healthy);
    EXPECT_EQ(health.message.find("marker"), std::string::npos) << health.message;
  });
}

TEST_F(KeyValuePostgres, RefusesTablesThatItDoesNotKnow) {
  run_test([&](async::Worker& worker) {
    TestPlace place(worker);
    auto lease = pool(place)->take();
    ASSERT_TRUE(lease) << lease.error().full_message();
    ASSERT_TRUE(
        (*lease)->script("CREATE TABLE theirs (id int); CREATE TABLE later (id int); "
                         "COMMENT ON TABLE later IS 'wattle key-value, format 2'"));
    auto provider = keyvalue_postgres_factory()->make(place.context());
    auto config = server().settings();
    for (const std::string table : {"theirs", "public.later"}) {
      config["table"] = table;
      ASSERT_TRUE((*provider)->put_link(link_to_provider(config)));
      auto read = (*provider)->key_value()->get({"shop", "default"}, "b", "a");
      ASSERT_FALSE(read);
      EXPECT_NE(read.error().message.find(table == "theirs" ? "none of wattle's" : "newer"),
                std::string::npos)
          << read.error().message;
    }
    config["table"] = "public.";
    EXPECT_FALSE((*provider)->put_link(link_to_provider(config)));
  });
}

TEST_F(KeyValuePostgres, ManyFibersShareFewConnections) {
  run_test([&](async::Worker& worker) {
    TestPlace place(worker);
    const auto few = pool(place);
    int running = 20;
    async::Signal done;
    for (int i = 0; i < 20; ++i)
      worker.spawn([&, i] {
        async::Fiber::current().set_deadline(Clock::now() + 20s);
        auto sum = few->run(true, [&](postgres::Connection& connection) {
          return connection.query("SELECT $1::int + 1", {{postgres::text_parameter(std::to_string(i))}});
        });
        EXPECT_TRUE(sum && sum->value(0, 0) == std::to_string(i + 1));
        if (--running == 0) done.notify();
      });
    while (running > 0) ASSERT_TRUE(done.wait());
  });
}

TEST_F(KeyValuePostgres, AbandonedStatementsEndAtTheServer) {
  run_test([&](async::Worker& worker) {
    TestPlace place(worker);
    const auto connections = pool(place);
    {
      const async::DeadlineScope deadline(Clock::now() + 200ms);
      auto slept = connections->run(false, [](postgres::Connection& connection) {
        return connection.query("SELECT pg_sleep(3600)", {});
      });
      ASSERT_FALSE(slept);
      EXPECT_EQ(slept.error().code(), ErrorCode::deadline_exceeded);
    }
    EXPECT_TRUE(eventually([&] {
      auto sleeping = connections->run(true, [](postgres::Connection& connection) {
        return connection.query("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(3600)' ",
                                {});
      });
      return sleeping && sleeping->value(0, 0) == "0";
    }));
  });
}

TEST_F(KeyValuePostgres, OpenTransactionsAreRolledBack) {
  run_test([&](async::Worker& worker) {
    TestPlace place(worker);
    const auto connections = pool(place);
    {
      auto lease = connections->take();
      ASSERT_TRUE(lease && (*lease)->script("BEGIN; CREATE TABLE half (id int)"));
    }
    auto lease = connections->take();
    ASSERT_TRUE(lease);
    auto found = (*lease)->query("SELECT to_regclass('half')", {});
    ASSERT_TRUE(found) << found.error().full_message();
    EXPECT_TRUE(found->is_null(0, 0));
  });
}

TEST_F(KeyValuePostgres, ErrorsSayWhatTheyAre) {
  run_test([&](async::Worker& worker) {
    TestPlace place(worker);
    auto lease = pool(place)->take();
    ASSERT_TRUE(lease);
    auto typo = (*lease)->query("SELEC 1", {});
    ASSERT_FALSE(typo);
    EXPECT_EQ(typo.error().code(), ErrorCode::invalid);
    EXPECT_EQ(postgres::state_class_of(typo.error()), "42");
    EXPECT_NE(typo.error().message().find("42601"), std::string::npos);
    auto copied = (*lease)->script("COPY pg_class TO STDOUT");
    ASSERT_FALSE(copied);
    EXPECT_EQ(copied.error().code(), ErrorCode::unsupported);
    EXPECT_TRUE((*lease)->broken());
  });
}

}  // namespace
}  // namespace wattle::providers
