#include "postgres/pool.h"

namespace wattle::postgres {
namespace {

using namespace std::chrono_literals;

constexpr Duration kNextTry = 50ms;

}  // namespace

Result<Pool::Lease> Pool::take() {
  const auto self = shared_from_this();
  if (waiting_ >= kWaitingMax)
    return failure(ErrorCode::overloaded, "too many calls wait for a connection to {}", options_.text());
  ++waiting_;
  Result<void> waited;
  while (taken_ >= connections_max_ && waited) waited = freed_.wait();
  --waiting_;
  if (!waited) {
    if (waited.error().code() != ErrorCode::deadline_exceeded) return failure(waited.error());
    return failure(ErrorCode::deadline_exceeded, "no connection to {} became free within the deadline",
                   options_.text());
  }
  ++taken_;
  while (!idle_.empty()) {
    auto connection = std::move(idle_.back());
    idle_.pop_back();
    if (!connection->still_there()) continue;
    if (!connection->in_transaction()) return Lease(self, std::move(connection));
    if (connection->script("ROLLBACK")) return Lease(self, std::move(connection));
  }
  auto made = connect();
  if (made) return Lease(self, std::move(*made));
  give_back(nullptr);
  return failure(made.error());
}

Result<std::unique_ptr<Connection>> Pool::connect() {
  const TimePoint patience = Clock::now() + kConnectWait;
  for (;;) {
    auto made = Connection::open(worker_, blocking_, options_);
    if (made) {
      problem_.reset();
      return made;
    }
    problem_ = made.error();
    if (made.error().code() != ErrorCode::unavailable || Clock::now() + kNextTry > patience) return made;
    if (!async::sleep_for(kNextTry)) return made;
  }
}

void Pool::give_back(std::unique_ptr<Connection> connection) {
  --taken_;
  if (connection != nullptr && !connection->broken()) idle_.push_back(std::move(connection));
  freed_.notify();
}

}  // namespace wattle::postgres
