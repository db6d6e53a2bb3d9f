// Client and server of wattle, on every kind of bus.
#include <gmock/gmock.h>

#include <future>
#include <thread>

#include "wrpc/test_support.h"

namespace wattle::wrpc {
namespace {

using testing::HasSubstr;

INSTANTIATE_TEST_SUITE_P(, TransportTest, testing::Values(lattice::BusKind::memory, lattice::BusKind::nats),
                         bus_name);

Result<Reply> echo(IncomingCall& call) {
  WATTLE_TRY(auto parameters, (parameters_of<Binary>(call)));
  return reply_with(std::get<0>(parameters));
}

TEST_P(TransportTest, ACallCarriesWhoAsksAndComesBackInOneMessage) {
  std::string seen;
  with_pair(
      [&](IncomingCall& call) -> Result<Reply> {
        seen = fmt::format("{} {} {} {} {}", call.source_id, call.link_name, call.instance, call.function,
                           call.is_foreign);
        EXPECT_LT(call.deadline, Clock::now() + 5s);
        WATTLE_TRY(auto parameters, (parameters_of<std::string, uint16_t>(call)));
        return reply_with(std::get<0>(parameters) + std::to_string(std::get<1>(parameters)));
      },
      [&](Client& client, Server& server, Service&) {
        const async::DeadlineScope scope(Clock::now() + 5s);
        const lattice::Headers headers{{"source-id", "shop-api"}, {"link-name", "fast"}};
        Call call = call_of("bucket.get");
        call.headers = &headers;
        const auto result = must(call_typed<std::string>(client, call, std::string("n"), uint16_t{300}));
        EXPECT_EQ(std::get<0>(result), "n300");
        EXPECT_EQ(seen, "shop-api fast shop:prices/prices@0.1.0 bucket.get false");
        EXPECT_EQ(client.calls(), 0u);
        EXPECT_TRUE(nats::eventually([&] { return server.calls() == 0; }));
      });
}

TEST_P(TransportTest, ValuesKnownAtRunTimeCross) {
  const wit::FunctionType function{{{"a", wit::list_of(wit::primitive(wit::Kind::u8))}},
                                   wit::option_of(wit::primitive(wit::Kind::string))};
  with_pair(
      [&](IncomingCall& call) -> Result<Reply> {
        WATTLE_TRY(const wit::Values arguments, parameter_values(call, function));
        EXPECT_EQ(arguments[0], wit::Value{wit::ByteList({1, 2})});
        return reply_values(function, wit::case_value(1, wit::Value{std::string("yes")}));
      },
      [&](Client& client, Server&, Service&) {
        const wit::Value arguments[] = {{wit::ByteList{1, 2}}};
        EXPECT_EQ(*must(call_values(client, call_of("f"), function, arguments)),
                  wit::case_value(1, wit::Value{std::string("yes")}));
      });
}

TEST_P(TransportTest, WhatIsLargerThanAMessageCrossesInPieces) {
  with_pair(echo, [&](Client& client, Server&, Service&) {
    for (const size_t bytes : {size_t{1} << 20, (size_t{1} << 20) - 100, size_t{5} << 20}) {
      const Binary large{pattern(bytes)};
      EXPECT_EQ(std::get<0>(must(call_typed<Binary>(client, call_of("echo"), large))).bytes, large.bytes);
    }
    EXPECT_TRUE(nats::eventually([&] { return client.calls() == 0; }));
  });
}

TEST_P(TransportTest, ErrorsCrossWithHostAndCause) {
  with_pair(
      [&](IncomingCall&) -> Result<Reply> {
        const Error cause(ErrorCode::trap, "unreachable executed");
        return failure(cause.with_context("shop-kv trapped"));
      },
      [&](Client& client, Server&, Service&) {
        const auto result = call_typed<bool>(client, call_of("f"));
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code(), ErrorCode::trap);
        EXPECT_EQ(result.error().full_message(),
                  "shop:prices/prices@0.1.0.f of default.shop-kv failed: host NCALLEE: shop-kv trapped: "
                  "unreachable executed");
        EXPECT_FALSE(certainly_not_begun(result.error()));
      });
}

TEST_P(TransportTest, ErrorsThatAreTooLargeAreShortened) {
  with_pair([&](IncomingCall&) -> Result<Reply> { return failure(ErrorCode::io, "{}", pattern(3 << 20)); },
            [&](Client& client, Server&, Service&) {
              const auto result = call_typed<bool>(client, call_of("f"));
              EXPECT_EQ(result.error().code(), ErrorCode::io);
            });
}

TEST_P(TransportTest, NobodyThereIsKnownAtOnce) {
  with_pair(echo, [&](Client& client, Server&, Service&) {
    Call call = call_of("f");
    call.prefix = "default.nobody";
    const auto result = client.invoke(call);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code(), ErrorCode::unavailable);
    EXPECT_TRUE(certainly_not_begun(result.error()));
  });
}

