// An invocation ends at any point at which it can wait: by cancelling, at its deadline, because the client
// left. Whatever the point, nothing may be left behind, and the next request is served.
#include <filesystem>

#include "http_guest.h"

namespace wattle::wasi {
namespace {

enum class Blow { cancel, deadline, disconnect };

// Strikes when its fiber suspends for the `at`th time.
class Striker final : public async::SwitchObserver {
 public:
  Striker(int at, std::function<void()> strike) : at_(at), strike_(std::move(strike)) {}
  void before_suspend() override {
    if (++seen_ == at_) async::Worker::current()->post(strike_);
  }
  void after_resume() override {}
  bool struck() const { return seen_ >= at_; }

 private:
  int at_;
  int seen_ = 0;
  std::function<void()> strike_;
};

size_t open_files() {
  namespace fs = std::filesystem;
  return static_cast<size_t>(
      std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator()));
}

class Injection : public HttpGuest, public testing::WithParamInterface<Blow> {
 protected:
  static constexpr int kMostPoints = 500;

  // Asks with `ask_once` again and again, striking one point later each time, until a request comes through
  // without having reached its point. Returns how many points there were.
  int strike_everywhere(const std::function<void()>& ask_once) {
    auto& worker = async::Fiber::current().worker();
    ask_once();  // what is made once has been made
    settle();
    const size_t fibers = worker.live_fibers(), files = open_files();
    for (int point = 1; point <= kMostPoints; ++point) {
      SCOPED_TRACE(point);
      const bool struck = strike_at(point, ask_once);
      settle();
      wait_until([&] { return worker.live_fibers() <= fibers && open_files() <= files; });
      EXPECT_EQ(pool_->counts().busy, 0u);
      EXPECT_LE(worker.live_fibers(), fibers);
      EXPECT_LE(open_files(), files);
      if (HasFailure() || !struck) return point - 1;
    }
    ADD_FAILURE() << "the request waits more often than " << kMostPoints << " times";
    return kMostPoints;
  }

 private:
  bool strike_at(int point, const std::function<void()>& ask_once) {
    std::optional<Striker> striker;
    std::shared_ptr<async::Fiber> asking, serving;
    before_request = [&] {
      if (serving) return;
      serving = async::Fiber::current().shared_from_this();
      striker.emplace(point, [&] { strike(*serving, asking.get()); });
      serving->set_switch_observer(&*striker);
    };
    after_request = [&] {
      if (&async::Fiber::current() == serving.get()) serving->set_switch_observer(nullptr);
    };
    bool asked = false;
    asking = async::Fiber::current().worker().spawn([&] {
      ask_once();
      asked = true;
    });
    while (!asked) EXPECT_TRUE(async::sleep_for(std::chrono::milliseconds(1)));
    while (pool_->counts().busy > 0) EXPECT_TRUE(async::sleep_for(std::chrono::milliseconds(1)));
    settle();  // the strike that was posted comes before the striker goes
    before_request = after_request = nullptr;
    return striker && striker->struck();
  }
  static void strike(async::Fiber& serving, async::Fiber* asking) {
    if (GetParam() == Blow::disconnect) {
      if (asking != nullptr && !asking->finished()) asking->cancel();
    } else if (!serving.finished()) {
      serving.cancel(GetParam() == Blow::cancel ? Error(ErrorCode::cancelled, "struck")
                                                : Error(ErrorCode::deadline_exceeded, "struck"));
    }
  }
  // Until no connection is left.
  void settle() {
    wait_until([&] { return server_->connections() == 0; });
    EXPECT_EQ(server_->connections(), 0u);
  }
  // A connection that the guest had opened when it was struck may still stand in the upstream's queue: it is
  // taken, and ends, after the request did.
  void wait_until(const std::function<bool()>& reached) {
    const TimePoint patience = Clock::now() + std::chrono::seconds(5);
    do {
      client_->close_idle();
      EXPECT_TRUE(async::sleep_for(std::chrono::milliseconds(1)));
    } while (!reached() && Clock::now() < patience);
  }
};

TEST_P(Injection, LeavesNothingOfAnEcho) {
  serve("echo-http-c", [&] {
    const std::string text(100'000, 'e');
    const int points = strike_everywhere([&] {
      auto ends = http::make_body(4096);
      auto& worker = async::Fiber::current().worker();
      auto writing = worker.spawn([&text, writer = std::move(ends.writer)] {
        if (writer->pipe.write_all(http::as_bytes(text))) writer->pipe.close();
      });
      (void)ask(request("/", "POST"), std::move(ends.reader));
      async::MaskScope mask;
      while (!writing->finished()) (void)async::sleep_for(std::chrono::milliseconds(1));
    });
    RecordProperty("points", points);
    EXPECT_GT(points, 3);
    EXPECT_EQ(ask(request("/", "POST"), http::body_of(http::as_bytes("well"))).body, "well");
  });
}

TEST_P(Injection, LeavesNothingOfAFetch) {
  serve("client-http-c", [&] {
    http::Server upstream(async::Fiber::current().worker(), {}, [&](http::Exchange& exchange) {
      (void)exchange.respond(http::Response{}, http::as_bytes(std::string(50'000, 'u')));
    });
    ASSERT_TRUE(upstream.listen("127.0.0.1:0"));
    const std::string peer = "127.0.0.1:" + std::to_string(upstream.local_endpoint().port());
    EXPECT_TRUE(context_->outgoing_http.allow(peer));
    auto wanted = request("/");
    EXPECT_TRUE(wanted.fields.append("wattle-authority", peer));
    EXPECT_TRUE(wanted.fields.append("wattle-path", "/"));
    const int points = strike_everywhere([&] {
      (void)ask(wanted);
      async::MaskScope mask;
      while (upstream.connections() > 0) {
        client_->close_idle();
        (void)async::sleep_for(std::chrono::milliseconds(1));
      }
    });
    RecordProperty("points", points);
    EXPECT_GT(points, 1);
    EXPECT_EQ(ask(wanted).body.size(), 50'000u);
    client_->close_idle();
    upstream.drain(std::chrono::seconds(1));
  });
}

std::string name_of(const testing::TestParamInfo<Blow>& blow) {
  return blow.param == Blow::cancel ? "Cancel" : blow.param == Blow::deadline ? "Deadline" : "Disconnect";
}

INSTANTIATE_TEST_SUITE_P(Blows, Injection, testing::Values(Blow::cancel, Blow::deadline, Blow::disconnect),
                         name_of);

}  // namespace
}  // namespace wattle::wasi
