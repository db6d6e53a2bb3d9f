// Counts the calls that a provider is working on, so that it can wait for them before it goes.
#pragma once

#include <cstddef>
#include <memory>

#include "async/signal.h"

namespace wattle::providers {

class InFlight {
  struct State {
    size_t count = 0;
    async::Signal idle;
  };

 public:
  // May outlive what it is counted by: a transfer goes on behind the call that began it.
  class Call {
   public:
    explicit Call(const InFlight& calls) : state_(calls.state_) { ++state_->count; }
    ~Call() {
      if (--state_->count == 0) state_->idle.notify();
    }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

   private:
    std::shared_ptr<State> state_;
  };

  size_t count() const { return state_->count; }
  // Until there is none, or the fiber's deadline.
  void wait() {
    const auto state = state_;
    while (state->count > 0 && state->idle.wait()) continue;
  }

 private:
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace wattle::providers
