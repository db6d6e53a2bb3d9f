#include "cli/output.h"

#include <unistd.h>

#include <boost/json.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>

namespace wattle::cli {
namespace {

constexpr std::string_view kRed = "\x1b[1;31m";
constexpr std::string_view kYellow = "\x1b[1;33m";
constexpr std::string_view kBold = "\x1b[1m";
constexpr std::string_view kPlain = "\x1b[0m";

void write_whole(FILE* stream, std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stream);
  std::fflush(stream);
}

boost::json::object to_json(const Error& error) {
  boost::json::object object{{"code", to_string(error.code())}, {"message", error.message()}};
  const Error* deepest = &error;
  if (error.cause() != nullptr) object["cause"] = to_json(*error.cause());
  while (deepest->remedy().empty() && deepest->cause() != nullptr) deepest = deepest->cause();
  if (!deepest->remedy().empty()) object["remedy"] = deepest->remedy();
  return object;
}

}  // namespace

int exit_code(const Error& error) {
  switch (error.code()) {
    case ErrorCode::trap:
      return kExitTrap;
    case ErrorCode::deadline_exceeded:
    case ErrorCode::cpu_time_exceeded:
      return kExitTimeout;
    case ErrorCode::memory_exceeded:
      return kExitMemory;
    case ErrorCode::cancelled:
      return kExitSignal + SIGINT;
    default:
      return kExitRefused;
  }
}

void Output::line(std::string_view text) const {
  write_whole(stdout, std::string(text) + "\n");
}

Result<void> Output::finish() const {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return {};
  return failure(Error(ErrorCode::io, "cannot write the result to standard output")
                     .with_remedy("check where it goes: a full disk or a closed descriptor takes nothing"));
}

void Output::error(const Error& error) const {
  report("error", kRed, error);
}

void Output::warning(const Error& error) const {
  report("warning", kYellow, error);
}

void Output::report(std::string_view kind, std::string_view color, const Error& error) const {
  if (json()) {
    write_whole(stderr, boost::json::serialize(boost::json::object{{kind, to_json(error)}}) + "\n");
    return;
  }
  auto paint = [&](std::string_view code) { return options_.color ? code : std::string_view(); };
  std::string text = fmt::format("{}{}:{} {}\n", paint(color), kind, paint(kPlain), error.message());
  const Error* remedy = error.remedy().empty() ? nullptr : &error;
  for (const Error* cause = error.cause(); cause != nullptr; cause = cause->cause()) {
    text += fmt::format("  cause: {}\n", cause->message());
    if (remedy == nullptr && !cause->remedy().empty()) remedy = cause;
  }
  if (remedy != nullptr)
    text += fmt::format("  {}remedy:{} {}\n", paint(kBold), paint(kPlain), remedy->remedy());
  write_whole(stderr, text);
}

Progress::Progress(std::string what) : what_(std::move(what)) {
  if (isatty(STDERR_FILENO) == 1) thread_ = std::thread([this] { show(); });
}

Progress::~Progress() {
  if (!thread_.joinable()) return;
  {
    std::lock_guard lock(mutex_);
    done_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Progress::show() {
  std::unique_lock lock(mutex_);
  bool shown = false;
  for (int seconds = 1; !changed_.wait_for(lock, std::chrono::seconds(1), [this] { return done_; });
       ++seconds) {
    write_whole(stderr, fmt::format("\r{} ... {}s", what_, seconds));
    shown = true;
  }
  if (shown) write_whole(stderr, "\r\x1b[K");
}

std::string json_string(std::string_view text) {
  return boost::json::serialize(boost::json::string(text));
}

}  // namespace wattle::cli
