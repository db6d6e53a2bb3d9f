// The program's own log: lines of text for people, or one JSON object a line for machines, on stderr. `main`
// makes one and hands it on; there is no global log.
//
//   Log log({.level = LogLevel::info, .format = LogFormat::json});
//   log.info("listening", {{"address", "127.0.0.1:8000"}});
//
// Safe to use from any thread.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace spdlog {
class logger;
}

namespace wattle::telemetry {

enum class LogLevel : uint8_t { trace, debug, info, warn, error, off };
enum class LogFormat : uint8_t { text, json };

// "trace", "debug", "info", "warn", "error" or "off". Refused (invalid_argument): anything else.
Result<LogLevel> parse_log_level(std::string_view text);
std::string_view to_string(LogLevel level);

struct LogOptions {
  LogLevel level = LogLevel::info;
  LogFormat format = LogFormat::text;
  std::string file;  // instead of stderr; appended to
};

// What a line is about, besides its message.
struct LogField {
  std::string_view name;
  std::string_view value;
};
using LogFields = std::initializer_list<LogField>;

class Log {
 public:
  // Colour only if stderr is a terminal, TERM is not "dumb" and NO_COLOR is not set.
  explicit Log(const LogOptions& options = {});
  // Refused: a file that cannot be opened for writing.
  static Result<Log> open(const LogOptions& options);

  bool enabled(LogLevel level) const;
  void write(LogLevel level, std::string_view message, LogFields fields = {}) const;
  void debug(std::string_view message, LogFields fields = {}) const {
    write(LogLevel::debug, message, fields);
  }
  void info(std::string_view message, LogFields fields = {}) const { write(LogLevel::info, message, fields); }
  void warn(std::string_view message, LogFields fields = {}) const { write(LogLevel::warn, message, fields); }
  void error(std::string_view message, LogFields fields = {}) const {
    write(LogLevel::error, message, fields);
  }
  // An error with its causes and its remedy.
  void error(const Error& error, LogFields fields = {}) const;
  void flush() const;

 private:
  explicit Log(std::shared_ptr<spdlog::logger> logger, LogFormat format);

  std::shared_ptr<spdlog::logger> logger_;
  LogFormat format_ = LogFormat::text;
};

// `text` between quotes, as JSON has it; bytes that are not UTF-8 become U+FFFD.
void append_json_string(std::string& out, std::string_view text);

}  // namespace wattle::telemetry
