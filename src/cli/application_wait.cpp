#include "cli/application_wait.h"

#include <algorithm>

#include "base/parse.h"

namespace wattle::cli {
namespace {

using manager::StatusKind;

// A status that is told may be lost, and not every object's change is told.
constexpr Duration kAskAgain = std::chrono::milliseconds(250);
// What fails is tried again, and a version that does is rolled back: both are worth a moment.
constexpr Duration kFailedFor = std::chrono::seconds(2);

}  // namespace

Result<std::unique_ptr<ApplicationWait>> ApplicationWait::begin(Lattice& lattice, std::string name,
                                                                const Output& output) {
  std::unique_ptr<ApplicationWait> wait(new ApplicationWait(lattice, std::move(name), output));
  ApplicationWait* const self = wait.get();
  WATTLE_TRY(wait->subscription_,
             wait->manager_.follow(self->name_,
                                   [self](const manager::ApplicationStatus&) { self->told_.notify(); }));
  return wait;
}

Result<manager::api::StatusAnswer> ApplicationWait::next(TimePoint until) {
  for (;;) {
    if (asked_) {
      async::Signal* const signals[] = {&told_};
      WATTLE_CHECK(async::Signal::wait_any(signals, std::min(until, Clock::now() + kAskAgain)));
    }
    asked_ = true;
    const async::DeadlineScope deadline(until);
    auto answer = manager_.status(name_);
    const bool may_mend = !answer && (answer.error().code() == ErrorCode::unavailable ||
                                      answer.error().code() == ErrorCode::deadline_exceeded);
    if (!may_mend || Clock::now() >= until) return answer;
  }
}

void ApplicationWait::tell(const manager::ApplicationStatus& status) {
  last_ = status;
  const auto lines = changes_.of(status);
  if (output_.json()) return;
  for (const std::string& line : lines) output_.line(line);
}

Error ApplicationWait::late(Duration timeout) const {
  return Error(ErrorCode::deadline_exceeded,
               fmt::format("{} is still {} after {}{}", name_, to_string(last_.status.kind),
                           format_duration(timeout), reasons(last_)))
      .with_remedy(fmt::format(
          "it goes on: \"wattle app status {} --watch\" shows how; --timeout gives it longer", name_));
}

// Whether the history says that after `version` something else was to be.
Result<void> ApplicationWait::check_not_replaced(const std::string& version) {
  const auto history = manager_.history(name_);
  if (!history) return {};
  const auto is_start = [&](const manager::HistoryEntry& entry) {
    return entry.version == version && (entry.what == "deployed" || entry.what == "rolled back");
  };
  const auto start = std::find_if(history->rbegin(), history->rend(), is_start);
  for (auto entry = start.base(); start != history->rend() && entry != history->end(); ++entry) {
    if (entry->what != "deployed" && entry->what != "rolled back" && entry->what != "undeployed") continue;
    const bool undone = entry->what == "rolled back";
    return failure(Error(ErrorCode::unavailable,
                         fmt::format("{} {} {}{}{}", name_, version,
                                     undone                        ? "was rolled back to " + entry->version
                                     : entry->what == "undeployed" ? std::string("was undeployed")
                                                                   : "was replaced by " + entry->version,
                                     entry->why.empty() ? "" : ": ", entry->why))
                       .with_remedy(fmt::format("\"wattle app history {}\" tells all", name_)));
  }
  return {};
}

bool ApplicationWait::has_failed(TimePoint until) {
  if (last_.status.kind != StatusKind::failed) {
    failed_since_.reset();
    return false;
  }
  const TimePoint now = Clock::now();
  if (!failed_since_) failed_since_ = now;
  return now >= std::min(*failed_since_ + kFailedFor, until);
}

Result<manager::ApplicationStatus> ApplicationWait::until_deployed(const std::string& version,
                                                                   Duration timeout) {
  const TimePoint until = Clock::now() + timeout;
  for (;;) {
    const auto answer = next(until);
    const bool late_now = Clock::now() >= until;
    if (!answer && late_now && answer.error().code() == ErrorCode::deadline_exceeded)
      return failure(late(timeout));
    if (!answer) return failure(answer.error());
    if (answer->status) tell(*answer->status);
    if (answer->deployed_version != version) {
      WATTLE_CHECK(check_not_replaced(version));
    } else if (last_.status.kind == StatusKind::deployed) {
      return last_;
    } else if (has_failed(until)) {
      return failure(
          Error(ErrorCode::unavailable, fmt::format("{} {} failed{}", name_, version, reasons(last_)))
              .with_remedy(fmt::format("mend what is named there, and deploy again; or: wattle app "
                                       "rollback {}",
                                       name_)));
    }
    if (late_now) return failure(late(timeout));
  }
}

Result<void> ApplicationWait::until_undeployed(Duration timeout) {
  const TimePoint until = Clock::now() + timeout;
  for (;;) {
    const auto answer = next(until);
    const bool late_now = Clock::now() >= until;
    if (!answer && late_now && answer.error().code() == ErrorCode::deadline_exceeded)
      return failure(late(timeout));
    if (!answer) return failure(answer.error());
    if (answer->status) tell(*answer->status);
    if (answer->deployed_version)
      return failure(ErrorCode::unavailable, "{} was deployed again meanwhile, in version {}", name_,
                     *answer->deployed_version);
    // With a message, something is still to be taken down.
    if (last_.status.kind == StatusKind::undeployed && last_.status.message.empty()) return {};
    if (late_now) return failure(late(timeout));
  }
}

}  // namespace wattle::cli
