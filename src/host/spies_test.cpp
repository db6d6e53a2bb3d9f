#include "host/spies.h"

#include <gtest/gtest.h>

#include "host/spied_capabilities.h"
#include "lattice/memory_bus.h"
#include "lattice/names.h"
#include "nats/test_server.h"

namespace wattle::host {
namespace {

using namespace std::chrono_literals;

const std::string kInbox = lattice::spy_inbox("test");

class SpiesTest : public testing::Test {
 protected:
  template <class Test>
  void on_bus(Test test) {
    nats::run_test([&](async::Worker& worker) {
      lattice::MemoryBroker broker;
      lattice::MemoryBus bus(worker, broker);
      SpyGlass glass("NHOST");
      glass.set_bus(&bus);
      test(bus, glass);
      glass.set_bus(nullptr);
      EXPECT_TRUE(bus.drain());
    });
  }
  // What is sent to the inbox.
  std::unique_ptr<lattice::BusSubscription> listen(lattice::Bus& bus) {
    return *bus.subscribe(kInbox, {}, [this](const lattice::Message& message) {
      const auto call = lattice::parse_spied_call(message.payload);
      ASSERT_TRUE(call) << call.error().message();
      calls_.push_back(*call);
    });
  }
  bool arrive(size_t count) {
    return nats::eventually([&] { return calls_.size() >= count; });
  }
  static std::shared_ptr<const SpyTable> table(const std::string& who) {
    return std::make_shared<const SpyTable>(SpyTable{{who, kInbox}});
  }

