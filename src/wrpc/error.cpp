#include "wrpc/error.h"

#include <boost/json.hpp>
#include <optional>

namespace wattle::wrpc {
namespace {

constexpr uint32_t kDetailOfWrpc = 0x57520000;  // "WR"
constexpr size_t kCausesMax = 16;
constexpr size_t kTextBytesMax = 16 * 1024;

bool is_ours(const Error& error) {
  return (error.detail() & 0xffff0000) == kDetailOfWrpc;
}

bool is(const Error& error, Reason reason) {
  return error.detail() == (kDetailOfWrpc | static_cast<uint32_t>(reason));
}

std::optional<ErrorCode> code_named(std::string_view name) {
  for (int number = 0; number <= static_cast<int>(ErrorCode::internal); ++number)
    if (const auto code = static_cast<ErrorCode>(number); to_string(code) == name) return code;
  return std::nullopt;
}

boost::json::object to_object(const Error& error, std::string_view host, size_t causes) {
  boost::json::object object;
  object["message"] = error.message();
  if (!host.empty()) object["host"] = host;
  if (!error.remedy().empty()) object["remedy"] = error.remedy();
  if (error.cause() == nullptr || causes == 0) return object;
  boost::json::object cause = to_object(*error.cause(), {}, causes - 1);
  cause["code"] = to_string(error.cause()->code());
  object["cause"] = std::move(cause);
  return object;
}

std::string text_of(const boost::json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  if (value == nullptr || !value->is_string()) return {};
  return std::string(std::string_view(value->get_string()).substr(0, kTextBytesMax));
}

Error from_object(std::string_view code_name, const boost::json::object& object, size_t causes) {
  const std::optional<ErrorCode> code = code_named(code_name);
  std::string message = text_of(object, "message");
  if (const std::string host = text_of(object, "host"); !host.empty())
    message = fmt::format("host {}: {}", host, message);
  if (!code) message += fmt::format(" (\"{}\", an error code that this version does not know)", code_name);
  const ErrorCode known = code.value_or(ErrorCode::internal);
  const auto* cause = object.if_contains("cause");
  const bool has_cause = cause != nullptr && cause->is_object() && causes > 0;
  Error error =
      has_cause ? Error(known, std::move(message),
                        from_object(text_of(cause->get_object(), "code"), cause->get_object(), causes - 1))
                : Error(known, std::move(message));
  return std::move(error).with_remedy(text_of(object, "remedy"));
}

}  // namespace

Error wrpc_error(ErrorCode code, Reason reason, std::string message) {
  return Error(code, std::move(message)).with_detail(kDetailOfWrpc | static_cast<uint32_t>(reason));
}

bool has_reason(const Error& error, Reason reason) {
  for (const Error* at = &error; at != nullptr; at = at->cause())
    if (is_ours(*at)) return is(*at, reason);
  return false;
}

bool certainly_not_begun(const Error& error) {
  return has_reason(error, Reason::not_begun);
}

Error refused(Error error) {
  return std::move(error).with_detail(kDetailOfWrpc | static_cast<uint32_t>(Reason::refused));
}

std::string error_to_json(const Error& error, std::string_view host) {
  boost::json::object object = to_object(error, host, kCausesMax);
  // Of the outermost error only: a refusal deeper down was one of a call that this one had made.
  if (is(error, Reason::refused)) object["refused"] = true;
  return boost::json::serialize(object);
}

Error error_from_json(std::string_view code, std::string_view json) {
  boost::system::error_code problem;
  boost::json::parse_options limits;
  limits.max_depth = kCausesMax + 4;
  limits.allow_invalid_utf8 = true;  // messages quote what strangers sent
  const boost::json::value value = boost::json::parse(json, problem, boost::json::storage_ptr(), limits);
  const boost::json::object empty{{"message", "the callee failed, and what it said cannot be read"}};
  const boost::json::object& object = problem || !value.is_object() ? empty : value.get_object();
  const auto* refusal = object.if_contains("refused");
  const bool is_refusal = refusal != nullptr && refusal->is_bool() && refusal->get_bool();
  const Reason reason = is_refusal ? Reason::not_begun : Reason::maybe_begun;
  return from_object(code, object, kCausesMax).with_detail(kDetailOfWrpc | static_cast<uint32_t>(reason));
}

}  // namespace wattle::wrpc
