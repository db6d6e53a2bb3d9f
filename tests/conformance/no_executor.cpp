// Without a runtime the runner validates and counts the rest as skipped.

#include "executor.h"

namespace wattle::conformance {

std::unique_ptr<Executor> make_executor() {
  return nullptr;
}

}  // namespace wattle::conformance
