#include "runtime/memory_trim.h"

#include <malloc.h>

namespace wattle::runtime {

void trim_memory_soon(async::Worker& worker) {
  thread_local bool is_asked_for = false;
  if (is_asked_for) return;
  is_asked_for = true;
  worker.post([] {
    is_asked_for = false;
    malloc_trim(0);
  });
}

}  // namespace wattle::runtime
