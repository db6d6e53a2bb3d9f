#include "lattice/link_requests.h"

#include <array>

#include "lattice/control_fields.h"
#include "lattice/link_fields.h"
#include "lattice/names.h"

namespace wattle::lattice {

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const LinkCopy&) {
  fields.required("token", self.token);
  fields.optional("attempt", self.attempt);
  fields.optional("target", self.target);
  fields.optional("next_target", self.next_target);
  fields.optional("next_target_config", self.next_target_config);
}

namespace {

constexpr std::array<std::string_view, 5> kSteps{"begin", "hold", "release", "commit", "end"};
constexpr uint32_t kVersion = 1;
// Beside what the host itself waits.
constexpr Duration kAnswerTime = std::chrono::milliseconds(500);

// As on the wire.
struct WrittenCopy {
  uint32_t version = kVersion;
  std::string step{};
  LinkKey key{};
  LinkCopy copy{};
};

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const WrittenCopy&) {
  fields.required("version", self.version);
  fields.required("step", self.step);
  fields.required("link", self.key);
  fields.required("copy", self.copy);
}

struct WrittenState {
  uint32_t version = kVersion;
  LinkStateRequest request{};
};

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const WrittenState&) {
  fields.required("version", self.version);
  fields.required("link", self.request.key);
  fields.optional("value", self.request.value);
  fields.optional("in_force", self.request.in_force);
  fields.optional("settled", self.request.settled);
  fields.optional("timeout_ms", self.request.timeout_ms);
  fields.optional("copy", self.request.copy);
  fields.optional("sequence", self.request.sequence);
}

Result<void> check_version(uint32_t version) {
  if (version <= kVersion) return {};
  return failure(ErrorCode::unsupported, "the request is of version {}, and this host knows those up to {}",
                 version, kVersion);
}

}  // namespace

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const LinkCopyAck&) {
  fields.required("value", self.value);
}

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const LinkRecord&) {
  fields.required("container", self.container);
  fields.optional("name", self.name);
  fields.optional("all", self.all);
}

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const LinkRecords&) {
  fields.optional("records", self.records);
  fields.optional("used", self.used);
  fields.optional("more", self.more);
}

Result<LinkCopyRequest> parse_link_copy(std::string_view json) {
  WATTLE_TRY(WrittenCopy written, read_json<WrittenCopy>(json, "the request"));
  WATTLE_CHECK(check_version(written.version));
  for (size_t step = 0; step < kSteps.size(); ++step)
    if (kSteps[step] == written.step)
      return LinkCopyRequest{static_cast<LinkCopyStep>(step), std::move(written.key),
                             std::move(written.copy)};
  return failure(ErrorCode::malformed, "the request: a copy has no step \"{}\"",
                 std::string_view(written.step).substr(0, kNameBytesMax));
}

std::string to_json(const LinkCopyRequest& request) {
  return write_json(WrittenCopy{kVersion, std::string(kSteps[static_cast<size_t>(request.step)]), request.key,
                                request.copy});
}

Result<LinkCopyAck> parse_link_copy_ack(std::string_view json) {
  return read_json<LinkCopyAck>(json, "the answer");
}

std::string to_json(const LinkCopyAck& ack) {
  return write_json(ack);
}

std::string link_state_subject(std::string_view lattice, std::string_view host_id) {
  return fmt::format("wattle.{}.links.{}", lattice, host_id);
}

Result<LinkStateRequest> parse_link_state(std::string_view json) {
  WATTLE_TRY(WrittenState written, read_json<WrittenState>(json, "the request"));
  WATTLE_CHECK(check_version(written.version));
  return std::move(written.request);
}

std::string to_json(const LinkStateRequest& request) {
  return write_json(WrittenState{kVersion, request});
}

Result<LinkRecords> parse_link_records(std::string_view json) {
  return read_json<LinkRecords>(json, "the records");
}

std::string to_json(const LinkRecords& records) {
  return write_json(records);
}

Result<LinkRecords> ask_link_state(Bus& bus, std::string_view lattice, std::string_view host_id,
                                   const LinkStateRequest& request) {
  const std::string subject = link_state_subject(lattice, host_id);
  auto answer = bus.request(
      subject, to_json(request),
      {.headers = nullptr, .timeout = std::chrono::milliseconds(request.timeout_ms) + kAnswerTime});
  if (!answer) return failure(answer.error().with_context(fmt::format("host {} does not answer", host_id)));
  WATTLE_TRY(const Reply reply, parse_reply(answer->payload));
  if (!reply.success) {
    ErrorCode code = ErrorCode::invalid_argument;
    for (int each = 0; each <= static_cast<int>(ErrorCode::internal); ++each)
      if (to_string(static_cast<ErrorCode>(each)) == reply.code) code = static_cast<ErrorCode>(each);
    return failure(Error(code, fmt::format("host {}: {}", host_id, reply.message)));
  }
  return reply.response.empty() ? Result<LinkRecords>(LinkRecords()) : parse_link_records(reply.response);
}

}  // namespace wattle::lattice
