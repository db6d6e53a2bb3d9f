// wasi:logging, which components import with a version and without one.
#include "bindings/add_to.h"
#include "bindings/invocation.h"

template <>
inline constexpr uint32_t wattle::kCaseCount<wattle::bindings::LogLevel> = 6;

namespace wattle::bindings {

void add_logging(runtime::Linker& linker) {
  linker.function(
      "wasi:logging/logging@0.1.0-draft", "log",
      [](runtime::Host& host, LogLevel level, std::string_view context, std::string_view message) {
        invocation_of(host).resolver().log(level, context, message);
      });
}

}  // namespace wattle::bindings
