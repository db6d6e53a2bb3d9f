#include "manager/api_client.h"

#include "async/fiber_group.h"
#include "base/parse.h"
#include "manager/read.h"
#include "nats/error.h"

namespace wattle::manager {
namespace {

constexpr std::string_view kIsAManagerRunning =
    "is a manager running? \"wattle up\" has one, \"wattle manager\" starts one more";

constexpr Duration kAskAgainAfter = std::chrono::milliseconds(1200);

// Whether the second of two requests changes nothing, and is answered as the first. A manifest that says no
// version is given another each time.
bool is_repeatable(std::string_view operation, std::string_view body) {
  if (operation == "rollback" || operation == "del") return false;
  if (operation != "put") return true;
  Problems problems;
  const auto applications = read_manifests(body, default_images(), problems);
  return applications.size() == 1 && !applications.front().version.empty();
}

// The answer to validate says "error" of the manifest.
template <class Answer>
constexpr bool kErrorIsAnAnswer = std::is_same_v<Answer, api::ValidateAnswer>;

void take_problems(const api::ManifestOutcome& refused, Problems& problems) {
  for (const api::ProblemAnswer& one : refused.problems) {
    const Place place{one.path, one.line, one.column};
    if (one.severity == "warning")
      problems.warning(place, one.message, one.remedy.value_or(""));
    else
      problems.error(place, one.message, one.remedy.value_or(""));
  }
  problems.leave_out(refused.more_problems);
}

// In wattle's words, or in those of wadm itself.
bool is_unsupported_subject(const Error& refusal) {
  return refusal.message() == api::kUnsupportedSubject ||
         refusal.message().starts_with("Unsupported subject: ");
}

}  // namespace

Error ApiClient::unanswered(const Error& why, std::string_view subject) const {
  const bool nobody = nats::reason_of(why) == nats::Reason::no_responders;
  if (!nobody && why.code() != ErrorCode::deadline_exceeded)
    return why.with_context(fmt::format("asking {}", subject));
  const std::string when = nobody ? "" : fmt::format(" within {}", format_duration(options_.request_timeout));
  return Error(why.code(), fmt::format("no manager of the lattice \"{}\" answers{}", options_.lattice, when),
               why)
      .with_remedy(std::string(kIsAManagerRunning));
}

template <class Answer>
Result<Answer> ApiClient::ask(std::string_view operation, std::string_view name, std::string_view body,
                              Problems* problems) {
  const std::string subject = api::subject(options_.lattice, operation, name);
  const auto message = request(subject, body, is_repeatable(operation, body));
  if (!message) return failure(unanswered(message.error(), subject));
  const std::string what = fmt::format("the answer to \"{}\"", operation);
  auto answer = api::parse<Answer>(message->payload, what);
  if (answer) {
    const bool refused = answer->result == api::result::kError || answer->result == api::result::kNotFound;
    if (!refused || kErrorIsAnAnswer<Answer>) return answer;
    if constexpr (std::is_base_of_v<api::ManifestOutcome, Answer>)
      if (problems != nullptr) take_problems(*answer, *problems);
    return failure(api::error_of(*answer));
  }
  // A refusal of whoever has no room for more, with nothing but the reason.
  if (const auto plain = api::parse<api::DeployAnswer>(message->payload, what);
      plain && plain->result == api::result::kError)
    return failure(api::error_of(*plain));
  return failure(answer.error());
}

Result<lattice::Message> ApiClient::request(std::string_view subject, std::string_view body,
                                            bool repeatable) {
  const TimePoint until = Clock::now() + options_.request_timeout;
  std::optional<lattice::Message> answer;
  std::optional<Error> error;
  size_t asking = 0;
  async::Signal news;
  async::FiberGroup requests(bus_.worker());
  const auto ask_once = [&] {
    auto message = bus_.request(subject, body, {.headers = nullptr, .timeout = until - Clock::now()});
    --asking;
    if (message)
      answer = std::move(*message);
    else
      error = message.error();
    news.notify();
  };
  for (TimePoint next = Clock::now(); !answer;) {
    const TimePoint now = Clock::now();
    if (now >= next) {
      ++asking;
      requests.spawn(ask_once);
      next = repeatable && now + kAskAgainAfter < until ? now + kAskAgainAfter : kNever;
    } else if (asking == 0) {
      return failure(*error);
    }
    async::Signal* const signals[] = {&news};
    WATTLE_CHECK(async::Signal::wait_any(signals, next));
  }
  return *std::move(answer);
}

template <class Answer>
Result<Answer> ApiClient::ask_version(std::string_view operation, std::string_view name,
                                      const std::optional<std::string>& version, bool force,
                                      Problems* problems) {
  WATTLE_CHECK(check_application_name(name));
  api::VersionRequest request{.version = version};
  if (force) request.force = true;
  return ask<Answer>(operation, name, api::to_json(request), problems);
}

Result<api::PutAnswer> ApiClient::put(std::string_view manifest, Problems* problems) {
  return ask<api::PutAnswer>("put", {}, manifest, problems);
}

Result<api::ValidateAnswer> ApiClient::validate(std::string_view manifest) {
  return ask<api::ValidateAnswer>("validate", {}, manifest);
}

Result<ImageTable> ApiClient::images() {
  const auto answer = ask<api::ImagesAnswer>("images", {}, {});
  if (!answer && is_unsupported_subject(answer.error())) return default_images();
  if (!answer) return failure(answer.error());
  Problems problems;
  auto table = read_images(answer->table, problems);
  if (!problems.any_errors()) return table;
  return failure(Error(ErrorCode::malformed, "the manager's table of images cannot be read",
                       refusal(problems, "the table"))
                     .with_remedy("use a wattle that is as new as the manager"));
}

Result<std::vector<api::Summary>> ApiClient::list() {
  WATTLE_TRY(auto answer, ask<api::ListAnswer>("get", {}, {}));
  return std::move(answer.models);
}

Result<api::GetAnswer> ApiClient::get(std::string_view name, const std::optional<std::string>& version) {
  return ask_version<api::GetAnswer>("get", name, version);
}

Result<std::vector<api::VersionAnswer>> ApiClient::versions(std::string_view name) {
  WATTLE_TRY(auto answer, ask_version<api::VersionsAnswer>("versions", name, {}));
  return std::move(answer.versions);
}

Result<api::DeployAnswer> ApiClient::deploy(std::string_view name, const std::optional<std::string>& version,
                                            bool force, Problems* problems) {
  return ask_version<api::DeployAnswer>("deploy", name, version, force, problems);
}

Result<api::DeployAnswer> ApiClient::undeploy(std::string_view name, bool force) {
  return ask_version<api::DeployAnswer>("undeploy", name, {}, force);
}

Result<api::DeployAnswer> ApiClient::roll_back(std::string_view name,
                                               const std::optional<std::string>& version, bool force) {
  return ask_version<api::DeployAnswer>("rollback", name, version, force);
}

Result<api::DeleteAnswer> ApiClient::remove(std::string_view name, const std::optional<std::string>& version,
                                            bool force) {
  return ask_version<api::DeleteAnswer>("del", name, version, force);
}

Result<api::StatusAnswer> ApiClient::status(std::string_view name) {
  return ask_version<api::StatusAnswer>("status", name, {});
}

Result<std::vector<HistoryEntry>> ApiClient::history(std::string_view name) {
  WATTLE_TRY(auto answer, ask_version<api::HistoryAnswer>("history", name, {}));
  return std::move(answer.history);
}

Result<api::DiffAnswer> ApiClient::diff(std::string_view name, const std::optional<std::string>& version) {
  return ask_version<api::DiffAnswer>("diff", name, version);
}

Result<api::DiffAnswer> ApiClient::diff_manifest(std::string_view name, std::string_view manifest,
                                                 Problems* problems) {
  WATTLE_CHECK(check_application_name(name));
  return ask<api::DiffAnswer>("diff", name, manifest, problems);
}

Result<std::unique_ptr<lattice::BusSubscription>> ApiClient::follow(
    std::string_view name, std::function<void(const ApplicationStatus& status)> told) {
  WATTLE_CHECK(check_application_name(name));
  return bus_.subscribe(api::status_subject(options_.lattice, name), {},
                        [told = std::move(told)](const lattice::Message& message) {
                          if (const auto status = api::parse<ApplicationStatus>(message.payload, "a status"))
                            told(*status);
                        });
}

}  // namespace wattle::manager
