// For the tests of providers: what surrounds a provider, and components that are functions of the test.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "capability/messaging.h"
#include "capability/provider.h"
#include "nats/test_server.h"
#include "telemetry/log.h"

namespace wattle::providers {

// Components as a provider sees them. What they are told is kept; what they answer is the test's.
class TestComponents final : public capability::ComponentCalls {
 public:
  struct Change {
    std::string target;
    std::string bucket;
    std::string key;
    std::optional<std::string> value;  // none: deleted
    bool operator==(const Change&) const = default;
  };
  using MessageHandler = std::function<Result<tl::expected<void, std::string>>(
      std::string_view target, const capability::BrokerMessage&)>;

  void handle_http(std::string_view, http::Exchange&) override {}
  Result<tl::expected<void, std::string>> handle_message(std::string_view target,
                                                         const capability::BrokerMessage& message) override {
    return on_message ? on_message(target, message) : Result<tl::expected<void, std::string>>();
  }
  Result<void> key_was_set(std::string_view target, std::string_view bucket, std::string_view key,
                           std::string_view value) override {
    return add({std::string(target), std::string(bucket), std::string(key), std::string(value)});
  }
  Result<void> key_was_deleted(std::string_view target, std::string_view bucket,
                               std::string_view key) override {
    return add({std::string(target), std::string(bucket), std::string(key), std::nullopt});
  }

  MessageHandler on_message;
  std::vector<Change> changes;
  int changes_to_refuse = 0;  // as a host that is overloaded does

 private:
  Result<void> add(Change change) {
    if (changes_to_refuse > 0) {
      --changes_to_refuse;
      return failure(ErrorCode::overloaded, "no instance is free");
    }
    changes.push_back(std::move(change));
    return {};
  }
};

// One worker with a provider on it.
struct TestPlace {
  explicit TestPlace(async::Worker& its_worker) : worker(its_worker) {}

  capability::ProviderContext context(std::map<std::string, std::string> config = {}) {
    return {.worker = worker,
            .blocking = blocking,
            .log = log,
            .components = components,
            .provider_id = "backend",
            .config = std::move(config),
            .secrets = {}};
  }

  async::Worker& worker;
  async::OffloadPool blocking{2};
  telemetry::Log log{{.level = telemetry::LogLevel::error, .format = telemetry::LogFormat::text, .file = {}}};
  TestComponents components;
};

inline capability::ProviderLink link_to_provider(std::map<std::string, std::string> config,
                                                 std::string name = "default") {
  return {.source_id = "shop",
          .target = "backend",
          .name = std::move(name),
          .wit_namespace = "wasi",
          .wit_package = "",
          .interfaces = {},
          .config = std::move(config),
          .secrets = {}};
}

inline capability::ProviderLink link_to_component(std::map<std::string, std::string> config,
                                                  std::string component = "watcher") {
  return {.source_id = "backend",
          .target = std::move(component),
          .name = "default",
          .wit_namespace = "wasi",
          .wit_package = "",
          .interfaces = {},
          .config = std::move(config),
          .secrets = {}};
}

using nats::eventually;
using nats::run_test;

}  // namespace wattle::providers
