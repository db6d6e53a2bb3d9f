#include "telemetry/log.h"

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/ansicolor_sink.h>
#include <spdlog/sinks/basic_file_sink.h>

#include <array>

namespace wattle::telemetry {
namespace {

constexpr std::array<std::string_view, 6> kLevels{"trace", "debug", "info", "warn", "error", "off"};

// Lines carry UTC with milliseconds, so that logs of several hosts can be merged.
constexpr const char* kTextPattern = "%Y-%m-%dT%H:%M:%S.%eZ %^%l%$ %v";
constexpr const char* kJsonPattern = R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})";

spdlog::level::level_enum native(LogLevel level) {
  switch (level) {
    case LogLevel::trace:
      return spdlog::level::trace;
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warn:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
    case LogLevel::off:
      return spdlog::level::off;
  }
  return spdlog::level::info;
}

std::shared_ptr<spdlog::logger> make_logger(spdlog::sink_ptr sink, const LogOptions& options) {
  auto logger = std::make_shared<spdlog::logger>("wattle", std::move(sink));
  logger->set_level(native(options.level));
  logger->set_formatter(std::make_unique<spdlog::pattern_formatter>(
      options.format == LogFormat::json ? kJsonPattern : kTextPattern, spdlog::pattern_time_type::utc));
  logger->flush_on(spdlog::level::trace);
  return logger;
}

spdlog::sink_ptr stderr_sink(const LogOptions& options) {
  const bool plain = options.format == LogFormat::json || std::getenv("NO_COLOR") != nullptr;
  return std::make_shared<spdlog::sinks::ansicolor_stderr_sink_mt>(plain ? spdlog::color_mode::never
                                                                         : spdlog::color_mode::automatic);
}

// A well-formed UTF-8 sequence at the start of `text`: its bytes, or 0 (Unicode 15, table 3-7).
size_t sequence_bytes(std::string_view text) {
  const auto at = [&](size_t index) { return static_cast<unsigned char>(text[index]); };
  const unsigned char first = at(0);
  const size_t count = first < 0x80                    ? 1
                       : first >= 0xc2 && first < 0xe0 ? 2
                       : first >= 0xe0 && first < 0xf0 ? 3
                       : first >= 0xf0 && first < 0xf5 ? 4
                                                       : 0;
  if (count == 0 || count > text.size()) return 0;
  for (size_t index = 1; index < count; ++index)
    if ((at(index) & 0xc0) != 0x80) return 0;
  if (first == 0xe0 && at(1) < 0xa0) return 0;
  if (first == 0xed && at(1) > 0x9f) return 0;
  if (first == 0xf0 && at(1) < 0x90) return 0;
  if (first == 0xf4 && at(1) > 0x8f) return 0;
  return count;
}

// One line, whatever the text holds: control characters would let a message forge lines or drive a terminal.
void append_text(std::string& out, std::string_view text) {
  for (unsigned char c : text) {
    if (c < 0x20 || c == 0x7f) {
      out += fmt::format("\\x{:02x}", c);
    } else {
      out += static_cast<char>(c);
    }
  }
}

}  // namespace

Result<LogLevel> parse_log_level(std::string_view text) {
  for (size_t index = 0; index < kLevels.size(); ++index)
    if (kLevels[index] == text) return static_cast<LogLevel>(index);
  return failure(Error(ErrorCode::invalid_argument, fmt::format("\"{}\" is not a log level", text))
                     .with_remedy("use trace, debug, info, warn, error or off"));
}

std::string_view to_string(LogLevel level) {
  return kLevels[static_cast<size_t>(level)];
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const auto c = static_cast<unsigned char>(text.front());
    size_t taken = 1;
    if (c == '"' || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c < 0x20 || c == 0x7f) {
      out += fmt::format("\\u{:04x}", c);
    } else if (taken = sequence_bytes(text); taken > 0) {
      out += text.substr(0, taken);
    } else {
      taken = 1;
      out += "\xef\xbf\xbd";
    }
    text.remove_prefix(taken);
  }
  out += '"';
}

Log::Log(const LogOptions& options) : Log(make_logger(stderr_sink(options), options), options.format) {}

Log::Log(std::shared_ptr<spdlog::logger> logger, LogFormat format)
    : logger_(std::move(logger)), format_(format) {}

Result<Log> Log::open(const LogOptions& options) {
  if (options.file.empty()) return Log(options);
  try {
    auto sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(options.file);
    return Log(make_logger(std::move(sink), options), options.format);
  } catch (const spdlog::spdlog_ex& problem) {
    return failure(ErrorCode::io, "cannot write the log to \"{}\": {}", options.file, problem.what());
  }
}

bool Log::enabled(LogLevel level) const {
  return logger_->should_log(native(level));
}

void Log::write(LogLevel level, std::string_view message, LogFields fields) const {
  if (level == LogLevel::off || !enabled(level)) return;
  std::string line;
  if (format_ == LogFormat::json) {
    line += "\"message\":";
    append_json_string(line, message);
    for (const LogField& field : fields) {
      line += ',';
      append_json_string(line, field.name);
      line += ':';
      append_json_string(line, field.value);
    }
  } else {
    append_text(line, message);
    for (const LogField& field : fields) {
      line.append(" ").append(field.name).append("=");
      append_text(line, field.value);
    }
  }
  logger_->log(native(level), spdlog::string_view_t(line.data(), line.size()));
}

void Log::error(const Error& error, LogFields fields) const {
  std::string text = error.full_message();
  if (!error.remedy().empty()) text += " (" + error.remedy() + ")";
  write(LogLevel::error, text, fields);
}

void Log::flush() const {
  logger_->flush();
}

}  // namespace wattle::telemetry