TEST_P(TransportTest, TheDeadlineEndsTheCallAtBothEnds) {
  std::optional<Error> at_callee;
  with_pair(
      [&](IncomingCall&) -> Result<Reply> {
        at_callee = async::sleep_for(60s).error();
        return failure(*at_callee);
      },
      [&](Client& client, Server& server, Service&) {
        const TimePoint before = Clock::now();
        {
          const async::DeadlineScope scope(before + 50ms);
          const auto result = call_typed<bool>(client, call_of("f"));
          EXPECT_EQ(result.error().code(), ErrorCode::deadline_exceeded);
          EXPECT_FALSE(certainly_not_begun(result.error()));
        }
        EXPECT_LT(Clock::now(), before + 10s);
        EXPECT_TRUE(nats::eventually([&] { return server.calls() == 0; }));
        EXPECT_TRUE(at_callee);
      });
}

TEST_P(TransportTest, ACallerThatIsCancelledCancelsTheCallee) {
  std::optional<Error> at_callee;
  bool begun = false;
  with_pair(
      [&](IncomingCall&) -> Result<Reply> {
        begun = true;
        at_callee = async::sleep_for(60s).error();
        return failure(*at_callee);
      },
      [&](Client& client, Server& server, Service&) {
        std::optional<Error> at_caller;
        const auto caller = async::Fiber::current().worker().spawn(
            [&] { at_caller = call_typed<bool>(client, call_of("f")).error(); });
        ASSERT_TRUE(nats::eventually([&] { return begun; }));
        caller->cancel();
        ASSERT_TRUE(nats::eventually([&] { return at_callee && at_caller; }));
        EXPECT_EQ(at_caller->code(), ErrorCode::cancelled);
        EXPECT_EQ(at_callee->code(), ErrorCode::cancelled);
        EXPECT_TRUE(nats::eventually([&] { return server.calls() == 0; }));
      });
}

TEST_P(TransportTest, MoreCallsThanAllowedAreRefusedAtOnce) {
  async::Signal go;
  bool going = false;
  with_pair(
      [&](IncomingCall&) -> Result<Reply> {
        while (!going) WATTLE_CHECK(go.wait());
        return reply_with(true);
      },
      [&](Client& client, Server& server, Service&) {
        int succeeded = 0;
        for (int i = 0; i < 2; ++i)
          async::Fiber::current().worker().spawn(
              [&] { succeeded += call_typed<bool>(client, call_of("f")).has_value() ? 1 : 0; });
        ASSERT_TRUE(nats::eventually([&] { return server.calls() == 2; }));
        const auto third = call_typed<bool>(client, call_of("f"));
        ASSERT_FALSE(third);
        EXPECT_EQ(third.error().code(), ErrorCode::overloaded);
        EXPECT_TRUE(certainly_not_begun(third.error()));
        going = true;
        go.notify();
        EXPECT_TRUE(nats::eventually([&] { return succeeded == 2; }));
      },
      {.host = "N", .calls_max = 2});
}

TEST_P(TransportTest, DrainingFinishesWhatWasAcceptedAndRefusesTheRest) {
  async::Signal go;
  bool going = false;
  with_pair(
      [&](IncomingCall&) -> Result<Reply> {
        while (!going) WATTLE_CHECK(go.wait());
        return reply_with(true);
      },
      [&](Client& client, Server& server, Service& service) {
        std::optional<bool> first;
        bool drained = false;
        async::Worker& worker = async::Fiber::current().worker();
        worker.spawn([&] { first = call_typed<bool>(client, call_of("f")).has_value(); });
        ASSERT_TRUE(nats::eventually([&] { return server.calls() == 1; }));
        worker.spawn([&] { drained = service.drain().has_value(); });
        // Whether it meets the draining server or nobody any more.
        EXPECT_TRUE(nats::eventually([&] {
          const auto late = call_typed<bool>(client, call_of("f"));
          return !late && certainly_not_begun(late.error());
        }));
        EXPECT_FALSE(drained);
        going = true;
        go.notify();
        EXPECT_TRUE(nats::eventually([&] { return drained && first.has_value(); }));
        EXPECT_TRUE(*first);
      });
}

