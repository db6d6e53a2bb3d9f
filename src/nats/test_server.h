// Real nats-servers for tests and benchmarks: one, or a cluster of three, on free ports of 127.0.0.1, with
// JetStream in a folder that goes with them. Each ends with its object, and with the
// thread that made it.
//
//   nats::TestServer server;
//   auto client = nats::Client::connect(worker, {.urls = {server.url()}});
//   server.kill();        // as kill -9
//   server.start();       // on the same port, with its data; erase_data() before takes that away
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "async/fiber.h"

namespace wattle::nats {

// A port of 127.0.0.1 that nobody listens on now.
inline uint16_t free_port() {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t bytes = sizeof address;
  // Port 0 is always free.
  (void)::bind(descriptor, reinterpret_cast<sockaddr*>(&address), bytes);
  ::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &bytes);
  ::close(descriptor);
  return ntohs(address.sin_port);
}

// A folder that goes with its object.
class TestFolder {
 public:
  TestFolder() {
    char name[] = "/tmp/wattle_nats_test_XXXXXX";
    path_ = ::mkdtemp(name);
  }
  ~TestFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  const std::string& path() const { return path_; }
  // Writes a file that only its owner may read, and returns its path.
  std::string write(const std::string& name, const std::string& text) const {
    const std::string file = path_ + "/" + name;
    std::ofstream(file) << text;
    ::chmod(file.c_str(), 0600);
    return file;
  }

 private:
  std::string path_;
};

struct TestServerOptions {
  bool jetstream = true;
  std::string config{};    // more lines of nats-server's configuration
  std::string userinfo{};  // "user:password@", for url()
  bool tls = false;        // the scheme of url()
  // Of a cluster.
  std::string cluster{};
  uint16_t cluster_port = 0;
  std::vector<uint16_t> routes{};
};

class TestServer {
 public:
  explicit TestServer(TestServerOptions options = {}) : options_(std::move(options)), port_(free_port()) {
    start();
  }
  ~TestServer() { kill(); }
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  uint16_t port() const { return port_; }
  std::string url() const {
    return std::string(options_.tls ? "tls://" : "nats://") + options_.userinfo +
           "127.0.0.1:" + std::to_string(port_);
  }
  const TestFolder& folder() const { return folder_; }
  pid_t pid() const { return pid_; }

  // Starts it, and waits until it listens. A server that does not come up ends the program, with its log.
  void start() {
    if (pid_ > 0) return;
    const std::string config = folder_.write("nats.conf", configuration());
    const std::string log = folder_.path() + "/nats.log";
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      const int file = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
      ::dup2(file, 1);
      ::dup2(file, 2);
      ::execlp("nats-server", "nats-server", "-c", config.c_str(), nullptr);
      ::execl("/usr/sbin/nats-server", "nats-server", "-c", config.c_str(), nullptr);
      ::_exit(127);
    }
    for (int i = 0; i < 4000 && !listens(); ++i) {
      if (::waitpid(pid_, nullptr, WNOHANG) == pid_) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    if (listens()) return;
    std::ifstream text(log);
    const std::string said{std::istreambuf_iterator<char>(text), {}};
    std::fprintf(stderr, "nats-server does not start (tools/install installs it):\n%s\n", said.c_str());
    std::abort();
  }
  // Lets it finish its work.
  void stop() { end(SIGTERM); }
  void kill() { end(SIGKILL); }
  // Returns when it has stopped, which takes a moment.
  void pause() {
    ::kill(pid_, SIGSTOP);
    siginfo_t stopped;
    ::waitid(P_PID, static_cast<id_t>(pid_), &stopped, WSTOPPED);
  }
  void resume() { ::kill(pid_, SIGCONT); }
  // Tells it to read its configuration again, with these lines instead.
  void reload(const std::string& config) {
    options_.config = config;
    folder_.write("nats.conf", configuration());
    ::kill(pid_, SIGHUP);
  }
  // While it does not run.
  void erase_data() { std::filesystem::remove_all(folder_.path() + "/data"); }

 private:
  std::string configuration() const {
    std::string text = "listen: 127.0.0.1:" + std::to_string(port_) + "\n";
    text += "server_name: server_" + std::to_string(port_) + "\n";
    if (options_.jetstream)
      text += "jetstream { store_dir: \"" + folder_.path() +
              "/data\", max_memory_store: 256MB, max_file_store: 1GB }\n";
    if (!options_.cluster.empty()) {
      text += "cluster {\n  name: " + options_.cluster +
              "\n  listen: 127.0.0.1:" + std::to_string(options_.cluster_port) + "\n  routes: [\n";
      for (const uint16_t route : options_.routes)
        text += "    nats-route://127.0.0.1:" + std::to_string(route) + "\n";
      text += "  ]\n}\n";
    }
    return text + options_.config + "\n";
  }
  bool listens() const {
    const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const bool connected = ::connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    ::close(descriptor);
    return connected;
  }
  void end(int signal_number) {
    if (pid_ <= 0) return;
    ::kill(pid_, signal_number);
    ::kill(pid_, SIGCONT);  // if it was paused
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

  TestServerOptions options_;
  TestFolder folder_;
  uint16_t port_;
  pid_t pid_ = -1;
};

// Three servers that share JetStream.
class TestCluster {
 public:
  static constexpr size_t kServers = 3;

  TestCluster() {
    std::vector<uint16_t> routes;
    routes.reserve(kServers);
    for (size_t i = 0; i < kServers; ++i) routes.push_back(free_port());
    for (size_t i = 0; i < kServers; ++i)
      servers_.push_back(std::make_unique<TestServer>(
          TestServerOptions{.cluster = "wattle_test", .cluster_port = routes[i], .routes = routes}));
  }
  TestServer& operator[](size_t index) { return *servers_[index]; }
  std::vector<std::string> urls() const {
    std::vector<std::string> urls;
    urls.reserve(servers_.size());
    for (const auto& server : servers_) urls.push_back(server->url());
    return urls;
  }

 private:
  std::vector<std::unique_ptr<TestServer>> servers_;
};

// Runs `test(worker)` on a fiber with a deadline.
template <class Test>
void run_test(Test test, Duration deadline = std::chrono::seconds(60)) {
  async::Worker worker;
  worker.spawn([&] {
    async::Fiber::current().set_deadline(Clock::now() + deadline);
    test(worker);
  });
  worker.run();
}

// Waits (at most 20 s) until `condition` holds, on a fiber.
template <class Condition>
bool eventually(Condition condition) {
  for (int i = 0; i < 4000; ++i) {
    if (condition()) return true;
    if (!async::sleep_for(std::chrono::milliseconds(5))) return false;
  }
  return false;
}

}  // namespace wattle::nats
