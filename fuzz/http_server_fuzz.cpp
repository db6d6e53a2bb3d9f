// A whole server connection against a stranger's bytes: HTTP/1.1 or, after its preface, HTTP/2, in two
// pieces, then the end. Whatever comes, the connection must end, with every handler returned.
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <string>
#include <string_view>

#include "http/server.h"

namespace {

using namespace wattle;
using namespace wattle::http;

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

void handle(Exchange& exchange) {
  const std::string& path = exchange.request().path_with_query;
  Response response;
  if (path.starts_with("/stream")) {
    auto body = exchange.respond_streaming(response);
    if (!body) return;
    (void)(*body)->pipe.write_all(as_bytes(path));
    (*body)->trailers.emplace();
    (void)(*body)->trailers->append("x-end", "yes");
    (*body)->pipe.close();
  } else if (path.starts_with("/known")) {
    (void)exchange.respond(response, as_bytes(path));
  } else {
    (void)exchange.respond_streaming(response, exchange.body());
  }
}

void write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::send(descriptor, text.data(), text.size(), MSG_NOSIGNAL);
    if (count <= 0) return;
    text.remove_prefix(static_cast<size_t>(count));
  }
}

void read_away(int descriptor) {
  std::array<char, 4096> buffer;
  while (::recv(descriptor, buffer.data(), buffer.size(), 0) > 0) {
  }
}

void serve(async::Worker& worker, std::string_view first, std::string_view second) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) std::abort();
  ServerOptions options;
  options.head.bytes = 4096;
  options.http2_limits.control_frames = 100;
  Server server(worker, options, handle);
  server.start();
  server.take_over(ends[0], {});
  worker.spawn([&] {
    write_all(ends[1], first);
    for (int turn = 0; turn < 4; ++turn) async::Fiber::current().yield();
    write_all(ends[1], second);
    ::shutdown(ends[1], SHUT_WR);
    // In CPU time: on a busy machine the clock says nothing about us.
    const std::clock_t patience = std::clock() + 5 * CLOCKS_PER_SEC;
    while (server.connections() > 0) {
      if (std::clock() > patience) std::abort();  // it does not end
      read_away(ends[1]);
      async::Fiber::current().yield();
    }
    server.drain(Duration::zero());
  });
  worker.run();
  ::close(ends[1]);
}

}  // namespace

// The sanitizer keeps a second stack for each fiber that Boost.Context never tells it to free: 100 KiB a run.
extern "C" const char* __asan_default_options() {
  return "detect_stack_use_after_return=0";
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2 || size > 32 * 1024) return 0;
  std::string input;
  if (data[0] % 2 == 1) input = kPreface;
  input.append(reinterpret_cast<const char*>(data) + 2, size - 2);
  const size_t cut = std::min<size_t>(data[1], input.size());
  static async::Worker worker;
  serve(worker, std::string_view(input).substr(0, cut), std::string_view(input).substr(cut));
  return 0;
}
