// Streams beside calls, and what is left when calls end early: client and server of wattle, on every kind of
// bus.
#include "wrpc/test_support.h"

namespace wattle::wrpc {
namespace {

class StreamsTest : public TransportTest {};
INSTANTIATE_TEST_SUITE_P(, StreamsTest, testing::Values(lattice::BusKind::memory, lattice::BusKind::nats),
                         bus_name);

TEST_P(StreamsTest, StreamsFlowBothWaysWhileTheCallGoesOn) {
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

TEST_P(StreamsTest, AnUnreadStreamHoldsUpNobodyAndIsNotBuffered) {
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

TEST_P(StreamsTest, AStreamThatFailsSaysWhy) {
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

TEST_P(StreamsTest, ACalleeThatIsDoneStopsTheStreamsOfParameters) {
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

TEST_P(StreamsTest, WhateverHappensToCallsNothingIsLeftBehind) {
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

TEST(StreamsOnMemory, PiecesAreAsSmallAsTheBusAsks) {
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

}  // namespace
}  // namespace wattle::wrpc
