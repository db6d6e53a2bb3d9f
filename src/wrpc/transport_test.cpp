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

TEST_P(TransportTest, StreamsFlowBothWaysWhileTheCallGoesOn) {
  const std::string sent = pattern(3 << 20);
  with_pair(
      [&](IncomingCall& call) -> Result<Reply> {
        WATTLE_TRY(auto parameters, (parameters_of<ByteStream, std::string>(call)));
        EXPECT_EQ(std::get<1>(parameters), "name");
        return reply_with(std::tuple(std::get<0>(parameters), Future<uint32_t>::ready(77)));
      },
      [&](Client& client, Server& server, Service&) {
        const auto pipe = std::make_shared<async::Pipe>();
        client_writes(pipe, sent);
        auto [result] = must(call_typed<std::tuple<ByteStream, Future<uint32_t>>>(
            client, call_of("echo"), ByteStream{pipe}, std::string("name")));
        const Drained back = drain(*std::get<0>(result).pipe);
        EXPECT_FALSE(back.error) << back.error->full_message();
        EXPECT_TRUE(back.bytes == sent);
        EXPECT_EQ(std::get<1>(result).get().value(), 77u);
        EXPECT_TRUE(nats::eventually([&] { return client.calls() == 0 && server.calls() == 0; }));
      });
}