TEST_P(TransportTest, AServerThatClosesEndsItsCallsAndAClientToo) {
  with_buses([&](lattice::Bus& caller, lattice::Bus& callee) {
    auto server = must(Server::start(callee, {.host = "N"}));
    const auto service = must(server->serve(std::string(kPrefix), "q", [](IncomingCall&) -> Result<Reply> {
      return failure(async::sleep_for(60s).error());
    }));
    must(callee.flush());
    auto client = must(Client::start(caller));
    std::optional<Error> first;
    std::optional<Error> second;
    async::Worker& worker = async::Fiber::current().worker();
    worker.spawn([&] { first = call_typed<bool>(*client, call_of("f")).error(); });
    ASSERT_TRUE(nats::eventually([&] { return server->calls() == 1; }));
    server.reset();
    ASSERT_TRUE(nats::eventually([&] { return first.has_value(); }));
    EXPECT_EQ(first->code(), ErrorCode::unavailable);

    auto again = must(Server::start(callee, {.host = "N"}));
    const auto service_again = must(again->serve("default.again", "q", [](IncomingCall&) -> Result<Reply> {
      return failure(async::sleep_for(60s).error());
    }));
    must(callee.flush());
    Call call = call_of("f");
    call.prefix = "default.again";
    worker.spawn([&] { second = call_typed<bool>(*client, call).error(); });
    ASSERT_TRUE(nats::eventually([&] { return again->calls() == 1; }));
    client.reset();
    ASSERT_TRUE(nats::eventually([&] { return second.has_value(); }));
    EXPECT_FALSE(certainly_not_begun(*second));
  });
}

TEST_P(TransportTest, CallsToACalleeThatIsKnownToBeGoneEnd) {
  with_pair([](IncomingCall&) -> Result<Reply> { return failure(async::sleep_for(60s).error()); },
            [&](Client& client, Server& server, Service&) {
              std::optional<Error> error;
              async::Fiber::current().worker().spawn(
                  [&] { error = call_typed<bool>(client, call_of("f")).error(); });
              ASSERT_TRUE(nats::eventually([&] { return server.calls() == 1; }));
              client.abandon("default.other", Error(ErrorCode::unavailable, "no lease"));
              EXPECT_FALSE(error);
              client.abandon("default.shop", Error(ErrorCode::unavailable, "host N has no lease"));
              ASSERT_TRUE(nats::eventually([&] { return error.has_value(); }));
              EXPECT_EQ(error->code(), ErrorCode::unavailable);
              EXPECT_FALSE(certainly_not_begun(*error));
              EXPECT_THAT(error->full_message(), HasSubstr("host N has no lease"));
            });
}

TEST_P(TransportTest, ManyCallsAtOnceDoNotMixUp) {
  with_pair(
      [&](IncomingCall& call) -> Result<Reply> {
        WATTLE_TRY(auto parameters, (parameters_of<uint32_t>(call)));
        if (std::get<0>(parameters) % 3 == 0) WATTLE_CHECK(async::sleep_for(1ms));
        return reply_with(std::get<0>(parameters));
      },
      [&](Client& client, Server&, Service&) {
        int right = 0;
        for (uint32_t i = 0; i < 500; ++i)
          async::Fiber::current().worker().spawn([&, i] {
            const auto result = call_typed<uint32_t>(client, call_of("f"), i);
            right += result && std::get<0>(*result) == i ? 1 : 0;
          });
        EXPECT_TRUE(nats::eventually([&] { return right == 500; }));
      });
}

TEST_P(TransportTest, ACallOfALaterVersionIsRefused) {
  with_pair(echo, [&](Client&, Server&, Service&) {
    const auto bus = here().connect(async::Fiber::current().worker());
    const lattice::Headers headers{{std::string(kCallHeader), "2 5000"}};
    const auto reply = must(bus->request("default.shop-kv.wrpc.0.0.1.a:b/c.f", "", {.headers = &headers}));
    EXPECT_EQ(reply.headers.find(kResultHeader), "unsupported");
    EXPECT_THAT(reply.payload, HasSubstr("later version"));
  });
}

