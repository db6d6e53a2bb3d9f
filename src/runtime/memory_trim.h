// Gives memory that was freed back to the operating system. glibc does so by itself only at the end of its
// heap, and a hundred isolates that were dropped leave holes: without this, a component that went idle keeps
// most of what it took.
#pragma once

#include "async/fiber.h"

namespace wattle::runtime {

// Trims the process's heap as soon as everything that is ready now on `worker` has run; several requests
// until then are one. On the worker's thread. Takes some 10 ms after a hundred isolates: ask for it when much
// was freed, and together with others.
void trim_memory_soon(async::Worker& worker);

}  // namespace wattle::runtime
