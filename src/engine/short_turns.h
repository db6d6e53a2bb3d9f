// Short turns on the processor, for threads that must not stand in others' way or that others wait for.
//
// Linux lets a thread finish its turn (some ms) before one that has just become ready gets the processor. A
// thread with a guest that runs on and on delays all of the process's neighbours by that, so it asks for
// turns of 0.1 ms while it lasts. Its share of the processor stays the same. Linux 6.12 or newer; before,
// this does nothing, and there is less need: a waking thread was let in sooner.
#pragma once

namespace wattle::engine {

// Asks on behalf of the calling thread, which has short turns while anybody on it wants them.
class ShortTurns {
 public:
  void begin();
  // On the same thread.
  void end();

 private:
  bool on_ = false;
};

}  // namespace wattle::engine
