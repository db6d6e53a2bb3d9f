#include "manager/api_types.h"

#include <algorithm>

#include "lattice/json_fields.h"
#include "manager/history_fields.h"

namespace wattle::manager {

// Declared where their types are, so that they are found.

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const Status&) {
  std::string type(to_string(self.kind));
  fields.required("type", type);
  fields.optional("message", self.message);
  if constexpr (!std::is_const_v<Self>) self.kind = parse_status_kind(type);
}

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const RevisionStatus&) {
  fields.required("image", self.image);
  fields.optional("ready", self.ready);
  fields.optional("weight", self.weight);
  fields.optional("hosts", self.hosts);
}

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const ObjectStatus&) {
  fields.required("id", self.id);
  fields.required("kind", self.kind);
  fields.required("name", self.name);
  fields.required("status", self.status);
  fields.optional("wanted", self.wanted);
  fields.optional("ready", self.ready);
  fields.unless_default("least", self.least);
  fields.unless_default("most", self.most);
  fields.unless_default("in_flight", self.in_flight);
  fields.unless_default("queued", self.queued);
  fields.unless_default("parked", self.parked);
  fields.optional("revisions", self.revisions);
}

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const Use&) {
  fields.required("user", self.user);
  fields.required("source", self.source);
  fields.required("owner", self.owner);
  fields.required("target", self.target);
  fields.optional("interface", self.interface);
}

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const ApplicationStatus&) {
  fields.required("status", self.status);
  fields.optional("scalers", self.objects);
  fields.optional("uses", self.uses);
  fields.optional("rollout", self.rollout);
  fields.optional("host_names", self.host_names);
}

namespace api {

namespace {

constexpr size_t kDepthMax = 64;  // a manifest's, and what lies around it
constexpr std::string_view kLatest = "latest";

template <class Fields, class Self>
void list_outcome(Fields& fields, Self& self) {
  fields.required("result", self.result);
  fields.optional("message", self.message);
  fields.optional("code", self.code);
  fields.optional("remedy", self.remedy);
}

// Behind the fields that wadm has.
template <class Fields, class Self>
void list_problems(Fields& fields, Self& self) {
  fields.unless_default("problems", self.problems);
  fields.unless_default("more_problems", self.more_problems);
}

}  // namespace

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const ProblemAnswer&) {
  fields.required("severity", self.severity);
  fields.optional("line", self.line);
  fields.optional("column", self.column);
  fields.optional("path", self.path);
  fields.required("message", self.message);
  fields.optional("remedy", self.remedy);
}

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const VersionRequest&) {
  fields.optional("version", self.version);
  fields.optional("force", self.force);
}

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const PutAnswer&) {
  list_outcome(fields, self);
  fields.optional("total_versions", self.total_versions);
  fields.optional("current_version", self.current_version);
  fields.optional("name", self.name);
  fields.optional("unchanged", self.unchanged);
  fields.optional("warnings", self.warnings);
  list_problems(fields, self);
}

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const GetAnswer&) {
  list_outcome(fields, self);
  fields.optional("manifest", self.manifest);
  fields.optional("text", self.text);
  fields.optional("version", self.version);
}

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const Summary&) {
  fields.required("name", self.name);
  fields.required("version", self.version);
  fields.optional("description", self.description);
  fields.optional("deployed_version", self.deployed_version);
  fields.optional("detailed_status", self.detailed_status);
  fields.optional("status", self.status);
  fields.optional("status_message", self.status_message);
}

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const ListAnswer&) {
  list_outcome(fields, self);
  fields.required("models", self.models);
}

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const VersionAnswer&) {
  fields.required("version", self.version);
  fields.required("deployed", self.deployed);
  fields.optional("created", self.created);
  fields.optional("description", self.description);
}

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const VersionsAnswer&) {
  list_outcome(fields, self);
  fields.required("versions", self.versions);
}

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const DeployAnswer&) {
  list_outcome(fields, self);
  fields.optional("name", self.name);
  fields.optional("version", self.version);
  list_problems(fields, self);
}

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const DeleteAnswer&) {
  list_outcome(fields, self);
  fields.optional("undeploy", self.undeploy);
}

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const StatusAnswer&) {
  list_outcome(fields, self);
  fields.optional("status", self.status);
  fields.optional("deployed_version", self.deployed_version);
}

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const HistoryAnswer&) {
  list_outcome(fields, self);
  fields.required("history", self.history);
}

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const Difference&) {
  fields.required("kind", self.kind);
  fields.required("object", self.object);
  fields.optional("detail", self.detail);
}

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const DiffAnswer&) {
  list_outcome(fields, self);
  fields.optional("name", self.name);
  fields.optional("version", self.version);
  fields.required("differences", self.differences);
  list_problems(fields, self);
}

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const ValidateAnswer&) {
  list_outcome(fields, self);
  fields.optional("name", self.name);
  fields.required("problems", self.problems);
  fields.unless_default("more_problems", self.more_problems);
}

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const ImagesAnswer&) {
  list_outcome(fields, self);
  fields.required("table", self.table);
}

