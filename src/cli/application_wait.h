// Waiting for an application to become as the store has it, with a line for whatever changes on the way.
//
//   WATTLE_TRY(auto wait, ApplicationWait::begin(lattice, "shop", output));   // before what it waits for
//   WATTLE_TRY(auto answer, manager.deploy("shop", "2"));
//   WATTLE_TRY(auto status, wait->until_deployed("2", timeout));
#pragma once

#include <memory>
#include <string>

#include "cli/app.h"
#include "cli/application_view.h"

namespace wattle::cli {

class ApplicationWait {
 public:
  static Result<std::unique_ptr<ApplicationWait>> begin(Lattice& lattice, std::string name,
                                                        const Output& output);

  // Refused: unavailable, with the reasons (it failed, or another version took its place: rolled back);
  // deadline_exceeded, with what is missing.
  Result<manager::ApplicationStatus> until_deployed(const std::string& version, Duration timeout);
  // Until nothing of it is there any more.
  Result<void> until_undeployed(Duration timeout);

 private:
  ApplicationWait(Lattice& lattice, std::string name, const Output& output)
      : manager_(manager_of(lattice)), name_(std::move(name)), output_(output) {}
  // The next status; a manager that does not answer is asked again until `until`.
  Result<manager::api::StatusAnswer> next(TimePoint until);
  Result<void> check_not_replaced(const std::string& version);
  // Whether it has been failing for longer than a moment.
  bool has_failed(TimePoint until);
  void tell(const manager::ApplicationStatus& status);
  Error late(Duration timeout) const;

  manager::ApiClient manager_;
  std::string name_;
  const Output& output_;
  StatusChanges changes_;
  manager::ApplicationStatus last_;
  std::optional<TimePoint> failed_since_{};
  bool asked_ = false;
  async::Signal told_;
  std::unique_ptr<lattice::BusSubscription> subscription_;
};

}  // namespace wattle::cli