  const telemetry::Log log_{
      {.level = telemetry::LogLevel::off, .format = telemetry::LogFormat::text, .file = ""}};
  std::vector<lattice::SpiedCall> calls_;
};

TEST_F(SpiesTest, NobodyLooksUntilSomebodyAsksAndNoLongerThanTheyAsk) {
  on_bus([&](lattice::Bus& bus, SpyGlass& glass) {
    auto book =
        SpyBook::start(bus, "default", log_, [&](auto told) { glass.set_table(std::move(told)); }, 200ms);
    ASSERT_TRUE(book) << book.error().message();
    ASSERT_TRUE(bus.flush());
    EXPECT_EQ(glass.look("web", "shop", "a:b/c", "f"), nullptr);
    const std::string request = lattice::to_json(lattice::SpyRequest{.id = "shop", .to = kInbox});
    ASSERT_TRUE(bus.publish(lattice::spy_subject("default"), "nonsense"));
    ASSERT_TRUE(bus.publish(lattice::spy_subject("default"), request));
    EXPECT_TRUE(nats::eventually([&] { return !glass.idle(); }));
    EXPECT_NE(glass.look("web", "shop", "a:b/c", "f"), nullptr);
    EXPECT_NE(glass.look("shop", "kv", "a:b/c", "f"), nullptr);
    EXPECT_EQ(glass.look("web", "other", "a:b/c", "f"), nullptr);
    EXPECT_TRUE(nats::eventually([&] { return glass.idle(); }));
    book->reset();
  });
}

TEST_F(SpiesTest, ASightingTellsTheCall) {
  on_bus([&](lattice::Bus& bus, SpyGlass& glass) {
    const auto heard = listen(bus);
    ASSERT_TRUE(bus.flush());
    glass.set_table(table("shop"));
    {
      auto sighting = glass.look("web", "shop", "a:b/c@1.0.0", "[method]thing.f");
      sighting->arguments("(1)");
      sighting->result("2");
    }
    glass.look("web", "shop", "a:b/c@1.0.0", "g")->error("it is gone");
    ASSERT_TRUE(arrive(2));
    EXPECT_EQ(calls_[0].host_id, "NHOST");
    EXPECT_EQ(calls_[0].source, "web");
    EXPECT_EQ(calls_[0].interface, "a:b/c@1.0.0");
    EXPECT_EQ(calls_[0].function, "thing.f");
    EXPECT_EQ(calls_[0].arguments, "(1)");
    EXPECT_EQ(calls_[0].result, "2");
    EXPECT_EQ(calls_[1].error, "it is gone");
  });
}

TEST_F(SpiesTest, TooManyAreCountedAndTooLongOnesCut) {
  on_bus([&](lattice::Bus& bus, SpyGlass& glass) {
    const auto heard = listen(bus);
    ASSERT_TRUE(bus.flush());
    glass.set_table(table("shop"));
    glass.look("web", "shop", "a:b/c", "f")->arguments(std::string(SpyGlass::kTextBytesMax - 1, 'a') + "ää");
    ASSERT_TRUE(arrive(1));
    EXPECT_EQ(calls_[0].arguments, std::string(SpyGlass::kTextBytesMax - 1, 'a') + "…");
    uint32_t left_out = 0;
    for (uint32_t i = 0; i < 3 * SpyGlass::kPerSecondMax && left_out == 0; ++i)
      if (glass.look("web", "shop", "a:b/c", "f") == nullptr) ++left_out;
    EXPECT_EQ(left_out, 1u);
    EXPECT_TRUE(nats::eventually([&] {
      auto next = glass.look("web", "shop", "a:b/c", "last");
      if (next == nullptr) ++left_out;
      return next != nullptr;
    }));
    EXPECT_TRUE(nats::eventually([&] { return calls_.back().function == "last"; }));
    EXPECT_EQ(calls_.back().left_out, left_out);
  });
}

TEST_F(SpiesTest, BytesAreBoundedForAllWhoLook) {
  on_bus([&](lattice::Bus& bus, SpyGlass& glass) {
    size_t bytes = 0;
    const auto heard = *bus.subscribe("_INBOX_WATTLE.*", {}, [&](const lattice::Message& message) {
      bytes += message.payload.size();
      calls_.push_back(lattice::parse_spied_call(message.payload).value());
    });
    ASSERT_TRUE(bus.flush());
    SpyTable many;
    for (size_t spy = 0; spy < SpyBook::kSpiesMax; ++spy)
      many.emplace("shop", lattice::spy_inbox(std::to_string(spy)));
    glass.set_table(std::make_shared<const SpyTable>(many));
    for (int call = 0; call < 100; ++call)
      if (auto sighting = glass.look("web", "shop", "a:b/c", "f"))
        sighting->arguments(std::string(SpyGlass::kTextBytesMax, 'a'));
    ASSERT_TRUE(bus.flush());
    EXPECT_TRUE(nats::eventually([&] { return calls_.size() >= many.size(); }));
    EXPECT_LE(bytes, 2 * SpyGlass::kBytesPerSecondMax);  // a second may have ended meanwhile
    EXPECT_TRUE(nats::eventually([&] {
      (void)glass.look("web", "shop", "a:b/c", "last");
      return calls_.back().function == "last";
    }));
    EXPECT_TRUE(
        std::any_of(calls_.begin(), calls_.end(), [](const auto& call) { return call.left_out > 50; }));
  });
}

// One key and its value.
class OneKey final : public capability::KeyValue {
 public:
  using Caller = capability::Caller;
  using Keys = std::vector<std::string>;
  capability::KeyValueResult<void> open(const Caller&, std::string_view) override { return {}; }
  capability::KeyValueResult<std::optional<std::string>> get(const Caller&, std::string_view,
                                                             std::string_view key) override {
    return key == "k" ? std::optional(value) : std::nullopt;
  }
  capability::KeyValueResult<void> set(const Caller&, std::string_view, std::string_view,
                                       std::string_view to) override {
    value = to;
    return {};
  }
  capability::KeyValueResult<void> remove(const Caller&, std::string_view, std::string_view) override {
    return tl::unexpected<capability::KeyValueError>(
        {capability::KeyValueError::Kind::other, "it is write-protected"});
  }
  capability::KeyValueResult<bool> exists(const Caller&, std::string_view, std::string_view) override {
    return true;
  }
  capability::KeyValueResult<capability::KeyPage> list_keys(const Caller&, std::string_view,
                                                            std::optional<uint64_t>) override {
    return capability::KeyPage{{"k"}, {}};
  }
  capability::KeyValueResult<uint64_t> increment(const Caller&, std::string_view, std::string_view,
                                                 uint64_t delta) override {
    return delta;
  }
  capability::KeyValueResult<std::vector<std::optional<std::string>>> get_many(const Caller&,
                                                                               std::string_view,
                                                                               const Keys&) override {
    return std::vector<std::optional<std::string>>{value, std::nullopt};
  }
  capability::KeyValueResult<void> set_many(
      const Caller&, std::string_view, const std::vector<std::pair<std::string, std::string>>&) override {
    return {};
  }
  capability::KeyValueResult<void> remove_many(const Caller&, std::string_view, const Keys&) override {
    return {};
  }
  std::string value = "v";
};

TEST_F(SpiesTest, CapabilitiesAreSeenThrough) {
  on_bus([&](lattice::Bus& bus, SpyGlass& glass) {
    const auto heard = listen(bus);
    ASSERT_TRUE(bus.flush());
    const auto inner = std::make_shared<OneKey>();
    const auto store = seen({glass, "kv", "wasi:keyvalue/store"}, inner);
    const capability::Caller caller{"shop", "default"};
    EXPECT_EQ(**store->get(caller, "b", "k"), "v");  // nobody looks
    glass.set_table(table("shop"));
    EXPECT_TRUE(store->set(caller, "b", "k", "w"));
    EXPECT_EQ(inner->value, "w");
    EXPECT_EQ(**store->get(caller, "b", "k"), "w");
    EXPECT_TRUE(store->set(caller, "b", "k", std::string("\0\xff", 2)));
    EXPECT_FALSE(store->remove(caller, "b", "k"));
    EXPECT_EQ(store->list_keys(caller, "b", {})->keys, std::vector<std::string>{"k"});
    EXPECT_TRUE(store->set_many(caller, "b", {{"k", "v"}}));
    ASSERT_TRUE(arrive(6));
    EXPECT_EQ(calls_[0].function + calls_[0].arguments, R"(bucket.set("b", "k", "w"))");
    EXPECT_EQ(calls_[0].result, "");
    EXPECT_EQ(calls_[1].arguments + calls_[1].result, R"(("b", "k")some("w"))");
    EXPECT_EQ(calls_[2].arguments, R"(("b", "k", <2 bytes>))");
    EXPECT_EQ(calls_[3].error, "it is write-protected");
    EXPECT_EQ(calls_[4].result, R"(["k"], cursor none)");
    EXPECT_EQ(calls_[5].arguments, R"(("b", [("k", "v")]))");
  });
}

}  // namespace
}  // namespace wattle::host