template <class Answer>
std::string to_json(const Answer& answer) {
  return lattice::write_json(answer);
}

template <class Answer>
Result<Answer> parse(std::string_view json, std::string_view what) {
  WATTLE_TRY(const boost::json::object object, lattice::parse_object(json, what, kDepthMax));
  return lattice::read_object<Answer>(object, what);
}

#define WATTLE_API_TYPE(Type)                \
  template std::string to_json(const Type&); \
  template Result<Type> parse(std::string_view, std::string_view)
WATTLE_API_TYPE(PutAnswer);
WATTLE_API_TYPE(GetAnswer);
WATTLE_API_TYPE(ListAnswer);
WATTLE_API_TYPE(VersionsAnswer);
WATTLE_API_TYPE(DeployAnswer);
WATTLE_API_TYPE(DeleteAnswer);
WATTLE_API_TYPE(StatusAnswer);
WATTLE_API_TYPE(HistoryAnswer);
WATTLE_API_TYPE(DiffAnswer);
WATTLE_API_TYPE(ValidateAnswer);
WATTLE_API_TYPE(ImagesAnswer);
WATTLE_API_TYPE(ApplicationStatus);
template std::string to_json(const Summary&);
template std::string to_json(const Difference&);
template std::string to_json(const HistoryEntry&);
template std::string to_json(const VersionAnswer&);
#undef WATTLE_API_TYPE

std::string subject(std::string_view lattice, std::string_view operation, std::string_view name) {
  return fmt::format("wadm.api.{}.model.{}{}{}", lattice, operation, name.empty() ? "" : ".", name);
}

std::string status_subject(std::string_view lattice, std::string_view name) {
  return fmt::format("wadm.status.{}.{}", lattice, name);
}

std::optional<Subject> parse_subject(std::string_view lattice, std::string_view subject) {
  const std::string prefix = fmt::format("wadm.api.{}.model.", lattice);
  if (!subject.starts_with(prefix)) return {};
  subject.remove_prefix(prefix.size());
  const size_t dot = std::min(subject.find('.'), subject.size());
  const Subject parts{subject.substr(0, dot), subject.substr(std::min(dot + 1, subject.size()))};
  const bool has_name = dot != subject.size();
  if (parts.operation.empty() || parts.name.find('.') != std::string_view::npos) return {};
  if (has_name && parts.name.empty()) return {};
  return parts;
}

Result<VersionRequest> parse_version_request(std::string_view body) {
  if (body.find_first_not_of(" \t\r\n") == std::string_view::npos) return VersionRequest{};
  WATTLE_TRY(VersionRequest request, lattice::read_json<VersionRequest>(body, "the request"));
  if (request.version && (*request.version == kLatest || request.version->empty())) request.version.reset();
  return request;
}

std::string to_json(const VersionRequest& request) {
  return lattice::write_json(request);
}

Outcome refused(const Error& error, std::string_view result) {
  Outcome outcome{std::string(result), error.full_message(), std::string(to_string(error.code())), {}};
  if (error.remedy().empty()) return outcome;
  outcome.remedy = error.remedy();
  outcome.message += fmt::format("; {}", error.remedy());
  return outcome;
}

Error error_of(const Outcome& outcome) {
  ErrorCode code = outcome.result == result::kNotFound ? ErrorCode::not_found : ErrorCode::invalid_argument;
  for (int known = 0; known <= static_cast<int>(ErrorCode::internal); ++known)
    if (to_string(static_cast<ErrorCode>(known)) == outcome.code) code = static_cast<ErrorCode>(known);
  std::string_view message = outcome.message;
  const std::string end = fmt::format("; {}", outcome.remedy.value_or(""));
  if (outcome.remedy && message.ends_with(end)) message.remove_suffix(end.size());
  if (message.empty()) message = "the manager refused without a reason";
  return Error(code, std::string(message)).with_remedy(outcome.remedy.value_or(""));
}

}  // namespace api
}  // namespace wattle::manager
