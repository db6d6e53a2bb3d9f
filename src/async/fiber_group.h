// Fibers that work for one object, and end with it.
//
//   FiberGroup fibers_{worker};          // the last member: what the fibers use goes after them
//   fibers_.spawn([this] { watch(); });
//   ~Directory() { fibers_.stop(); }
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "async/signal.h"

namespace wattle::async {

class FiberGroup {
 public:
  explicit FiberGroup(Worker& worker) : worker_(worker), state_(std::make_shared<State>()) {}
  // As stop().
  ~FiberGroup() { stop(); }
  FiberGroup(const FiberGroup&) = delete;
  FiberGroup& operator=(const FiberGroup&) = delete;

  // From the worker's thread; not after stop().
  void spawn(std::function<void()> body);
  // Cancels every fiber of the group and waits until all have returned. On a fiber that is none of them, if
  // one of them still runs.
  void stop();

 private:
  struct State {
    size_t running = 0;
    Signal ended;
  };
  Worker& worker_;
  std::shared_ptr<State> state_;
  std::vector<std::shared_ptr<Fiber>> fibers_;
};

}  // namespace wattle::async
