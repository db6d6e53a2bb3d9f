#include "async/fiber_group.h"

namespace wattle::async {

void FiberGroup::spawn(std::function<void()> body) {
  std::erase_if(fibers_, [](const auto& fiber) { return fiber->finished(); });
  ++state_->running;
  fibers_.push_back(worker_.spawn([state = state_, body = std::move(body)] {
    body();
    --state->running;
    state->ended.notify();
  }));
}

void FiberGroup::stop() {
  for (const auto& fiber : fibers_)
    if (!fiber->finished()) fiber->cancel();
  while (state_->running > 0) {
    const MaskScope mask;
    (void)state_->ended.wait();
  }
  fibers_.clear();
}

}  // namespace wattle::async
