// Commands built with real toolchains, run as `wattle run` does.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "guests.h"
#include "wasi/cli.h"

namespace wattle::wasi {
namespace {

namespace fs = std::filesystem;

class Command : public testing::Test {
 protected:
  Command() {
    char name[] = "/tmp/wattle_command_XXXXXX";
    folder_ = mkdtemp(name);
  }
  ~Command() override { fs::remove_all(folder_); }

  struct Outcome {
    std::optional<Result<int>> exit;
    std::string output, errors;
  };
  // Runs `name` with these arguments. `prepare` adds to what it is given.
  Outcome run(const std::string& name, std::vector<std::string> arguments,
              const std::function<void(Context&)>& prepare = {},
              Duration timeout = std::chrono::seconds(20)) {
    Outcome outcome;
    auto linked = guest(name);
    if (!linked) return outcome;
    async::OffloadPool pool(2);
    async::Worker worker;
    worker.spawn([&] {
      Context context(pool);
      context.arguments = std::move(arguments);
      context.arguments.insert(context.arguments.begin(), name + ".wasm");
      auto output = boost::intrusive_ptr<BufferSink>(new BufferSink);
      auto errors = boost::intrusive_ptr<BufferSink>(new BufferSink);
      context.stdio.output = output;
      context.stdio.error = errors;
      if (prepare) prepare(context);
      engine::CallLimits limits;
      limits.deadline = Clock::now() + timeout;
      outcome.exit.emplace(run_command(linked, context, limits));
      outcome.output = output->take();
      outcome.errors = errors->take();
    });
    worker.run();
    return outcome;
  }
  Outcome run_in_folder(const std::string& name, std::vector<std::string> arguments,
                        FolderAccess access = FolderAccess::read_write) {
    return run(name, std::move(arguments),
               [&](Context& context) { EXPECT_TRUE(context.add_folder(folder_.string(), "/data", access)); });
  }
  static int code_of(const Outcome& outcome) {
    if (!outcome.exit) return -1;
    if (*outcome.exit) return **outcome.exit;
    ADD_FAILURE() << outcome.exit->error().full_message();
    return -1;
  }