// Two hosts have a thread each.
TEST_P(TransportTest, CallsCrossThreads) {
  std::promise<void> ready;
  std::promise<void> over;
  std::thread callee([&, finished = over.get_future()]() mutable {
    nats::run_test([&](async::Worker& worker) {
      const auto bus = here().connect(worker);
      const auto server = must(Server::start(*bus, {.host = "N"}));
      const auto service = must(server->serve("default.thread", "default.thread", echo));
      must(bus->flush());
      ready.set_value();
      EXPECT_TRUE(nats::eventually([&] { return finished.wait_for(0s) == std::future_status::ready; }));
    });
  });
  ready.get_future().get();
  nats::run_test([&](async::Worker& worker) {
    const auto bus = here().connect(worker);
    const auto client = must(Client::start(*bus));
    Call call = call_of("echo");
    call.prefix = "default.thread";
    int right = 0;
    for (int i = 0; i < 100; ++i)
      worker.spawn([&, i] {
        const Binary sent{pattern(static_cast<size_t>(i) * 500)};
        const auto result = call_typed<Binary>(*client, call, sent);
        right += result && std::get<0>(*result) == sent ? 1 : 0;
      });
    EXPECT_TRUE(nats::eventually([&] { return right == 100; }));
  });
  over.set_value();
  callee.join();
}

TEST(TransportOnNats, CallsSurviveAServerThatComesBack) {
  nats::TestServer nats_server({.jetstream = false});
  nats::run_test([&](async::Worker& worker) {
    const auto connect = [&] {
      lattice::NatsBusOptions options{.client = {.urls = {nats_server.url()}}};
      options.client.reconnect_wait_min = 5ms;
      options.client.reconnect_wait_max = 50ms;
      return must(lattice::NatsBus::connect(worker, options));
    };
    const auto caller = connect();
    const auto callee = connect();
    const auto server = must(Server::start(*callee, {.host = "N"}));
    const auto service =
        must(server->serve("default.a", "default.a", [](IncomingCall& call) -> Result<Reply> {
          if (call.function == "slow") return failure(async::sleep_for(60s).error());
          return reply_with(true);
        }));
    must(callee->flush());
    const auto client = must(Client::start(*caller));
    Call call{.prefix = "default.a", .instance = "a:b/c", .function = "slow"};
    std::optional<Error> under_way;
    worker.spawn([&] { under_way = client->invoke(call).error(); });
    ASSERT_TRUE(nats::eventually([&] { return server->calls() == 1; }));
    nats_server.kill();
    ASSERT_TRUE(nats::eventually([&] { return under_way.has_value(); }));
    EXPECT_EQ(under_way->code(), ErrorCode::unavailable);
    EXPECT_FALSE(certainly_not_begun(*under_way));
    nats_server.start();
    call.function = "fast";
    // Until the callee is back too, the caller knows that nothing was begun.
    EXPECT_TRUE(nats::eventually([&] {
      const auto result = client->invoke(call);
      EXPECT_TRUE(result || certainly_not_begun(result.error())) << result.error().full_message();
      return result.has_value();
    }));
  });
}

TEST(TransportOnMemory, CutOffIsATypedErrorThatSaysWhetherTheCallBegan) {
  nats::run_test([&](async::Worker& worker) {
    lattice::MemoryBroker broker;
    lattice::MemoryBus caller(worker, broker);
    lattice::MemoryBus callee(worker, broker);
    const auto server = must(Server::start(callee, {.host = "N"}));
    const auto service = must(server->serve("default.a", "default.a", [](IncomingCall&) -> Result<Reply> {
      return failure(async::sleep_for(60s).error());
    }));
    const auto client = must(Client::start(caller));
    const Call call{.prefix = "default.a", .instance = "a:b/c", .function = "f"};
    std::optional<Error> under_way;
    worker.spawn([&] { under_way = client->invoke(call).error(); });
    ASSERT_TRUE(nats::eventually([&] { return server->calls() == 1; }));
    caller.cut();
    ASSERT_TRUE(nats::eventually([&] { return under_way.has_value(); }));
    EXPECT_EQ(under_way->code(), ErrorCode::unavailable);
    EXPECT_FALSE(certainly_not_begun(*under_way));
    {
      const async::DeadlineScope scope(Clock::now() + 30ms);
      const auto never_sent = client->invoke(call);
      EXPECT_EQ(never_sent.error().code(), ErrorCode::deadline_exceeded);
      EXPECT_TRUE(certainly_not_begun(never_sent.error()));
    }
    caller.restore();
  });
}

}  // namespace
}  // namespace wattle::wrpc
