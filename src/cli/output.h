// How the command speaks: results on stdout as text or JSON, errors and progress on stderr, colour on a
// terminal only.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "base/result.h"

namespace wattle::cli {

enum class Format { text, json };

// Exit codes of every verb. `wattle run` otherwise ends with the guest's own.
inline constexpr int kExitSuccess = 0;
inline constexpr int kExitGuestFailed = 1;  // the guest returned an error
inline constexpr int kExitDiffers = 1;      // `wattle app diff`: something would change
inline constexpr int kExitRefused = 2;      // wattle refused: arguments, files, components, ports
inline constexpr int kExitTimeout = 124;    // deadline or CPU time, as timeout(1) does
inline constexpr int kExitTrap = 134;       // the guest trapped, as a process that aborts
inline constexpr int kExitMemory = 137;  // the guest hit its memory limit, as a process that is killed for it
inline constexpr int kExitSignal = 128;  // plus the signal's number: wattle was told to end, as shells say it

int exit_code(const Error& error);

struct OutputOptions {
  Format format = Format::text;
  bool color = false;  // of stderr
};

class Output {
 public:
  explicit Output(OutputOptions options) : options_(options) {}

  bool json() const { return options_.format == Format::json; }
  // One line on stdout, whole.
  void line(std::string_view text) const;
  // "error: message", the chain of causes and the remedy on stderr; one JSON object there with -o json.
  void error(const Error& error) const;
  // The same, as "warning:": wattle goes on.
  void warning(const Error& error) const;
  // Whether all lines reached stdout. Refuses with io: a full disk, a closed descriptor.
  Result<void> finish() const;

 private:
  void report(std::string_view kind, std::string_view color, const Error& error) const;

  OutputOptions options_;
};

// A line on stderr that appears when something takes longer than a second, with the seconds counting up; only
// on a terminal. It disappears when the scope ends.
class Progress {
 public:
  explicit Progress(std::string what);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

 private:
  void show();

  std::string what_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;
  std::thread thread_;
};

// `text` as a JSON string, with quotes.
std::string json_string(std::string_view text);

}  // namespace wattle::cli