  fs::path folder_;
};

TEST_F(Command, PrintsItsArguments) {
  auto outcome = run("command-c", {"echo", "hello", "w\xc3\xb6rld"});
  EXPECT_EQ(code_of(outcome), 0);
  EXPECT_EQ(outcome.output, "hello w\xc3\xb6rld\n");
}

TEST_F(Command, SeesOnlyTheGivenEnvironment) {
  auto outcome =
      run("command-c", {"env"}, [](Context& context) { context.environment = {{"A", "1"}, {"B", "two"}}; });
  EXPECT_EQ(code_of(outcome), 0);
  EXPECT_EQ(outcome.output, "A=1\nB=two\n");
}

TEST_F(Command, CopiesItsInput) {
  const std::string text(300'000, 'x');
  auto outcome =
      run("command-c", {"cat"}, [&](Context& context) { context.stdio.input = text_source(text); });
  EXPECT_EQ(code_of(outcome), 0);
  EXPECT_EQ(outcome.output, text);
}

TEST_F(Command, ReadsAPipeThatIsFilledMeanwhile) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  std::thread writer([&] {
    const std::string piece(10'000, 'y');
    for (int count = 0; count < 20; ++count) EXPECT_EQ(write(ends[1], piece.data(), piece.size()), 10'000);
    close(ends[1]);
  });
  async::OffloadPool pool(1);
  auto outcome = run("command-c", {"cat"},
                     [&](Context& context) { context.stdio.input = descriptor_source(ends[0], pool); });
  writer.join();
  close(ends[0]);
  EXPECT_EQ(outcome.output.size(), 200'000u);
}

TEST_F(Command, ExitsWithItsCode) {
  EXPECT_EQ(code_of(run("command-c", {"exit", "0"})), 0);
  EXPECT_EQ(code_of(run("command-c", {"exit", "1"})), 1);
  EXPECT_EQ(code_of(run("sockets-c", {"exit", "42"})), 42);
  auto outcome = run("command-c", {"nonsense"});
  EXPECT_NE(code_of(outcome), 0);
  EXPECT_NE(outcome.errors.find("usage"), std::string::npos);
}

TEST_F(Command, TrapsAreErrors) {
  auto outcome = run("command-c", {"trap"});
  ASSERT_TRUE(outcome.exit);
  ASSERT_FALSE(*outcome.exit);
  EXPECT_EQ(outcome.exit->error().code(), ErrorCode::trap);
}

TEST_F(Command, SpinningEndsAtTheDeadline) {
  auto outcome = run("command-c", {"spin"}, {}, std::chrono::milliseconds(300));
  ASSERT_TRUE(outcome.exit);
  ASSERT_FALSE(*outcome.exit);
  EXPECT_EQ(outcome.exit->error().code(), ErrorCode::deadline_exceeded);
}

TEST_F(Command, WaitingForInputEndsAtTheDeadline) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  async::OffloadPool pool(1);
  auto outcome = run(
      "command-c", {"cat"}, [&](Context& context) { context.stdio.input = descriptor_source(ends[0], pool); },
      std::chrono::milliseconds(300));
  close(ends[0]);
  close(ends[1]);
  ASSERT_TRUE(outcome.exit);
  ASSERT_FALSE(*outcome.exit);
  EXPECT_EQ(outcome.exit->error().code(), ErrorCode::deadline_exceeded);
}

TEST_F(Command, SleepsAndTellsTheTime) {
  auto outcome = run("command-c", {"clock"});
  EXPECT_EQ(code_of(outcome), 0) << outcome.output;
  EXPECT_NEAR(std::stod(outcome.output), static_cast<double>(time(nullptr)), 30);
}

TEST_F(Command, GetsRandomBytes) {
  auto first = run("command-c", {"random"}), second = run("command-c", {"random"});
  EXPECT_EQ(first.output.size(), 65u);
  EXPECT_NE(first.output, second.output);
}

TEST_F(Command, SeesATerminalOnlyWhereThereIsOne) {
  EXPECT_EQ(run("command-c", {"terminal"}).output, "plain plain plain \n");
  auto outcome =
      run("command-c", {"terminal"}, [](Context& context) { context.stdio.output_is_terminal = true; });
  EXPECT_EQ(outcome.output, "plain terminal plain \n");
}

TEST_F(Command, UsesFiles) {
  EXPECT_EQ(code_of(run_in_folder("command-c", {"write-file", "/data/a", "one"})), 0);
  EXPECT_EQ(code_of(run_in_folder("command-c", {"append-file", "/data/a", "two"})), 0);
  EXPECT_EQ(run_in_folder("command-c", {"read-file", "/data/a"}).output, "onetwo");
  EXPECT_EQ(run_in_folder("command-c", {"stat", "/data/a"}).output, "file 6\n");
  EXPECT_EQ(code_of(run_in_folder("command-c", {"make-dir", "/data/d"})), 0);
  EXPECT_EQ(code_of(run_in_folder("command-c", {"rename", "/data/a", "/data/d/b"})), 0);
  EXPECT_EQ(code_of(run_in_folder("command-c", {"symlink", "d/b", "/data/l"})), 0);
  EXPECT_EQ(run_in_folder("command-c", {"list-dir", "/data"}).output, "d\nl\n");
  EXPECT_EQ(run_in_folder("command-c", {"read-file", "/data/l"}).output, "onetwo");
  EXPECT_EQ(code_of(run_in_folder("command-c", {"remove-dir", "/data/d"})), 1);
  EXPECT_EQ(code_of(run_in_folder("command-c", {"remove-file", "/data/d/b"})), 0);
  EXPECT_EQ(code_of(run_in_folder("command-c", {"remove-dir", "/data/d"})), 0);
}

TEST_F(Command, CannotLeaveItsFolder) {
  std::ofstream(folder_ / "secret") << "secret";
  fs::create_directory(folder_ / "in");
  fs::create_symlink("../secret", folder_ / "in" / "leak");
  for (const std::string path : {"/data/../secret", "/data/leak", "/etc/passwd", "../secret"}) {
    auto outcome = run("command-c", {"read-file", path}, [&](Context& context) {
      EXPECT_TRUE(context.add_folder((folder_ / "in").string(), "/data", FolderAccess::read_write));
    });
    EXPECT_EQ(code_of(outcome), 1) << path;
    EXPECT_EQ(outcome.output, "") << path;
  }
}

TEST_F(Command, CannotWriteAReadOnlyFolder) {
  auto outcome = run_in_folder("command-c", {"write-file", "/data/a", "x"}, FolderAccess::read_only);
  EXPECT_EQ(code_of(outcome), 1);
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(Command, CountsWordsInCpp) {
  auto outcome =
      run("command-cpp", {}, [](Context& context) { context.stdio.input = text_source("b a b\na b"); });
  EXPECT_EQ(code_of(outcome), 0);
  EXPECT_EQ(outcome.output, "3 b\n2 a\n");
}

TEST_F(Command, UsesFilesFromJavaScript) {
  auto outcome = run_in_folder("files-js", {"name.txt", "some text"});
  EXPECT_EQ(code_of(outcome), 0) << outcome.errors;
  EXPECT_EQ(outcome.output, "/data/name.txt: some text\n/data: name.txt\n");
}

// ---- sockets

// A server on 127.0.0.1 that echoes what one client sends.
class EchoServer {
 public:
  explicit EchoServer(int type) : listener_(socket(AF_INET, type, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length), 0);
    port_ = ntohs(address.sin_port);
    if (type == SOCK_STREAM) {
      EXPECT_EQ(listen(listener_, 8), 0);
    }
    timeval patience{20, 0};
    setsockopt(listener_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    thread_ = std::thread([this, type] { type == SOCK_STREAM ? echo_stream() : echo_datagram(); });
  }
  ~EchoServer() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  std::string port() const { return std::to_string(port_); }

 private:
  void echo_stream() const {
    const int client = accept(listener_, nullptr, nullptr);
    if (client < 0) return;
    char bytes[4096];
    for (ssize_t count; (count = recv(client, bytes, sizeof bytes, 0)) > 0;)
      (void)send(client, bytes, static_cast<size_t>(count), MSG_NOSIGNAL);
    close(client);
  }
  void echo_datagram() const {
    sockaddr_in from{};
    socklen_t length = sizeof from;
    char bytes[4096];
    const ssize_t count =
        recvfrom(listener_, bytes, sizeof bytes, 0, reinterpret_cast<sockaddr*>(&from), &length);
    if (count > 0)
      (void)sendto(listener_, bytes, static_cast<size_t>(count), 0, reinterpret_cast<sockaddr*>(&from),
                   length);
  }
  int listener_;
  uint16_t port_ = 0;
  std::thread thread_;
};

TEST_F(Command, ConnectsWhereItMay) {
  EchoServer server(SOCK_STREAM);
  auto outcome = run("sockets-c", {"tcp", "127.0.0.1", server.port(), "over tcp"}, [&](Context& context) {
    EXPECT_TRUE(context.network.allow("127.0.0.1:" + server.port()));
  });
  EXPECT_EQ(code_of(outcome), 0) << outcome.output;
  EXPECT_NE(outcome.output.find("over tcp"), std::string::npos) << outcome.output;
}

TEST_F(Command, ConnectsNowhereElse) {
  EchoServer server(SOCK_STREAM);
  auto denied = run("sockets-c", {"tcp", "127.0.0.1", server.port(), "x"});
  EXPECT_EQ(code_of(denied), 1);
  EXPECT_NE(denied.output.find("error-code 1"), std::string::npos) << denied.output;
  auto elsewhere = run("sockets-c", {"tcp", "127.0.0.1", server.port(), "x"},
                       [](Context& context) { EXPECT_TRUE(context.network.allow("127.0.0.1:1")); });
  EXPECT_EQ(code_of(elsewhere), 1);
  EXPECT_NE(elsewhere.output.find("error-code 1"), std::string::npos) << elsewhere.output;
}

TEST_F(Command, SendsDatagramsWhereItMay) {
  EchoServer server(SOCK_DGRAM);
  auto outcome = run("sockets-c", {"udp", "127.0.0.1", server.port(), "over udp"}, [&](Context& context) {
    EXPECT_TRUE(context.network.allow("127.0.0.1:" + server.port()));
  });
  EXPECT_EQ(code_of(outcome), 0) << outcome.output;
  EXPECT_NE(outcome.output.find("over udp"), std::string::npos) << outcome.output;
}

TEST_F(Command, LooksUpAllowedNames) {
  auto outcome = run("sockets-c", {"lookup", "localhost"},
                     [](Context& context) { EXPECT_TRUE(context.network.allow("localhost:80")); });
  EXPECT_EQ(code_of(outcome), 0) << outcome.output;
  EXPECT_NE(outcome.output.find("127.0.0.1"), std::string::npos) << outcome.output;
  EXPECT_EQ(code_of(run("sockets-c", {"lookup", "localhost"})), 1);
}

TEST_F(Command, IsToldWhatItLacks) {
  auto outcome = run("hello-http-c", {});
  ASSERT_TRUE(outcome.exit);
  ASSERT_FALSE(*outcome.exit);
  EXPECT_EQ(outcome.exit->error().code(), ErrorCode::not_found);
  EXPECT_NE(outcome.exit->error().message().find("wasi:cli/run"), std::string::npos);
}

}  // namespace
}  // namespace wattle::wasi
