// The JSON of wadm's API (wasmCloud v1), in both directions, with wadm's field names; and what wattle adds to
// it: fields that wadm's clients leave out, and operations of its own.
//
//   wadm.api.{lattice}.model.put            a manifest, as YAML or JSON
//   wadm.api.{lattice}.model.get            every application, in a GetAll
//   wadm.api.{lattice}.model.deploy.{name}  {"version": "1.2.0"}, or nothing
//   wadm.status.{lattice}.{name}            an ApplicationStatus, whenever it changes
//
// wattle's own operations: validate, images, history.{name}, rollback.{name}, diff.{name}.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "manager/application_record.h"
#include "manager/problem.h"
#include "manager/status.h"

namespace wattle::manager::api {

// ---- subjects

// "wadm.api.default.model.deploy.shop"; `name` empty: none.
std::string subject(std::string_view lattice, std::string_view operation, std::string_view name = {});
std::string status_subject(std::string_view lattice, std::string_view name);

struct Subject {
  std::string_view operation;  // "deploy"
  std::string_view name;       // empty: none
};
// Nothing for another lattice's subjects, and for more or fewer words.
std::optional<Subject> parse_subject(std::string_view lattice, std::string_view subject);

// ---- requests

// Of get, deploy, undeploy, del, rollback, diff. Without a body, and with the version "latest": none.
struct VersionRequest {
  std::optional<std::string> version{};
  std::optional<bool> force{};  // wattle's: undeploy and del, also what others use
};
Result<VersionRequest> parse_version_request(std::string_view body);
std::string to_json(const VersionRequest& request);

// ---- answers

// What an operation that there is not is refused with.
inline constexpr std::string_view kUnsupportedSubject = "unsupported subject";

namespace result {
inline constexpr std::string_view kError = "error";
inline constexpr std::string_view kSuccess = "success";
inline constexpr std::string_view kNotFound = "notfound";
inline constexpr std::string_view kCreated = "created";
inline constexpr std::string_view kNewVersion = "newversion";
inline constexpr std::string_view kAcknowledged = "acknowledged";
inline constexpr std::string_view kDeleted = "deleted";
inline constexpr std::string_view kNoop = "noop";
inline constexpr std::string_view kOk = "ok";
}  // namespace result

// What all of them begin with.
struct Outcome {
  std::string result{};
  std::string message{};
  // wattle's, of a refusal: which ErrorCode it was, and the remedy, with which the message ends.
  std::optional<std::string> code{};
  std::optional<std::string> remedy{};
};

struct ProblemAnswer {
  std::string severity{};  // "error", "warning"
  uint32_t line = 0;       // in the text that was put
  uint32_t column = 0;
  std::string path{};
  std::string message{};
  std::optional<std::string> remedy{};
  bool operator==(const ProblemAnswer&) const = default;
};

// What those begin with that check a manifest. wattle's, of one that is refused: what the message says, each
// problem by itself. Nothing where there is no room for it beside the message, and of a manager that is
// older.
struct ManifestOutcome : Outcome {
  std::vector<ProblemAnswer> problems{};
  uint64_t more_problems = 0;  // beyond these
};

struct PutAnswer : ManifestOutcome {
  uint64_t total_versions = 0;
  std::string current_version{};
  std::string name{};
  // wattle's.
  std::optional<bool> unchanged{};  // this very version was there already
  std::vector<std::string> warnings{};
};

struct GetAnswer : Outcome {
  std::optional<boost::json::object> manifest{};
  // wattle's: as it was put.
  std::optional<std::string> text{};
  std::optional<std::string> version{};
};

struct Summary {
  std::string name{};
  std::string version{};  // the newest
  std::optional<std::string> description{};
  std::optional<std::string> deployed_version{};
  ApplicationStatus detailed_status{};
  std::string status{};  // its type and message, for older clients
  std::optional<std::string> status_message{};
};
struct ListAnswer : Outcome {
  std::vector<Summary> models{};
};

struct VersionAnswer {
  std::string version{};
  bool deployed = false;
  // wattle's.
  std::optional<std::string> created{};
  std::optional<std::string> description{};
};
struct VersionsAnswer : Outcome {
  std::vector<VersionAnswer> versions{};
};

// Of deploy, undeploy and rollback.
struct DeployAnswer : ManifestOutcome {
  std::string name{};
  std::optional<std::string> version{};
};

struct DeleteAnswer : Outcome {
  bool undeploy = false;
};

struct StatusAnswer : Outcome {
  std::optional<ApplicationStatus> status{};
  // wattle's: the version that the status is of.
  std::optional<std::string> deployed_version{};
};

struct HistoryAnswer : Outcome {
  std::vector<HistoryEntry> history{};
};

// One thing that a deploy would do.
struct Difference {
  std::string kind{};    // "add", "change", "remove"
  std::string object{};  // "component shop-api", "link shop-api -(wasi:keyvalue)-> shop-kv"
  std::string detail{};  // "ghcr.io/example/api:1 -> :2, 3 instances on calm-reed-4821"
  bool operator==(const Difference&) const = default;
};
struct DiffAnswer : ManifestOutcome {
  std::string name{};
  std::optional<std::string> version{};
  std::vector<Difference> differences{};
};

// Its problems are warnings, too, and of a manifest that is not refused.
struct ValidateAnswer : ManifestOutcome {
  std::string name{};
};

struct ImagesAnswer : Outcome {
  std::string table{};  // the one in force, as YAML: see images.h
};

// Writes and reads any of them, and ApplicationStatus. Refused: malformed; `what` names it.
template <class Answer>
std::string to_json(const Answer& answer);
template <class Answer>
Result<Answer> parse(std::string_view json, std::string_view what);

// "error", with all that the error says.
Outcome refused(const Error& error, std::string_view result = result::kError);
// What refused() was made of.
Error error_of(const Outcome& outcome);

}  // namespace wattle::manager::api
