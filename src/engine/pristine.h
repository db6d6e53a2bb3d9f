// What a store remembers to go back to.
#pragma once

#include <v8.h>

#include <vector>

#include "engine/page_image.h"

namespace wattle::engine {

struct Pristine {
  std::vector<PristineMemory> memories;
  std::vector<v8::Global<v8::Function>> restore_globals;
  FaultCount faults;  // when the last look for strays was over
  uint32_t resets = 0;
};

}  // namespace wattle::engine
