#include "lattice/spy.h"

#include <algorithm>

#include "lattice/json_fields.h"
#include "lattice/names.h"

namespace wattle::lattice {
namespace {

constexpr uint32_t kFormat = 1;
constexpr std::string_view kInbox = "_INBOX_WATTLE.spy-";
static_assert(kInbox.starts_with(kInboxPrefix));
constexpr size_t kWordBytesMax = 64;

bool is_of_a_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
}

template <class T>
Result<T> read(std::string_view json, std::string_view what) {
  WATTLE_TRY(T value, read_json<T>(json, what));
  if (value.format == kFormat) return value;
  return failure(
      Error(ErrorCode::unsupported,
            fmt::format("{} has format {}, and this wattle reads format {}", what, value.format, kFormat))
          .with_remedy("use one version of wattle on all hosts and for the command"));
}

}  // namespace

template <class Visitor, class Self>
void list_fields(Visitor& fields, Self& self, const SpyRequest&) {
  fields.required("format", self.format);
  fields.required("id", self.id);
  fields.required("to", self.to);
}

template <class Visitor, class Self>
void list_fields(Visitor& fields, Self& self, const SpiedCall&) {
  fields.required("format", self.format);
  fields.required("host_id", self.host_id);
  fields.required("source", self.source);
  fields.required("target", self.target);
  fields.required("interface", self.interface);
  fields.required("function", self.function);
  fields.optional("arguments", self.arguments);
  fields.optional("result", self.result);
  fields.optional("error", self.error);
  fields.optional("microseconds", self.microseconds);
  fields.optional("left_out", self.left_out);
}

std::string spy_inbox(std::string_view id) {
  return fmt::format("{}{}", kInbox, id);
}

Result<SpyRequest> parse_spy_request(std::string_view json) {
  WATTLE_TRY(auto request, read<SpyRequest>(json, "a request to see calls"));
  WATTLE_CHECK(check_id(request.id, "what is to be seen"));
  std::string_view word = request.to;
  word.remove_prefix(word.starts_with(kInbox) ? kInbox.size() : word.size());
  if (word.empty() || word.size() > kWordBytesMax || !std::all_of(word.begin(), word.end(), is_of_a_word))
    return failure(ErrorCode::invalid_argument, "calls are sent to inboxes of spies alone");
  return request;
}

std::string to_json(const SpyRequest& request) {
  return write_json(request);
}

Result<SpiedCall> parse_spied_call(std::string_view json) {
  return read<SpiedCall>(json, "a call that was seen");
}

std::string to_json(const SpiedCall& call) {
  return write_json(call);
}

}  // namespace wattle::lattice
