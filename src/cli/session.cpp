#include "cli/session.h"

#include <unistd.h>

#include <cstdlib>

#include "cli/load.h"
#include "engine/engine.h"
#include "telemetry/log.h"

namespace wattle::cli {
namespace {

bool wants_color() {
  const char* no_color = std::getenv("NO_COLOR");
  return isatty(STDERR_FILENO) == 1 && (no_color == nullptr || *no_color == '\0');
}

}  // namespace

Output Session::output() const {
  return Output({.format = format == "json" ? Format::json : Format::text, .color = wants_color()});
}

Result<void> start_engine(const Session& session) {
  engine::EngineOptions options;
  if (!session.no_cache)
    options.cache_directory =
        session.cache_directory.empty() ? default_cache_directory() : session.cache_directory;
  if (auto usable = check_cache_directory(options.cache_directory); !usable) {
    if (*telemetry::parse_log_level(session.log_level) <= telemetry::LogLevel::warn)
      session.output().warning(usable.error());
    options.cache_directory.clear();
  }
  return engine::start(options);
}

}  // namespace wattle::cli
