// A few connections that the fibers of a worker take in turns.
//
//   auto pool = std::make_shared<Pool>(worker, blocking, options, 4);
//   WATTLE_TRY(auto lease, pool->take());
//   WATTLE_TRY(const Rows rows, lease->query(...));
//
// Connections are made when they are needed, and again when they have broken. What a fiber left open (a
// transaction) is rolled back before the next has the connection.
#pragma once

#include <deque>
#include <memory>

#include "async/signal.h"
#include "postgres/connection.h"

namespace wattle::postgres {

class Pool : public std::enable_shared_from_this<Pool> {
 public:
  static constexpr size_t kWaitingMax = 4096;
  // How long a call tries again while no server answers: one that is restarted goes unnoticed.
  static constexpr Duration kConnectWait = std::chrono::seconds(1);

  Pool(async::Worker& worker, async::OffloadPool& blocking, Options options, size_t connections_max)
      : worker_(worker),
        blocking_(blocking),
        options_(std::move(options)),
        connections_max_(connections_max) {}

  class Lease {
   public:
    Lease(std::shared_ptr<Pool> pool, std::unique_ptr<Connection> connection)
        : pool_(std::move(pool)), connection_(std::move(connection)) {}
    Lease(Lease&&) noexcept = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
      if (pool_ != nullptr) pool_->give_back(std::move(connection_));
    }
    Connection* operator->() const { return connection_.get(); }

   private:
    std::shared_ptr<Pool> pool_;
    std::unique_ptr<Connection> connection_;
  };

  // Within the fiber's deadline. Refused: overloaded, unavailable, permission_denied, deadline_exceeded.
  Result<Lease> take();
  // Runs `work(connection)`; when its connection breaks and `repeat` is set, once more on another one.
  template <class Work>
  auto run(bool repeat, Work work) -> decltype(work(std::declval<Connection&>())) {
    for (int attempt = 1;; ++attempt) {
      WATTLE_TRY(Lease lease, take());
      auto done = work(*lease.operator->());
      const bool broke = !done && done.error().code() == ErrorCode::unavailable;
      if (!broke) return done;
      if (repeat && attempt == 1) continue;
      if (repeat) return done;
      return failure(done.error().with_context("the statement was sent, and may have been done"));
    }
  }

  const Options& options() const { return options_; }
  // Why the last attempt to connect failed, unless one has succeeded since.
  const std::optional<Error>& problem() const { return problem_; }
  async::Worker& worker() const { return worker_; }
  async::OffloadPool& blocking() const { return blocking_; }

 private:
  Result<std::unique_ptr<Connection>> connect();
  void give_back(std::unique_ptr<Connection> connection);

  async::Worker& worker_;
  async::OffloadPool& blocking_;
  Options options_;
  size_t connections_max_;
  size_t taken_ = 0;
  size_t waiting_ = 0;
  std::deque<std::unique_ptr<Connection>> idle_;
  async::Signal freed_;
  std::optional<Error> problem_;
};

}  // namespace wattle::postgres
