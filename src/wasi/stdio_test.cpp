#include "wasi/stdio.h"

#include <fcntl.h>
#include <unistd.h>

#include "wasi/test_support.h"

namespace wattle::wasi {
namespace {

class StdioTest : public WasiTest {
 protected:
  StdioTest() { EXPECT_EQ(pipe(ends_), 0); }
  ~StdioTest() override {
    close_end(0);
    close_end(1);
  }
  void close_end(int end) {
    if (ends_[end] >= 0) close(std::exchange(ends_[end], -1));
  }
  int ends_[2];
};

TEST_F(StdioTest, ReadsAPipeWithoutChangingIt) {
  on_fiber([&] {
    InputStream input(descriptor_source(ends_[0], pool));
    EXPECT_TRUE(good(input.read(10)).empty());
    async::Fiber::current().worker().spawn([&] { EXPECT_EQ(write(ends_[1], "hello", 5), 5); });
    EXPECT_EQ(text_of(good(input.blocking_read(10))), "hello");
    EXPECT_EQ(fcntl(ends_[0], F_GETFL) & O_NONBLOCK, 0);
    close_end(1);
    EXPECT_EQ(input.blocking_read(10).value().error().index(), 1u);
  });
}

TEST_F(StdioTest, WritesAPipeAsItsReaderReads) {
  on_fiber([&] {
    OutputStream output(descriptor_sink(ends_[1], pool));
    size_t filled = 0;
    for (;;) {
      const uint64_t room = good(output.check_write());
      if (room == 0) break;
      EXPECT_TRUE(output.write(Bytes(room)).value());
      filled += room;
    }
    EXPECT_GE(filled, 4096u);
    async::Fiber::current().worker().spawn([&] {
      Bytes bytes(filled);
      EXPECT_GT(read(ends_[0], bytes.data(), bytes.size()), 0);
    });
    EXPECT_TRUE(output.blocking_write_and_flush(bytes_of("more")).value());
  });
}

TEST_F(StdioTest, AClosedPipeClosesTheStream) {
  signal(SIGPIPE, SIG_IGN);
  on_fiber([&] {
    OutputStream output(descriptor_sink(ends_[1], pool));
    close_end(0);
    auto written = output.blocking_write_and_flush(bytes_of("x"));
    ASSERT_FALSE(written.value());
    EXPECT_EQ(written->error().index(), 1u);
  });
}

TEST_F(StdioTest, ReadsAndWritesFiles) {
  char name[] = "/tmp/wattle_stdio_XXXXXX";
  const int file = mkstemp(name);
  ASSERT_GE(file, 0);
  unlink(name);
  on_fiber([&] {
    OutputStream output(descriptor_sink(file, pool));
    EXPECT_TRUE(output.blocking_write_and_flush(bytes_of("in a file")).value());
    lseek(file, 0, SEEK_SET);
    InputStream input(descriptor_source(file, pool));
    EXPECT_EQ(text_of(good(input.blocking_read(100))), "in a file");
    EXPECT_FALSE(input.blocking_read(100).value());
  });
  close(file);
}

TEST_F(StdioTest, BuffersUpToTheirLimit) {
  on_fiber([] {
    OutputStream output(OutputSinkPtr(new BufferSink(5)));
    EXPECT_EQ(good(output.check_write()), 5u);
    EXPECT_TRUE(output.write(bytes_of("12345")).value());
    auto full = output.check_write();
    ASSERT_FALSE(full.value());
    EXPECT_EQ(full->error().index(), 0u);
  });
}

TEST_F(StdioTest, HandsOnLines) {
  on_fiber([] {
    std::vector<std::string> lines;
    {
      OutputStream output(
          OutputSinkPtr(new LineSink([&](std::string_view line) { lines.emplace_back(line); })));
      EXPECT_TRUE(output.blocking_write_and_flush(bytes_of("one\ntw")).value());
      EXPECT_TRUE(output.blocking_write_and_flush(bytes_of("o\n\nlast")).value());
    }
    EXPECT_EQ(lines, (std::vector<std::string>{"one", "two", "", "last"}));
  });
}

}  // namespace
}  // namespace wattle::wasi
