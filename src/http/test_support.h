// For the tests of src/http: a server on a thread of its own, and a client that is nothing but a blocking
// socket.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <future>
#include <string>
#include <thread>

#include "http/server.h"

namespace wattle::http {

class TestServer {
 public:
  explicit TestServer(Handler handler, ServerOptions options = {}) {
    std::promise<uint16_t> listening;
    thread_ = std::thread([this, handler = std::move(handler), options = std::move(options), &listening] {
      async::Worker worker;
      Server server(worker, options, handler);
      auto listened = server.listen("127.0.0.1:0");
      EXPECT_TRUE(listened) << listened.error().full_message();
      worker_ = &worker;
      server_ = &server;
      listening.set_value(server.local_endpoint().port());
      worker.run();
    });
    port_ = listening.get_future().get();
  }
  ~TestServer() { stop(Duration::zero()); }

  uint16_t port() const { return port_; }
  // Drains and waits for the thread to end.
  void stop(Duration grace) {
    if (!thread_.joinable()) return;
    begin_drain(grace);
    thread_.join();
  }
  void begin_drain(Duration grace) {
    if (std::exchange(draining_, true)) return;
    worker_->post([this, grace] { worker_->spawn([this, grace] { server_->drain(grace); }); });
  }
  size_t connections() const { return server_->connections(); }

 private:
  std::thread thread_;
  async::Worker* worker_ = nullptr;
  Server* server_ = nullptr;
  uint16_t port_ = 0;
  bool draining_ = false;
};

// Waits (ten seconds at most) until `condition` holds.
template <class Condition>
bool eventually(Condition condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

class RawClient {
 public:
  // A socket that a test has accepted.
  struct Accepted {
    int descriptor;
  };
  explicit RawClient(Accepted accepted) : descriptor_(accepted.descriptor) { set_timeouts(); }
  explicit RawClient(uint16_t port) : descriptor_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    set_timeouts();
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  RawClient(uint16_t port, std::string_view request) : RawClient(port) { send(request); }
  ~RawClient() { close(); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  int descriptor() const { return descriptor_; }
  // Whether the socket took all of it.
  bool send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t count = ::send(descriptor_, text.data(), text.size(), MSG_NOSIGNAL);
      if (count <= 0) return false;
      text.remove_prefix(static_cast<size_t>(count));
    }
    return true;
  }
  void close() {
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  }
  void shut_down_sending() { ::shutdown(descriptor_, SHUT_WR); }

  // Everything up to and with `end`, or up to the connection's end.
  std::string read_until(std::string_view end) {
    for (;;) {
      const size_t at = received_.find(end);
      if (at != std::string::npos) return take(at + end.size());
      if (!receive()) return take(received_.size());
    }
  }
  std::string read_exactly(size_t bytes) {
    while (received_.size() < bytes && receive()) {
    }
    return take(std::min(bytes, received_.size()));
  }
  std::string read_to_end() {
    while (receive()) {
    }
    return take(received_.size());
  }
  // A response with Content-Length or none: head and body.
  std::string read_response() {
    std::string head = read_until("\r\n\r\n");
    const size_t at = head.find("content-length: ");
    return at == std::string::npos ? head : head + read_exactly(std::stoul(head.substr(at + 16)));
  }
  // The peer has closed, and sent nothing more before.
  bool ended() { return received_.empty() && !receive(); }

 private:
  void set_timeouts() {
    timeval timeout{20, 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    ::setsockopt(descriptor_, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
  }
  bool receive() {
    char buffer[16 * 1024];
    const ssize_t count = ::recv(descriptor_, buffer, sizeof buffer, 0);
    if (count <= 0) return false;
    received_.append(buffer, static_cast<size_t>(count));
    return true;
  }
  std::string take(size_t bytes) {
    std::string text = received_.substr(0, bytes);
    received_.erase(0, bytes);
    return text;
  }

  int descriptor_;
  std::string received_;
};

}  // namespace wattle::http
