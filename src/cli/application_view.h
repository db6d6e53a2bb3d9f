// How an application does, for people: the lines and tables of `wattle app status` and of `--wait`.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "manager/status.h"

namespace wattle::cli {

// All of it, without a line end behind the last line. `version` empty: none is deployed.
std::string application_text(std::string_view name, std::string_view version,
                             const manager::ApplicationStatus& status);

// "api 2/3, reconciling: one host is gone": of a link or a config without the numbers.
std::string object_line(const manager::ObjectStatus& object);

// Tells only what is another than the last time: a line for each object and for the rollout.
class StatusChanges {
 public:
  std::vector<std::string> of(const manager::ApplicationStatus& status);

 private:
  std::map<std::string, std::string> lines_;  // by the object's id
  std::string rollout_;
};

// Every object that is not as declared, with why; the application's own message where none says more.
std::string reasons(const manager::ApplicationStatus& status);

}  // namespace wattle::cli
