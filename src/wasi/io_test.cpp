#include "wasi/io.h"

#include <algorithm>
#include <array>
#include <thread>

#include "async/pipe.h"
#include "wasi/clocks.h"
#include "wasi/stdio.h"
#include "wasi/test_support.h"

namespace wattle::wasi {
namespace {

// A stream over a pipe of 8 bytes, to see what backpressure does.
struct SmallPipe {
  struct Sink final : OutputSink {
    explicit Sink(async::Pipe& its_pipe) : pipe(its_pipe) {}
    bool ready() override { return pipe.room() > 0 || pipe.reader_gone(); }
    void watch(Watch& watch) override { watch.signals.push_back(&pipe.writable()); }
    Streamed<uint64_t> check_write() override {
      if (pipe.reader_gone()) return stream_closed();
      return pipe.room();
    }
    Result<Streamed<void>> write(std::span<const uint8_t> bytes) override {
      pipe.try_write(bytes);
      return Streamed<void>{};
    }
    Streamed<void> flush() override { return {}; }
    async::Pipe& pipe;
  };
  struct Source final : InputSource {
    explicit Source(async::Pipe& its_pipe) : pipe(its_pipe) {}
    bool ready() override { return pipe.buffered() > 0 || pipe.closed(); }
    void watch(Watch& watch) override { watch.signals.push_back(&pipe.readable()); }
    Result<Streamed<Bytes>> read(size_t limit) override {
      if (pipe.at_end()) return stream_closed();
      Bytes bytes(std::min(limit, pipe.buffered()));
      pipe.try_read(bytes);
      return Streamed<Bytes>(std::move(bytes));
    }
    async::Pipe& pipe;
  };

