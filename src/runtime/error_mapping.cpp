#include "runtime/error_mapping.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace wattle::runtime {
namespace {

using wit::Kind;
using wit::TypeRef;

constexpr uint32_t kSome = 1, kErr = 1;

bool is_string(const TypeRef& type) {
  return type != nullptr && type->kind == Kind::string;
}

bool is_text(const TypeRef& type) {
  return is_string(type) || (type != nullptr && type->kind == Kind::option && is_string(type->element()));
}

wit::Value text_value(const TypeRef& type, std::string text) {
  wit::Value value{std::move(text)};
  return type->kind == Kind::option ? wit::case_value(kSome, std::move(value)) : value;
}

std::optional<uint32_t> find_case(const wit::Type& variant, std::string_view name) {
  const auto found = std::find_if(variant.members.begin(), variant.members.end(),
                                  [&](const wit::Member& each) { return each.name == name; });
  if (found == variant.members.end()) return std::nullopt;
  return static_cast<uint32_t>(found - variant.members.begin());
}

// Known by two names that nobody else would choose.
bool is_http_error_code(const wit::Type& variant) {
  return find_case(variant, "HTTP-request-denied") && find_case(variant, "destination-unavailable");
}

// Empty: internal-error, which carries the message.
std::string_view http_case(ErrorCode code) {
  switch (code) {
    case ErrorCode::deadline_exceeded:
      return "HTTP-response-timeout";
    case ErrorCode::unavailable:
      return "destination-unavailable";
    case ErrorCode::overloaded:
      return "connection-limit-reached";
    case ErrorCode::permission_denied:
      return "HTTP-request-denied";
    case ErrorCode::not_found:
      return "destination-not-found";
    default:
      return "";
  }
}

std::optional<uint32_t> case_for_text(const wit::Type& variant) {
  constexpr std::array<std::string_view, 5> kPreferred = {"other", "upstream", "unexpected", "internal-error",
                                                          "io"};
  for (std::string_view name : kPreferred) {
    const auto index = find_case(variant, name);
    if (index && is_text(variant.members[*index].type)) return index;
  }
  const auto first = std::find_if(variant.members.begin(), variant.members.end(),
                                  [](const wit::Member& each) { return is_text(each.type); });
  if (first == variant.members.end()) return std::nullopt;
  return static_cast<uint32_t>(first - variant.members.begin());
}

std::optional<wit::Value> variant_value(const wit::Type& variant, const Error& error) {
  if (is_http_error_code(variant)) {
    const auto known = find_case(variant, http_case(error.code()));
    if (known && variant.members[*known].type == nullptr) return wit::case_value(*known);
  }
  const auto index = case_for_text(variant);
  if (!index) return std::nullopt;
  return wit::case_value(*index, text_value(variant.members[*index].type, error_text(error)));
}

}  // namespace

std::string error_text(const Error& error) {
  std::string text = error.full_message();
  for (const Error* each = &error; each != nullptr; each = each->cause()) {
    if (each->remedy().empty()) continue;
    text.append("; ").append(each->remedy());
    break;
  }
  return text;
}

std::optional<wit::Value> error_value(const TypeRef& result, const Error& error) {
  if (result == nullptr || result->kind != Kind::result) return std::nullopt;
  const TypeRef& type = result->error();
  if (is_text(type)) return wit::case_value(kErr, text_value(type, error_text(error)));
  if (type == nullptr || type->kind != Kind::variant) return std::nullopt;
  auto value = variant_value(*type, error);
  if (!value) return std::nullopt;
  return wit::case_value(kErr, std::move(*value));
}

}  // namespace wattle::runtime