TEST_P(TransportTest, AnUnreadStreamHoldsUpNobodyAndIsNotBuffered) {
  std::shared_ptr<async::Pipe> source;
  size_t written = 0;
  with_pair(
      [&](IncomingCall& call) -> Result<Reply> {
        if (call.function == "quick") return reply_with(true);
        source = std::make_shared<async::Pipe>();
        async::Fiber::current().worker().spawn([pipe = source, &written] {
          const std::string piece(10'000, 'x');
          for (int i = 0; i < 1000; ++i) {
            if (!pipe->write_all(as_bytes(piece))) return;
            written += piece.size();
          }
        });
        return reply_with(ByteStream{source});
      },
      [&](Client& client, Server& server, Service&) {
        {
          auto [stream] = must(call_typed<ByteStream>(client, call_of("endless")));
          for (int i = 0; i < 20; ++i) must(call_typed<bool>(client, call_of("quick")));
          const size_t before = written;
          for (int i = 0; i < 20; ++i) must(call_typed<bool>(client, call_of("quick")));
          EXPECT_EQ(written, before);
          EXPECT_LT(written, kWindowBytes + 4 * 64 * 1024);
          uint8_t some[1000];
          EXPECT_EQ(stream.pipe->read_some(some).value(), 1000u);
          stream.pipe->stop_reading();
        }
        // Its writer learns that nobody reads.
        EXPECT_TRUE(nats::eventually([&] { return source->reader_gone(); }));
        EXPECT_TRUE(nats::eventually([&] { return client.calls() == 0 && server.calls() == 0; }));
      });
}

TEST_P(TransportTest, AStreamThatFailsSaysWhy) {
  with_pair(
      [&](IncomingCall&) -> Result<Reply> {
        const auto pipe = std::make_shared<async::Pipe>();
        pipe->try_write(as_bytes("ab"));
        pipe->abort(Error(ErrorCode::io, "the disk is gone"));
        return reply_with(ByteStream{pipe});
      },
      [&](Client& client, Server&, Service&) {
        auto [stream] = must(call_typed<ByteStream>(client, call_of("f")));
        const Drained got = drain(*stream.pipe);
        EXPECT_EQ(got.bytes, "ab");
        EXPECT_EQ(got.error->code(), ErrorCode::io);
        EXPECT_EQ(got.error->message(), "the disk is gone");
      });
}

TEST_P(TransportTest, ACalleeThatIsDoneStopsTheStreamsOfParameters) {
  with_pair(
      [&](IncomingCall& call) -> Result<Reply> {
        WATTLE_TRY(auto parameters, (parameters_of<ByteStream>(call)));
        return reply_with(true);
      },
      [&](Client& client, Server&, Service&) {
        const auto pipe = std::make_shared<async::Pipe>();
        EXPECT_TRUE(std::get<0>(must(call_typed<bool>(client, call_of("f"), ByteStream{pipe}))));
        EXPECT_TRUE(nats::eventually([&] { return pipe->reader_gone(); }));
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

TEST_P(TransportTest, WhateverHappensToCallsNothingIsLeftBehind) {
  with_pair(
      [&](IncomingCall& call) -> Result<Reply> {
        WATTLE_TRY(auto parameters, (parameters_of<uint32_t, ByteStream>(call)));
        const auto [number, stream] = std::move(parameters);
        if (number % 5 == 0) return failure(ErrorCode::trap, "no luck");
        if (number % 5 == 1) WATTLE_CHECK(async::sleep_for(std::chrono::milliseconds(number % 40)));
        if (number % 5 == 2) (void)drain(*stream.pipe);
        if (number % 5 == 3) stream.pipe->stop_reading();
        return reply_with(std::tuple(number, stream));
      },
      [&](Client& client, Server& server, Service&) {
        async::Worker& worker = async::Fiber::current().worker();
        int over = 0;
        for (uint32_t i = 0; i < 300; ++i) {
          const auto pipe = std::make_shared<async::Pipe>(4096);
          client_writes(pipe, pattern(i * 700));
          const auto caller = worker.spawn([&, i, pipe] {
            const async::DeadlineScope scope(Clock::now() +
                                             std::chrono::milliseconds(i % 7 == 0 ? 20 : 50'000));
            const auto result =
                call_typed<std::tuple<uint32_t, ByteStream>>(client, call_of("f"), i, ByteStream{pipe});
            if (result && i % 3 == 0) (void)drain(*std::get<1>(std::get<0>(*result)).pipe);
            if (result && i % 3 == 1) std::get<1>(std::get<0>(*result)).pipe->stop_reading();
            ++over;
          });
          if (i % 11 == 0)
            worker.spawn([caller] {
              (void)async::sleep_for(5ms);
              caller->cancel();
            });
        }
        EXPECT_TRUE(nats::eventually([&] { return over == 300; })) << over;
        EXPECT_TRUE(nats::eventually([&] { return client.calls() == 0 && server.calls() == 0; }))
            << client.calls() << " " << server.calls();
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

TEST(TransportOnMemory, PiecesAreAsSmallAsTheBusAsks) {
  nats::run_test([&](async::Worker& worker) {
    lattice::MemoryBroker broker;
    lattice::MemoryBus caller(worker, broker, {.max_payload_bytes = 700});
    lattice::MemoryBus callee(worker, broker, {.max_payload_bytes = 700});
    const auto server = must(Server::start(callee, {.host = "N"}));
    const auto service =
        must(server->serve("default.a", "default.a", [](IncomingCall& call) -> Result<Reply> {
          WATTLE_TRY(auto parameters, (parameters_of<Binary, ByteStream>(call)));
          return reply_with(std::tuple(std::get<0>(parameters), std::get<1>(parameters)));
        }));
    const auto client = must(Client::start(caller));
    const Call call{.prefix = "default.a", .instance = "a:b/c", .function = "f"};
    for (const size_t bytes : {0, 400, 500, 520, 560, 600, 640, 680, 720, 5000}) {
      const auto pipe = std::make_shared<async::Pipe>();
      client_writes(pipe, pattern(2 * bytes));
      auto [result] = must(call_typed<std::tuple<Binary, ByteStream>>(*client, call, Binary{pattern(bytes)},
                                                                      ByteStream{pipe}));
      EXPECT_EQ(std::get<0>(result).bytes, pattern(bytes));
      EXPECT_EQ(drain(*std::get<1>(result).pipe).bytes, pattern(2 * bytes));
    }
  });
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
