#include "host/secrets.h"

#include <gtest/gtest.h>

#include <set>

#include "lattice/memory_bus.h"
#include "lattice/test_state.h"
#include "nats/test_server.h"

namespace wattle::host {
namespace {

constexpr const char* kConfig = "SECRET_token";

class SecretsTest : public testing::Test {
 protected:
  // Runs `test` beside a keeper of the secrets that `wanted_` names, whose backend is `values_`, by key and
  // version.
  template <class Test>
  void with_keeper(Test test) {
    nats::run_test([&](async::Worker& worker) {
      lattice::MemoryBroker broker;
      lattice::MemoryBus bus(worker, broker);
      const telemetry::Log log(
          {.level = telemetry::LogLevel::off, .format = telemetry::LogFormat::text, .file = ""});
      auto state = open_test_state(bus);
      state_ = state.get();
      SecretKeeper keeper(
          *state, log, [this](const auto& reference, const auto& token) { return fetch(reference, token); });
      keeper.start(worker, [this] { return wanted_; }, [this](auto table) { told_ = std::move(table); });
      test(keeper);
      keeper.stop();
      state.reset();
      EXPECT_TRUE(bus.drain());
    });
  }

  Result<capability::Secret> fetch(const lattice::SecretReference& reference, const std::string& token) {
    ++fetches_;
    if (down_.contains(reference.backend)) return failure(ErrorCode::unavailable, "nobody answers");
    const auto found = values_.find(reference.key + "@" + reference.version);
    if (found == values_.end()) return failure(ErrorCode::not_found, "there is no such secret");
    tokens_.insert(token);
    return capability::Secret{.version = reference.version, .value = found->second};
  }
  void refer(const std::string& version, const std::string& backend = "kept", const char* config = kConfig) {
    const lattice::SecretReference reference{
        .name = "password", .backend = backend, .key = "token", .version = version};
    ASSERT_TRUE(state_->put_config(config, lattice::to_map(reference)));
  }
  std::string known(const std::string& entity) const {
    if (told_ == nullptr) return "nothing";
    const auto secrets = told_->of(entity, {"plain", kConfig});
    return secrets ? secrets->at("password").value : "unknown";
  }
  bool becomes(const std::string& entity, const std::string& value) {
    return nats::eventually([&] { return known(entity) == value; });
  }

  lattice::LatticeState* state_ = nullptr;
  std::map<std::string, std::string> values_{{"token@1", "one"}, {"token@2", "two"}};
  std::set<std::string> down_;
  std::set<std::string> tokens_;
  int fetches_ = 0;
  WantedSecrets wanted_;
  std::shared_ptr<const SecretTable> told_;
};

TEST_F(SecretsTest, WhoWasGivenOneHasItUnderItsName) {
  with_keeper([&](SecretKeeper& keeper) {
    refer("1");
    wanted_ = {{{"shop", kConfig}, "token of the shop"}};
    const auto waited = keeper.wait_for("shop", {"plain", kConfig});
    ASSERT_TRUE(waited) << waited.error().full_message();
    EXPECT_EQ(known("shop"), "one");
    EXPECT_EQ(known("other"), "unknown");
    EXPECT_EQ(tokens_, std::set<std::string>{"token of the shop"});
  });
}

TEST_F(SecretsTest, WithoutSecretsNothingIsWaitedFor) {
  with_keeper([&](SecretKeeper& keeper) {
    EXPECT_TRUE(keeper.wait_for("shop", {"plain"}));
    EXPECT_EQ(fetches_, 0);
  });
}

TEST_F(SecretsTest, ANewerVersionIsFetchedAndNothingElse) {
  with_keeper([&](SecretKeeper& keeper) {
    refer("1");
    wanted_ = {{{"shop", kConfig}, ""}};
    ASSERT_TRUE(keeper.wait_for("shop", {kConfig}));
    ASSERT_TRUE(state_->put_config("plain", {{"a", "b"}}));
    refer("2");
    EXPECT_TRUE(becomes("shop", "two"));
    EXPECT_EQ(fetches_, 2);
  });
}

TEST_F(SecretsTest, WhatIsNotWantedAnyMoreIsForgotten) {
  with_keeper([&](SecretKeeper& keeper) {
    refer("1");
    wanted_ = {{{"shop", kConfig}, ""}};
    ASSERT_TRUE(keeper.wait_for("shop", {kConfig}));
    wanted_.clear();
    keeper.wanted_changed();
    EXPECT_TRUE(nats::eventually([&] { return told_->held.empty(); }));
  });
}

TEST_F(SecretsTest, WhoseConfigIsDeletedIsForgotten) {
  with_keeper([&](SecretKeeper& keeper) {
    refer("1");
    wanted_ = {{{"shop", kConfig}, ""}};
    ASSERT_TRUE(keeper.wait_for("shop", {kConfig}));
    ASSERT_TRUE(state_->delete_config(kConfig));
    EXPECT_TRUE(becomes("shop", "unknown"));
    EXPECT_EQ(told_->find("shop", kConfig)->problem->code(), ErrorCode::not_found);
    refer("2");
    EXPECT_TRUE(becomes("shop", "two"));
  });
}

TEST_F(SecretsTest, WhatCannotBeHadIsRefusedWithItsReason) {
  with_keeper([&](SecretKeeper& keeper) {
    refer("7");
    wanted_ = {{{"shop", kConfig}, ""}, {{"shop", "SECRET_none"}, ""}};
    const auto refused = keeper.wait_for("shop", {kConfig});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::not_found);
    EXPECT_NE(refused.error().message().find("\"token\""), std::string::npos) << refused.error().message();
    EXPECT_EQ(keeper.wait_for("shop", {"SECRET_none"}).error().code(), ErrorCode::not_found);
  });
}

TEST_F(SecretsTest, ABackendThatIsDownIsAskedOnceARoundAndAgainLater) {
  with_keeper([&](SecretKeeper& keeper) {
    down_ = {"kept"};
    refer("1");
    refer("1", "kept", "SECRET_second");
    wanted_ = {{{"shop", kConfig}, ""}, {{"shop", "SECRET_second"}, ""}};
    EXPECT_EQ(keeper.wait_for("shop", {kConfig}).error().code(), ErrorCode::unavailable);
    down_.clear();
    EXPECT_TRUE(becomes("shop", "one"));
  });
}

TEST_F(SecretsTest, TheLastValueStaysWhileANewerOneCannotBeHad) {
  with_keeper([&](SecretKeeper& keeper) {
    refer("1");
    wanted_ = {{{"shop", kConfig}, ""}};
    ASSERT_TRUE(keeper.wait_for("shop", {kConfig}));
    refer("9");
    EXPECT_TRUE(nats::eventually([&] { return told_->find("shop", kConfig)->problem.has_value(); }));
    EXPECT_EQ(known("shop"), "one");
    values_["token@9"] = "nine";
    EXPECT_TRUE(becomes("shop", "nine"));
  });
}

TEST_F(SecretsTest, TextsAndBytesAreToldApart) {
  const auto texts = texts_of({{"text", {.version = "1", .value = "a"}},
                               {"bytes", {.version = "1", .value = "b\xff", .is_bytes = true}}});
  EXPECT_EQ(std::get<std::string>(texts.at("text")), "a");
  EXPECT_EQ(std::get<std::vector<uint8_t>>(texts.at("bytes")), (std::vector<uint8_t>{'b', 0xff}));
}

}  // namespace
}  // namespace wattle::host
