#include "manager/api_server.h"

#include <algorithm>

#include "lattice/names.h"
#include "manager/manifest_json.h"
#include "manager/read.h"
#include "manager/store_checks.h"

namespace wattle::manager {
namespace {

constexpr std::string_view kQueueGroup = "wadm_server";
constexpr size_t kHeadersBytesMax = 1024;  // of an answer
// Of a message beside which each of its problems is told: an answer that the bus carries stays one.
constexpr size_t kMessageBytesMax = size_t{48} << 10;

api::ProblemAnswer answer_of(const Problem& problem) {
  return {.severity = problem.severity == Severity::error ? "error" : "warning",
          .line = problem.place.line,
          .column = problem.place.column,
          .path = problem.place.path,
          .message = problem.message,
          .remedy = problem.remedy.empty() ? std::nullopt : std::optional(problem.remedy)};
}

void add_problems(api::ManifestOutcome& answer, const Problems& problems) {
  for (const Problem& problem : problems.list()) answer.problems.push_back(answer_of(problem));
  answer.more_problems = problems.left_out();
}

template <class Answer>
Answer refusal_answer(const Error& error, std::string_view result, const Problems& problems = {}) {
  Answer answer;
  static_cast<api::Outcome&>(answer) = api::refused(error, result);
  if constexpr (std::is_base_of_v<api::ManifestOutcome, Answer>)
    if (problems.any_errors() && answer.message.size() <= kMessageBytesMax) add_problems(answer, problems);
  return answer;
}

// How an operation says that there is no such application or version.
std::string_view result_of(const Error& error) {
  return error.code() == ErrorCode::not_found ? api::result::kNotFound : api::result::kError;
}

template <class Answer>
std::string json_of(const Result<Answer>& answer, const Problems& problems = {}) {
  if (answer) return api::to_json(*answer);
  return api::to_json(refusal_answer<Answer>(answer.error(), result_of(answer.error()), problems));
}

// For operations without a word for what is not there.
template <class Answer>
std::string json_or_error(const Result<Answer>& answer, const Problems& problems = {}) {
  if (answer) return api::to_json(*answer);
  return api::to_json(refusal_answer<Answer>(answer.error(), api::result::kError, problems));
}

template <class Answer>
Answer succeeded(std::string_view result, std::string message) {
  Answer answer;
  answer.result = result;
  answer.message = std::move(message);
  return answer;
}

// A request for a version, or a manifest.
bool is_manifest(std::string_view body) {
  if (body.find_first_not_of(" \t\r\n") == std::string_view::npos) return false;
  const auto request = api::parse_version_request(body);
  return !request || body.find("apiVersion") != std::string_view::npos;
}

std::string_view name_of(const Application& application) {
  return application.name.empty() ? std::string_view("the manifest") : application.name;
}

// The trace that the request belongs to.
lattice::Headers trace_of(const lattice::Message& request) {
  lattice::Headers headers;
  for (const std::string_view name : {"traceparent", "tracestate"})
    if (const auto value = request.headers.find(name)) headers.add(name, *value);
  return headers;
}

}  // namespace

struct ApiServer::Operation {
  std::string_view name;
  bool of_one;  // of an application that the subject names
  std::string (*run)(ApiServer&, const Request&);
};

const ApiServer::Operation ApiServer::kOperations[] = {
    {"put", false, [](ApiServer& s, const Request& r) { return json_or_error(s.put(r), r.problems); }},
    {"get", false, [](ApiServer& s, const Request&) { return s.list_json(); }},
    // A bare list, as older clients expect it.
    {"list", false,
     [](ApiServer& s, const Request&) {
       return boost::json::serialize(boost::json::parse(s.list_json()).at("models"));
     }},
    {"get", true,
     [](ApiServer& s, const Request& r) {
       return s.json_that_fits<api::GetAnswer>(s.get(r), {[](api::GetAnswer& it) { it.text.reset(); }});
     }},
    {"versions", true, [](ApiServer& s, const Request& r) { return json_of(s.versions(r)); }},
    {"deploy", true, [](ApiServer& s, const Request& r) { return json_of(s.deploy(r), r.problems); }},
    {"undeploy", true, [](ApiServer& s, const Request& r) { return json_of(s.undeploy(r)); }},
    {"del", true, [](ApiServer& s, const Request& r) { return json_or_error(s.remove(r)); }},
    {"status", true, [](ApiServer& s, const Request& r) { return json_of(s.status(r)); }},
    {"validate", false, [](ApiServer& s, const Request& r) { return api::to_json(s.validate(r)); }},
    {"images", false, [](ApiServer& s, const Request&) { return api::to_json(s.images()); }},
    {"history", true, [](ApiServer& s, const Request& r) { return json_of(s.history(r)); }},
    {"rollback", true, [](ApiServer& s, const Request& r) { return json_of(s.roll_back(r), r.problems); }},
    {"diff", true, [](ApiServer& s, const Request& r) { return json_of(s.diff(r), r.problems); }},
};

Result<std::unique_ptr<ApiServer>> ApiServer::start(lattice::Bus& bus, ApplicationStore& store,
                                                    ApiServerOptions options) {
  WATTLE_CHECK(lattice::check_lattice(options.lattice));
  std::unique_ptr<ApiServer> server(new ApiServer(bus, store, std::move(options)));
  lattice::SubscribeOptions subscribe;
  subscribe.queue_group = kQueueGroup;
  subscribe.fibers_max = server->options_.fibers_max;
  subscribe.pending_messages_max = server->options_.waiting_max;
  ApiServer* const self = server.get();
  WATTLE_TRY(server->subscription_,
             bus.subscribe(api::subject(self->options_.lattice, ">"), std::move(subscribe),
                           [self](const lattice::Message& message) {
                             ++self->serving_;
                             self->serve(message);
                             --self->serving_;
                             self->served_.notify();
                           }));
  // From here on who asks is heard.
  WATTLE_CHECK(bus.flush());
  return server;
}

Result<void> ApiServer::drain() {
  Result<void> drained;
  if (subscription_ != nullptr) drained = subscription_->drain();
  subscription_.reset();
  const async::MaskScope mask;
  while (serving_ > 0) (void)served_.wait();
  return drained;
}

void ApiServer::serve(const lattice::Message& message) {
  if (!leads()) return;
  const async::DeadlineScope deadline(Clock::now() + options_.deadline);
  std::string json = answer(message.subject, message.payload);
  if (message.reply.empty()) return;
  if (json.size() > answer_bytes_max())
    json = api::to_json(refusal_answer<api::DeployAnswer>(
        Error(ErrorCode::unsupported,
              fmt::format("the answer has {} bytes, and the bus carries at most {} in one message",
                          json.size(), answer_bytes_max()))
            .with_remedy("raise max_payload of nats-server"),
        api::result::kError));
  const lattice::Headers trace = trace_of(message);
  // Whoever asked waits at most until its deadline.
  (void)bus_.publish(message.reply, json, {.reply = {}, .headers = &trace});
}

std::string ApiServer::answer(std::string_view subject, std::string_view body) {
  Problems problems;
  if (const auto parts = api::parse_subject(options_.lattice, subject))
    for (const Operation& operation : kOperations)
      if (operation.name == parts->operation && operation.of_one == !parts->name.empty())
        return operation.run(*this, {parts->name, body, problems});
  return api::to_json(refusal_answer<api::DeployAnswer>(
      Error(ErrorCode::unsupported, std::string(api::kUnsupportedSubject)), api::result::kError));
}

Result<void> ApiServer::check_leads() const {
  if (leads()) return {};
  return failure(Error(ErrorCode::unavailable, "this manager leads no more").with_remedy("try again"));
}

size_t ApiServer::answer_bytes_max() const {
  return bus_.max_payload_bytes() - std::min(bus_.max_payload_bytes(), kHeadersBytesMax);
}

template <class Answer>
std::string ApiServer::json_that_fits(Result<Answer> answer,
                                      std::initializer_list<void (*)(Answer&)> shorter) const {
  std::string json = json_of(answer);
  for (const auto shorten : shorter) {
    if (!answer || json.size() <= answer_bytes_max()) break;
    shorten(*answer);
    json = json_of(answer);
  }
  return json;
}

// What an application's own status and versions tell is left out first.
std::string ApiServer::list_json() {
  return json_that_fits<api::ListAnswer>(list(),
                                         {[](api::ListAnswer& all) {
                                            for (auto& one : all.models)
                                              one.detailed_status = {.status = one.detailed_status.status};
                                          },
                                          [](api::ListAnswer& all) {
                                            for (auto& one : all.models) one.description.reset();
                                          }});
}

Result<std::shared_ptr<const ApplicationRecord>> ApiServer::find(std::string_view name) {
  WATTLE_CHECK(check_application_name(name));
  auto record = store_.find(name);
  if (record == nullptr)
    return failure(Error(ErrorCode::not_found, fmt::format("there is no application \"{}\"", name))
                       .with_remedy("\"wattle app list\" names those there are"));
  if (!record->unreadable.empty()) return failure(ErrorCode::unsupported, "{}", record->unreadable);
  return record;
}

ApplicationStatus ApiServer::status_of(const ApplicationRecord& record) {
  if (options_.hooks.status) return options_.hooks.status(record.name);
  return {.status = {record.deployed ? StatusKind::reconciling : StatusKind::undeployed, {}}};
}

// One manifest, without errors of its own.
Result<Application> ApiServer::read_one(std::string_view text, Problems& problems) {
  auto applications = read_manifests(text, store_.images(), problems);
  if (applications.size() == 1 && !problems.any_errors()) return std::move(applications.front());
  if (applications.size() > 1)
    return failure(Error(ErrorCode::invalid, fmt::format("the manifest declares {} applications, and one is "
                                                         "put at a time",
                                                         applications.size()))
                       .with_remedy("put each by itself; \"wattle app put FILE\" does"));
  return failure(refusal(problems, applications.empty() ? "the manifest" : name_of(applications.front())));
}

Result<api::PutAnswer> ApiServer::put(const Request& request) {
  Problems& problems = request.problems;
  WATTLE_TRY(Application application, read_one(request.body, problems));
  check_put(store_, application, problems);
  if (problems.any_errors()) return failure(refusal(problems, name_of(application)));
  WATTLE_CHECK(check_leads());
  WATTLE_TRY(const auto put, store_.put(application, request.body));
  auto answer = succeeded<api::PutAnswer>(
      put.is_new_application ? api::result::kCreated : api::result::kNewVersion,
      put.is_new_version
          ? fmt::format("{} {} is put", application.name, put.version)
          : fmt::format("{} {} was put before, with this very manifest", application.name, put.version));
  answer.total_versions = put.total_versions;
  answer.current_version = put.version;
  answer.name = application.name;
  if (!put.is_new_version) answer.unchanged = true;
  for (const Problem& problem : problems.list())
    answer.warnings.push_back(to_string(problem, application.name));
  return answer;
}

Result<api::GetAnswer> ApiServer::get(const Request& request) {
  WATTLE_TRY(const auto wanted, api::parse_version_request(request.body));
  WATTLE_TRY(const auto record, find(request.name));
  const std::string version = wanted.version.value_or(record->newest().version);
  WATTLE_TRY(std::string text, store_.manifest(request.name, version));
  WATTLE_TRY(auto manifest, manifest_json(text, version));
  auto answer = succeeded<api::GetAnswer>(api::result::kSuccess, "");
  answer.manifest = std::move(manifest);
  answer.text = std::move(text);
  answer.version = version;
  return answer;
}

Result<api::ListAnswer> ApiServer::list() {
  auto answer = succeeded<api::ListAnswer>(api::result::kSuccess, "");
  const auto applications = store_.snapshot();
  for (const auto& [name, record] : *applications) {
    if (!record->unreadable.empty()) continue;
    const StoredVersion& newest = record->newest();
    api::Summary summary;
    summary.name = name;
    summary.version = newest.version;
    if (!newest.description.empty()) summary.description = newest.description;
    summary.deployed_version = record->deployed;
    summary.detailed_status = status_of(*record);
    summary.status = to_string(summary.detailed_status.status.kind);
    if (const std::string& message = summary.detailed_status.status.message; !message.empty())
      summary.status_message = message;
    answer.models.push_back(std::move(summary));
  }
  return answer;
}

Result<api::VersionsAnswer> ApiServer::versions(const Request& request) {
  WATTLE_TRY(const auto record, find(request.name));
  auto answer = succeeded<api::VersionsAnswer>(api::result::kSuccess, "");
  for (const StoredVersion& version : record->versions)
    answer.versions.push_back(
        {.version = version.version,
         .deployed = record->deployed == version.version,
         .created = version.created,
         .description = version.description.empty() ? std::nullopt : std::optional(version.description)});
  return answer;
}

Result<void> ApiServer::alone(const std::function<Result<void>()>& work) {
  while (deploying_) WATTLE_CHECK(deployed_.wait());
  deploying_ = true;
  Result<void> done = check_leads();
  if (done) done = work();
  deploying_ = false;
  deployed_.notify();
  return done;
}

Result<void> ApiServer::deploy_checked(std::string_view name, const std::string& version, bool force,
                                       const std::function<Result<void>()>& write, Problems& problems) {
  return alone([&]() -> Result<void> {
    WATTLE_TRY(const auto declared, store_.application(name, version));
    Application application = *declared;
    check_deploy(store_, application, problems);
    if (!force) check_users(store_, application, problems);
    if (problems.any_errors()) return failure(refusal(problems, name));
    WATTLE_CHECK(check_leads());
    return write();
  });
}

Result<api::DeployAnswer> ApiServer::deploy(const Request& request) {
  WATTLE_TRY(const auto wanted, api::parse_version_request(request.body));
  WATTLE_TRY(const auto record, find(request.name));
  const std::string version = wanted.version.value_or(record->newest().version);
  const auto write = [&]() -> Result<void> {
    WATTLE_CHECK(store_.deploy(request.name, version));
    return {};
  };
  WATTLE_CHECK(deploy_checked(request.name, version, wanted.force.value_or(false), write, request.problems));
  auto answer = succeeded<api::DeployAnswer>(api::result::kAcknowledged,
                                             fmt::format("{} {} is to be deployed", request.name, version));
  answer.name = request.name;
  answer.version = version;
  return answer;
}

Result<api::DeployAnswer> ApiServer::undeploy(const Request& request) {
  WATTLE_TRY(const auto wanted, api::parse_version_request(request.body));
  WATTLE_TRY(const auto record, find(request.name));
  const auto take_down = [&]() -> Result<void> {
    if (!wanted.force.value_or(false)) {
      WATTLE_CHECK(check_unused(store_, request.name));
    }
    return store_.undeploy(request.name);
  };
  WATTLE_CHECK(alone(take_down));
  auto answer = succeeded<api::DeployAnswer>(api::result::kAcknowledged,
                                             fmt::format("{} is to be undeployed", request.name));
  answer.name = request.name;
  answer.version = record->deployed;
  return answer;
}

Result<api::DeployAnswer> ApiServer::roll_back(const Request& request) {
  WATTLE_TRY(const auto wanted, api::parse_version_request(request.body));
  WATTLE_TRY(const auto record, find(request.name));
  const auto version = wanted.version ? wanted.version : record->previous();
  if (!version)
    return failure(
        Error(ErrorCode::invalid_argument,
              fmt::format("no other version of \"{}\" was deployed before", request.name))
            .with_remedy(fmt::format("name one of those of \"wattle app versions {}\"", request.name)));
  const auto write = [&] { return store_.roll_back(request.name, {}, *version, "asked for"); };
  WATTLE_CHECK(deploy_checked(request.name, *version, wanted.force.value_or(false), write, request.problems));
  auto answer = succeeded<api::DeployAnswer>(api::result::kAcknowledged,
                                             fmt::format("{} is to go back to {}", request.name, *version));
  answer.name = request.name;
  answer.version = version;
  return answer;
}

Result<api::DeleteAnswer> ApiServer::remove(const Request& request) {
  WATTLE_TRY(const auto wanted, api::parse_version_request(request.body));
  WATTLE_CHECK(check_application_name(request.name));
  std::optional<std::string_view> version;
  if (wanted.version) version = *wanted.version;
  ApplicationStore::Removed removed;
  const auto take_away = [&]() -> Result<void> {
    const auto record = store_.find(request.name);
    const bool deployed =
        record != nullptr && record->deployed && (!version || *record->deployed == *version);
    if (deployed && !wanted.force.value_or(false)) {
      WATTLE_CHECK(check_unused(store_, request.name));
    }
    WATTLE_TRY(removed, store_.remove(request.name, version, ApplicationStore::IfDeployed::undeploy));
    return {};
  };
  WATTLE_CHECK(alone(take_away));
  const std::string what = version ? fmt::format("{} {}", request.name, *version) : std::string(request.name);
  if (!removed.found)
    return succeeded<api::DeleteAnswer>(api::result::kNoop, fmt::format("there is no {}", what));
  auto answer = succeeded<api::DeleteAnswer>(
      api::result::kDeleted,
      fmt::format("{} is deleted{}", what, removed.undeployed ? ", and is to be undeployed" : ""));
  answer.undeploy = removed.undeployed;
  return answer;
}

Result<api::StatusAnswer> ApiServer::status(const Request& request) {
  WATTLE_TRY(const auto record, find(request.name));
  auto answer = succeeded<api::StatusAnswer>(api::result::kOk, "");
  answer.status = status_of(*record);
  answer.deployed_version = record->deployed;
  return answer;
}

Result<api::HistoryAnswer> ApiServer::history(const Request& request) {
  WATTLE_TRY(const auto record, find(request.name));
  auto answer = succeeded<api::HistoryAnswer>(api::result::kSuccess, "");
  answer.history = record->history;
  return answer;
}

Result<api::DiffAnswer> ApiServer::diff(const Request& request) {
  Problems& problems = request.problems;
  Application next;
  if (is_manifest(request.body)) {
    WATTLE_TRY(next, read_one(request.body, problems));
    if (next.name != request.name)
      return failure(ErrorCode::invalid_argument, "the manifest is that of {}, not of {}",
                     in_quotes(next.name), in_quotes(request.name));
  } else {
    WATTLE_TRY(const auto wanted, api::parse_version_request(request.body));
    WATTLE_TRY(const auto record, find(request.name));
    WATTLE_TRY(const auto stored,
               store_.application(request.name, wanted.version.value_or(record->newest().version)));
    next = *stored;
  }
  check_put(store_, next, problems);
  if (problems.any_errors()) return failure(refusal(problems, name_of(next)));
  auto answer = succeeded<api::DiffAnswer>(api::result::kSuccess, "");
  answer.name = next.name;
  if (!next.version.empty()) answer.version = next.version;
  if (options_.hooks.differences) {
    WATTLE_TRY(answer.differences, options_.hooks.differences(next));
  }
  return answer;
}

// Put's checks, with every problem by itself.
api::ValidateAnswer ApiServer::validate(const Request& request) {
  Problems& problems = request.problems;
  auto application = read_one(request.body, problems);
  if (application) check_put(store_, *application, problems);
  auto answer = !application ? refusal_answer<api::ValidateAnswer>(application.error(), api::result::kError)
                : problems.any_errors() ? refusal_answer<api::ValidateAnswer>(
                                              refusal(problems, name_of(*application)), api::result::kError)
                                        : succeeded<api::ValidateAnswer>(api::result::kOk, "");
  if (application) answer.name = application->name;
  add_problems(answer, problems);
  return answer;
}

api::ImagesAnswer ApiServer::images() {
  auto answer = succeeded<api::ImagesAnswer>(api::result::kSuccess, "");
  answer.table = to_yaml(store_.images());
  return answer;
}

Result<void> publish_status(lattice::Bus& bus, std::string_view lattice, std::string_view name,
                            const ApplicationStatus& status) {
  return bus.publish(api::status_subject(lattice, name), api::to_json(status));
}

}  // namespace wattle::manager
