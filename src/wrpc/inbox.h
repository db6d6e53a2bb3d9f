// Where a client or a server hears what belongs to its calls: one subscription with a wildcard for as long as
// it lives, and the ends of calls, told apart by a number in the subject. The handler never waits: whatever a
// call cannot take now is bounded and its own.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "lattice/bus.h"
#include "wrpc/call_end.h"

namespace wattle::wrpc {

class Inbox : public std::enable_shared_from_this<Inbox> {
 public:
  // `bus` outlives the inbox.
  static Result<std::shared_ptr<Inbox>> open(lattice::Bus& bus, EndLimits limits);
  explicit Inbox(lattice::Bus& bus, EndLimits limits) : bus_(bus), limits_(limits) {}
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;

  // Ends every call with `error`, cancels its fibers, and, on a fiber, waits for them.
  void close(const Error& error);
  bool closed() const { return closed_; }

  std::shared_ptr<CallEnd> add(Side side);
  void remove(const CallEnd& end);
  // A fiber that ends before close() returns.
  std::shared_ptr<async::Fiber> spawn(std::function<void()> body);
  // Keeps `end`, of which streams are under way, until they are through or the deadline passes.
  void linger(std::shared_ptr<CallEnd> end, TimePoint deadline);

  // Publishes; where the socket is full, waits until it has taken what is queued.
  Result<void> publish_paced(std::string_view subject, std::string_view payload,
                             const lattice::PublishOptions& options = {});
  // Waits until there is a connection, or the inbox is closed.
  Result<void> wait_connected();

  lattice::Bus& bus() const { return bus_; }
  size_t calls() const { return ends_.size(); }
  std::vector<std::shared_ptr<CallEnd>> ends() const;

 private:
  void dispatch(lattice::Message message);
  void watch_connection();

  lattice::Bus& bus_;
  EndLimits limits_;
  std::string prefix_;  // with its dot
  uint64_t next_ = 1;
  std::unordered_map<uint64_t, std::shared_ptr<CallEnd>> ends_;
  std::unordered_set<async::Fiber*> fibers_;
  async::Signal fibers_changed_;
  async::Signal closing_;
  size_t unflushed_bytes_ = 0;
  bool closed_ = false;
  std::unique_ptr<lattice::BusSubscription> subscription_;
};

}  // namespace wattle::wrpc
