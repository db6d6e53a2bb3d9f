// Cancellation, deadline and the client's leaving, injected at every point at which a request waits, one
// after the other: the first run meets the fault at its first wait, the next at its second, until a run ends
// before its fault. After each, nothing may be left: no busy instance, fiber or descriptor, and the next
// request is served.
#include <dirent.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <array>

#include "async/offload.h"
#include "guests.h"
#include "http/client.h"
#include "http/server.h"
#include "wasi/context.h"
#include "wasi/http_handler.h"

namespace wattle::wasi {
namespace {

using namespace std::chrono_literals;

enum class Fault { cancel, deadline, disconnect };

constexpr size_t kMostWaits = 2000;  // a request that waits more often than this is not what is tested here
constexpr size_t kBodyBytes = 200'000;

size_t open_descriptors() {
  DIR* folder = opendir("/proc/self/fd");
  size_t count = 0;
  while (readdir(folder) != nullptr) ++count;
  closedir(folder);
  return count;
}

// A worker with the guest behind a server, another server for the guest to ask, and a client; as `wattle
// serve` has them. Everything ends with it.
class Scene {
 public:
  explicit Scene(std::shared_ptr<const runtime::LinkedComponent> linked)
      : context_(blocking_), client_(worker_, blocking_, {}), guests_client_(worker_, blocking_, {}) {
    context_.client = &guests_client_;
    EXPECT_TRUE(context_.outgoing_http.allow("127.0.0.1:*"));
    runtime::PoolOptions pool_options;
    pool_options.max_instances = 4;
    pool_options.prepare_host = [this](Host& host) { host.attach(context_); };
    pool_.emplace(worker_, linked, pool_options);
    handler_ = *IncomingHandler::create(*pool_, *linked, {});
    server_.emplace(worker_, http::ServerOptions{}, [this](http::Exchange& exchange) {
      auto& fiber = async::Fiber::current();
      if (watching_) watched_ = &fiber;
      handler_->handle(exchange);
      if (watched_ == &fiber) watched_ = nullptr;
    });
    peer_.emplace(worker_, http::ServerOptions{}, [](http::Exchange& exchange) {
      auto body = exchange.respond_streaming(http::Response{});
      for (int part = 0; body && part < 3; ++part) {
        if (!async::sleep_for(1ms)) return;
        if (!(*body)->pipe.write_all(http::as_bytes(std::string(40'000, 'p')))) return;
      }
      if (body) (*body)->pipe.close();
    });
  }

  // Asks twice: once with the fault at the wait number `at` of the request's fiber, then again without.
  // Returns whether the fault was injected.
  bool run(Fault fault, size_t at) {
    EXPECT_TRUE(server_->listen("127.0.0.1:0"));
    EXPECT_TRUE(peer_->listen("127.0.0.1:0"));
    worker_.set_suspension_probe([this, fault, at](async::Fiber& fiber) { probe(fiber, fault, at); });
    watching_ = true;
    asking_ = worker_.spawn([this] { (void)ask(); });
    worker_.spawn([this] {
      while (!asking_->finished()) EXPECT_TRUE(async::sleep_for(1ms));
      watching_ = false;
      // The server may need a moment to see that its client went.
      for (int tries = 0; pool_->counts().busy > 0 && tries < 2000; ++tries)
        EXPECT_TRUE(async::sleep_for(1ms));
      EXPECT_EQ(pool_->counts().busy, 0u);
      EXPECT_EQ(pool_->counts().queued, 0u);
      EXPECT_EQ(ask(), 200);
      client_.close_idle();
      guests_client_.close_idle();
      server_->drain(1s);
      peer_->drain(1s);
      pool_->shut_down(Error(ErrorCode::cancelled, "the test is over"));
    });
    worker_.run();
    const auto counts = pool_->counts();
    EXPECT_EQ(counts.created, counts.dropped);
    return injected_;
  }

 private:
  void probe(async::Fiber& fiber, Fault fault, size_t at) {
    if (&fiber != watched_ || injected_ || ++waits_ != at) return;
    injected_ = true;
    if (fault == Fault::cancel) fiber.cancel();
    if (fault == Fault::deadline) fiber.set_deadline(Clock::now() - 1s);
    if (fault == Fault::disconnect) asking_->cancel();
  }

  // One request with a body that comes in pieces; the status, or 0.
  int ask() {
    http::Request request;
    request.method = "POST";
    request.authority = "127.0.0.1:" + std::to_string(server_->local_endpoint().port());
    request.fields.append_checked("wattle-authority",
                                  "127.0.0.1:" + std::to_string(peer_->local_endpoint().port()));
    request.fields.append_checked("wattle-path", "/");
    auto ends = http::make_body(8 * 1024);
    worker_.spawn([writer = std::move(ends.writer)] {
      const std::string piece(kBodyBytes / 20, 'b');
      for (int part = 0; part < 20; ++part) {
        if (part % 7 == 0 && !async::sleep_for(1ms)) return;
        if (!writer->pipe.write_all(http::as_bytes(piece))) return;
      }
      writer->pipe.close();
    });
    auto response = client_.send(request, std::move(ends.reader));
    if (!response) return 0;
    auto body = http::read_all(*response->body, 1 << 20);
    return body ? response->head.status : 0;
  }

  async::OffloadPool blocking_{2};
  async::Worker worker_;
  Context context_;
  http::Client client_;
  http::Client guests_client_;
  std::optional<runtime::InstancePool> pool_;
  std::unique_ptr<IncomingHandler> handler_;
  std::optional<http::Server> server_, peer_;
  std::shared_ptr<async::Fiber> asking_;
  async::Fiber* watched_ = nullptr;
  bool watching_ = false;
  bool injected_ = false;
  size_t waits_ = 0;
};

void inject_everywhere(const std::string& name, Fault fault) {
  auto linked = guest(name);
  if (!linked) return;
  Scene(linked).run(fault, kMostWaits + 1);  // threads and caches that stay are made here
  const size_t descriptors = open_descriptors();
  size_t at = 1;
  while (at <= kMostWaits && Scene(linked).run(fault, at) && !testing::Test::HasFailure()) ++at;
  EXPECT_LE(at, kMostWaits);
  EXPECT_GT(at, 3u) << "the request hardly ever waited";
  EXPECT_EQ(open_descriptors(), descriptors);
  testing::Test::RecordProperty("waits", static_cast<int>(at - 1));
  std::printf("%s: %zu waits\n", name.c_str(), at - 1);
}

class Faults : public testing::TestWithParam<std::tuple<const char*, Fault>> {};

TEST_P(Faults, LeaveNothingBehind) {
  inject_everywhere(std::get<0>(GetParam()), std::get<1>(GetParam()));
}

std::string name_of(const testing::TestParamInfo<std::tuple<const char*, Fault>>& test) {
  static constexpr std::array<const char*, 3> kFaults = {"cancel", "deadline", "disconnect"};
  std::string name = std::get<0>(test.param);
  std::replace(name.begin(), name.end(), '-', '_');
  return name + "_" + kFaults[static_cast<size_t>(std::get<1>(test.param))];
}

INSTANTIATE_TEST_SUITE_P(EveryWait, Faults,
                         testing::Combine(testing::Values("echo-http-c", "client-http-c"),
                                          testing::Values(Fault::cancel, Fault::deadline, Fault::disconnect)),
                         name_of);

}  // namespace
}  // namespace wattle::wasi