  async::Pipe pipe{8};
  OutputStream output{OutputSinkPtr(new Sink(pipe))};
  InputStream input{InputSourcePtr(new Source(pipe))};
};

class Io : public WasiTest {};

bool traps(const auto& result) {
  return !result && result.error().code() == ErrorCode::trap;
}
bool is_closed(const auto& result) {
  return result && !*result && result->error().index() == 1;
}

TEST_F(Io, WritesWhatCheckWritePermits) {
  on_fiber([] {
    SmallPipe small;
    EXPECT_EQ(good(small.output.check_write()), 8u);
    EXPECT_TRUE(small.output.write(bytes_of("hello")).value());
    EXPECT_TRUE(traps(small.output.write(bytes_of("four"))));
    EXPECT_TRUE(small.output.write(bytes_of("xyz")).value());
    EXPECT_EQ(good(small.output.check_write()), 0u);
    EXPECT_FALSE(small.output.subscribe()->ready());
  });
}

TEST_F(Io, TrapsAWriteWithoutPermit) {
  on_fiber([] {
    SmallPipe small;
    EXPECT_TRUE(traps(small.output.write(bytes_of("a"))));
    EXPECT_TRUE(traps(small.output.write_zeroes(1)));
  });
}

TEST_F(Io, BlockingWriteWaitsForTheReader) {
  on_fiber([] {
    SmallPipe small;
    std::string seen;
    auto& worker = async::Fiber::current().worker();
    worker.spawn([&] {
      while (seen.size() < 26) seen += text_of(good(small.input.blocking_read(3)));
    });
    EXPECT_TRUE(small.output.blocking_write_and_flush(bytes_of("abcdefghijklmnopqrstuvwxyz")).value());
    while (seen.size() < 26) async::Fiber::current().yield();
    EXPECT_EQ(seen, "abcdefghijklmnopqrstuvwxyz");
  });
}

TEST_F(Io, BlockingWriteTakes4096Bytes) {
  on_fiber([] {
    OutputStream output(discarding_sink());
    EXPECT_TRUE(output.blocking_write_and_flush(Bytes(4096)).value());
    EXPECT_TRUE(traps(output.blocking_write_and_flush(Bytes(4097))));
    EXPECT_TRUE(traps(output.blocking_write_zeroes_and_flush(4097)));
  });
}

TEST_F(Io, TellsTheWriterThatTheReaderWent) {
  on_fiber([] {
    SmallPipe small;
    small.pipe.stop_reading();
    EXPECT_TRUE(is_closed(small.output.check_write()));
    EXPECT_TRUE(is_closed(small.output.blocking_write_and_flush(bytes_of("a"))));
  });
}

TEST_F(Io, ReadsNothingYetThenBytesThenTheEnd) {
  on_fiber([] {
    SmallPipe small;
    EXPECT_TRUE(good(small.input.read(10)).empty());
    small.pipe.try_write(bytes_of("ab"));
    small.pipe.close();
    EXPECT_EQ(good(small.input.skip(1)), 1u);
    EXPECT_EQ(text_of(good(small.input.read(10))), "b");
    EXPECT_TRUE(is_closed(small.input.blocking_read(1)));
    EXPECT_TRUE(is_closed(small.input.blocking_skip(1)));
  });
}

TEST_F(Io, ReadsOfHugeLengthsAreBounded) {
  on_fiber([] {
    InputStream input(text_source(std::string(200'000, 'x')));
    EXPECT_EQ(good(input.read(UINT64_MAX)).size(), kMaxChunkBytes);
  });
}

TEST_F(Io, SplicesUntilTheSourceEnds) {
  on_fiber([] {
    InputStream input(text_source("some text"));
    auto buffer = boost::intrusive_ptr<BufferSink>(new BufferSink);
    OutputStream output(buffer);
    EXPECT_EQ(good(output.splice(input, 4)), 4u);
    EXPECT_EQ(good(output.blocking_splice(input, 100)), 5u);
    EXPECT_TRUE(is_closed(output.splice(input, 100)));
    EXPECT_EQ(buffer->text(), "some text");
  });
}

TEST_F(Io, WritesZeroes) {
  on_fiber([] {
    auto buffer = boost::intrusive_ptr<BufferSink>(new BufferSink);
    OutputStream output(buffer);
    EXPECT_EQ(good(output.check_write()), kMaxChunkBytes);
    EXPECT_TRUE(output.write_zeroes(10'000).value());
    EXPECT_EQ(buffer->text(), std::string(10'000, '\0'));
  });
}

TEST_F(Io, ChildrenOutliveTheirParents) {
  on_fiber([] {
    auto input = std::make_unique<InputStream>(text_source("a"));
    auto pollable = input->subscribe();
    input.reset();
    EXPECT_TRUE(pollable->ready());
  });
}

TEST_F(Io, PollTellsAllThatAreReady) {
  on_fiber([] {
    Pollable never(WaitablePtr(new Timer(kNever)));
    Pollable past(WaitablePtr(new Timer(Clock::now())));
    Pollable soon(WaitablePtr(new Timer(Clock::now() + std::chrono::milliseconds(20))));
    std::array<Pollable*, 4> all{&never, &past, &soon, &past};
    EXPECT_EQ(poll(all).value(), (std::vector<uint32_t>{1, 3}));
    std::array<Pollable*, 2> waiting{&never, &soon};
    EXPECT_EQ(poll(waiting).value(), (std::vector<uint32_t>{1}));
  });
}

TEST_F(Io, PollOfNothingTraps) {
  on_fiber([] { EXPECT_TRUE(traps(poll({}))); });
}

TEST_F(Io, AWaitEndsAtTheDeadline) {
  on_fiber([] {
    async::DeadlineScope deadline(Clock::now() + std::chrono::milliseconds(10));
    Pollable never(WaitablePtr(new Timer(kNever)));
    auto waited = never.block();
    ASSERT_FALSE(waited);
    EXPECT_EQ(waited.error().code(), ErrorCode::deadline_exceeded);
  });
}

TEST_F(Io, WaitingLetsOtherFibersRun) {
  on_fiber([] {
    SmallPipe small;
    async::Fiber::current().worker().spawn([&] { small.pipe.try_write(bytes_of("x")); });
    auto pollable = small.input.subscribe();
    EXPECT_FALSE(pollable->ready());
    EXPECT_TRUE(pollable->block());
    EXPECT_TRUE(pollable->ready());
  });
}

TEST(Utf8, IsChecked) {
  EXPECT_TRUE(is_utf8("h\xc3\xa9"));
  EXPECT_FALSE(is_utf8("\xc3\x28"));
}

}  // namespace
}  // namespace wattle::wasi
