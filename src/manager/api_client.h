// wadm's API from the side of who asks: the command line.
//
//   ApiClient manager(bus, {.lattice = "default"});
//   WATTLE_TRY(auto put, manager.put(text));
//   WATTLE_TRY(auto deployed, manager.deploy(put.name, put.current_version));
//
// What may be asked twice is asked again while nobody answers: a manager that has stopped just now may still
// be given requests.
//
// Errors: unavailable when no manager answers (its remedy says what to start), deadline_exceeded when one
// does not in time, malformed for an answer that cannot be read, and what the manager refused with: its code,
// where it is wattle's, else invalid_argument or not_found.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "lattice/bus.h"
#include "manager/api_types.h"
#include "manager/images.h"

namespace wattle::manager {

struct ApiClientOptions {
  std::string lattice = std::string("default");
  Duration request_timeout = std::chrono::seconds(5);
};

class ApiClient {
 public:
  // `bus` outlives it.
  explicit ApiClient(lattice::Bus& bus, ApiClientOptions options = {})
      : bus_(bus), options_(std::move(options)) {}

  // Here and below: `problems`, unless null, gets each problem of a manifest that is refused, with its place
  // in the text that was put. A manager of the version before tells them in the message alone.
  Result<api::PutAnswer> put(std::string_view manifest, Problems* problems = nullptr);
  // One that is refused is no failure: its problems are in the answer.
  Result<api::ValidateAnswer> validate(std::string_view manifest);
  // The table in force. wattle's own, where the manager is one that does not know the question.
  Result<ImageTable> images();
  // Every application.
  Result<std::vector<api::Summary>> list();
  // Without a version: the newest.
  Result<api::GetAnswer> get(std::string_view name, const std::optional<std::string>& version = {});
  Result<std::vector<api::VersionAnswer>> versions(std::string_view name);
  // Refused also: deployed applications use what it shares and this version does not, and it is not forced;
  // undeploy, roll_back and remove likewise.
  Result<api::DeployAnswer> deploy(std::string_view name, const std::optional<std::string>& version = {},
                                   bool force = false, Problems* problems = nullptr);
  Result<api::DeployAnswer> undeploy(std::string_view name, bool force = false);
  // Without a version: the one that was deployed before.
  Result<api::DeployAnswer> roll_back(std::string_view name, const std::optional<std::string>& version = {},
                                      bool force = false);
  // Without a version: all of it. Nothing to delete is no failure: the result is "noop".
  Result<api::DeleteAnswer> remove(std::string_view name, const std::optional<std::string>& version = {},
                                   bool force = false);
  Result<api::StatusAnswer> status(std::string_view name);
  Result<std::vector<HistoryEntry>> history(std::string_view name);
  Result<api::DiffAnswer> diff(std::string_view name, const std::optional<std::string>& version = {});
  // Of a manifest that was not put.
  Result<api::DiffAnswer> diff_manifest(std::string_view name, std::string_view manifest,
                                        Problems* problems = nullptr);

  // Calls `told` with each status that a manager tells of the application, as long as the subscription lives.
  Result<std::unique_ptr<lattice::BusSubscription>> follow(
      std::string_view name, std::function<void(const ApplicationStatus& status)> told);

 private:
  template <class Answer>
  Result<Answer> ask(std::string_view operation, std::string_view name, std::string_view body,
                     Problems* problems = nullptr);
  template <class Answer>
  Result<Answer> ask_version(std::string_view operation, std::string_view name,
                             const std::optional<std::string>& version, bool force = false,
                             Problems* problems = nullptr);
  // The first answer; `repeatable`: to any of several requests, sent one after the other.
  Result<lattice::Message> request(std::string_view subject, std::string_view body, bool repeatable);
  Error unanswered(const Error& why, std::string_view subject) const;

  lattice::Bus& bus_;
  ApiClientOptions options_;
};

}  // namespace wattle::manager
