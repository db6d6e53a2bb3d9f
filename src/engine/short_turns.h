// Short turns on the processor, for threads that must not stand in others' way or that others wait for.
//
// Linux lets a thread finish its turn (some ms) before one that has just become ready gets the processor. A
// thread whose guest runs on and on delays the watchdog and all of the process's neighbours by that, so
// threads with guests, and the watchdog, ask for turns of 0.1 ms. Their share of the processor stays the
// same. Linux 6.12 or newer; before, this does nothing, and there is less need: a waking thread was let in
// sooner.
#pragma once

namespace wattle::engine {

// For the calling thread, from now on.
void take_short_turns();

}  // namespace wattle::engine
