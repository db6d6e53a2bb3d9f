// wattle app status: how an application does, once or as it changes.

#include <unistd.h>

#include <algorithm>
#include <array>

#include "cli/app.h"
#include "cli/application_view.h"
#include "cli/interrupt.h"
#include "cli/window.h"

namespace wattle::cli {
namespace {

constexpr Duration kAskAgain = std::chrono::seconds(1);
// Home, all cleared; and no line goes on in the next one, however wide its characters are.
constexpr std::string_view kFromTheTop = "\x1b[H\x1b[J\x1b[?7l";
constexpr std::string_view kDrawn = "\x1b[?7h";

struct StatusOptions : ApplicationOptions {
  bool watch = false;
};

// Tells each answer that is another than the one before: all of it on a terminal, else what has changed.
class Watcher {
 public:
  explicit Watcher(std::string name, const Output& output)
      : name_(std::move(name)), output_(output), live_(!output.json() && ::isatty(STDOUT_FILENO) == 1) {}

  void tell(const manager::api::StatusAnswer& answer) {
    const std::string json = manager::api::to_json(answer);
    if (json == last_) return draw_again();
    last_ = json;
    if (output_.json()) return output_.line(json);
    const manager::ApplicationStatus status = answer.status.value_or(manager::ApplicationStatus{});
    const std::string version = answer.deployed_version.value_or("");
    if (live_) return draw(table_ = application_text(name_, version, status));
    tell_changes(version, status);
  }
  // A manager that does not answer, which may pass.
  void tell_silence(const Error& error) {
    if (last_ == error.message()) return draw_again();
    last_ = error.message();
    if (live_) return draw(last_ + "\n\n" + table_);
    if (!output_.json()) output_.line(last_);
  }

 private:
  void draw(std::string text) {
    drawn_ = std::move(text);
    window_ = window_of(STDOUT_FILENO);
    output_.line(fmt::format("{}{}{}", kFromTheTop, cut_to(window_, drawn_), kDrawn));
  }
  // Where the window is another one.
  void draw_again() {
    if (live_ && window_of(STDOUT_FILENO) != window_) draw(std::move(drawn_));
  }
  void tell_changes(const std::string& version, const manager::ApplicationStatus& status) {
    const std::string head =
        fmt::format("{}{}{}: {}", name_, version.empty() ? "" : " ", version, to_string(status.status.kind));
    for (const std::string& line : changes_.of(status)) output_.line(line);
    if (head != head_) output_.line(head);
    head_ = head;
  }

  std::string name_;
  const Output& output_;
  bool live_;
  Window window_;
  std::string table_;  // as it was told last
  std::string drawn_;  // with what is said above it
  StatusChanges changes_;
  std::string head_;
  std::string last_;
};

Result<void> watch(Lattice& lattice, const StatusOptions& options, const Output& output) {
  manager::ApiClient manager = manager_of(lattice);
  Interrupt interrupt(lattice.bus.worker());
  async::Signal told;
  WATTLE_TRY(const auto following,
             manager.follow(options.name, [&](const manager::ApplicationStatus&) { told.notify(); }));
  Watcher watcher(options.name, output);
  std::array<async::Signal*, 2> signals{&told, &interrupt.signal()};
  for (bool first = true; !interrupt.came(); first = false) {
    const auto answer = manager.status(options.name);
    const bool silent = !answer && (answer.error().code() == ErrorCode::unavailable ||
                                    answer.error().code() == ErrorCode::deadline_exceeded);
    if (!answer && (first || !silent)) return failure(answer.error());
    if (answer)
      watcher.tell(*answer);
    else
      watcher.tell_silence(answer.error());
    if (!interrupt.came()) WATTLE_CHECK(async::Signal::wait_any(signals, Clock::now() + kAskAgain));
  }
  return {};
}

Result<void> status(Lattice& lattice, const StatusOptions& options, const Output& output) {
  if (options.watch) return watch(lattice, options, output);
  WATTLE_TRY(const auto answer, manager_of(lattice).status(options.name));
  output.line(output.json() ? manager::api::to_json(answer)
                            : application_text(options.name, answer.deployed_version.value_or(""),
                                               answer.status.value_or(manager::ApplicationStatus{})));
  return {};
}

}  // namespace

void add_app_status(CLI::App& verbs, Session& session) {
  auto* verb = verbs.add_subcommand(
      "status", "Shows how an application does: its objects, its revisions, who uses what of whom");
  auto options = std::make_shared<StatusOptions>();
  options->add_to(*verb);
  options->add_name(*verb);
  verb->add_flag("--watch", options->watch,
                 "Until it is interrupted: a live table on a terminal, else a line for each change");
  verb->footer("Examples:\n  wattle app status shop\n  wattle app status shop --watch");
  on_lattice<StatusOptions>(*verb, session, options, status);
}

}  // namespace wattle::cli
