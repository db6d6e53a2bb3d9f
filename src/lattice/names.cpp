#include "lattice/names.h"

#include <fmt/format.h>

#include <algorithm>

namespace wattle::lattice {
namespace {

constexpr std::string_view kCallMark = ".wrpc.0.0.1.";
constexpr std::string_view kHostCallMark = "wattle.";

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_number(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

Result<void> check_size(std::string_view name, std::string_view what) {
  if (name.empty()) return failure(ErrorCode::invalid_argument, "{} is empty", what);
  if (name.size() > kNameBytesMax)
    return failure(ErrorCode::invalid_argument, "{} has {} bytes, and at most {} are allowed", what,
                   name.size(), kNameBytesMax);
  return {};
}

Result<void> check_letters(std::string_view name, std::string_view what, std::string_view also) {
  WATTLE_CHECK(check_size(name, what));
  for (const char c : name)
    if (!is_letter_or_digit(c) && also.find(c) == std::string_view::npos)
      return failure(ErrorCode::invalid_argument, "{} \"{}\" may hold only letters, digits and {}", what,
                     name, also);
  return {};
}

// Takes the word up to the next dot, and the dot; everything when there is none.
std::string_view take_word(std::string_view& text) {
  const size_t dot = text.find('.');
  const std::string_view word = text.substr(0, dot);
  text.remove_prefix(dot == std::string_view::npos ? text.size() : dot + 1);
  return word;
}

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

}  // namespace

Result<void> check_id(std::string_view id, std::string_view what) {
  return check_letters(id, what, "-_=/");
}

Result<void> check_lattice(std::string_view lattice) {
  return check_letters(lattice, "the lattice's name", "-_");
}

Result<void> check_link_name(std::string_view name) {
  WATTLE_CHECK(check_size(name, "the link's name"));
  for (const char c : name)
    if (static_cast<unsigned char>(c) <= ' ' || c == 0x7F || c == '.' || c == '*' || c == '>')
      return failure(ErrorCode::invalid_argument,
                     "the link's name \"{}\" may not hold dots, wildcards, spaces or control characters",
                     name);
  return {};
}

std::string control_prefix(std::string_view lattice) {
  return fmt::format("wasmbus.ctl.v1.{}", lattice);
}

std::string control_subject(std::string_view lattice, std::string_view entity, std::string_view verb,
                            std::string_view argument) {
  return fmt::format("wasmbus.ctl.v1.{}.{}.{}{}{}", lattice, entity, verb, argument.empty() ? "" : ".",
                     argument);
}

std::optional<ControlSubject> parse_control_subject(std::string_view lattice, std::string_view subject) {
  if (subject.ends_with('.') || !take_prefix(subject, "wasmbus.ctl.v1.") || !take_prefix(subject, lattice) ||
      !take_prefix(subject, "."))
    return {};
  ControlSubject parts;
  parts.entity = take_word(subject);
  parts.verb = take_word(subject);
  parts.argument = take_word(subject);
  if (parts.entity.empty() || parts.verb.empty() || !subject.empty()) return {};
  return parts;
}

std::string event_subject(std::string_view lattice, std::string_view name) {
  return fmt::format("wasmbus.evt.{}.{}", lattice, name);
}

std::string provider_subject(std::string_view lattice, std::string_view id, std::string_view verb) {
  return fmt::format("wasmbus.rpc.{}.{}.{}", lattice, id, verb);
}

std::string lease_subject(std::string_view lattice, std::string_view host_id) {
  return fmt::format("wattle.{}.lease.{}", lattice, host_id);
}

std::string spy_subject(std::string_view lattice) {
  return fmt::format("wattle.{}.spy", lattice);
}

std::string call_prefix(std::string_view lattice, std::string_view target) {
  return fmt::format("{}.{}", lattice, target);
}

std::string host_call_prefix(std::string_view lattice, std::string_view host_id, std::string_view target) {
  return fmt::format("{}{}.{}.{}", kHostCallMark, lattice, host_id, target);
}

std::string call_subject(std::string_view prefix, std::string_view instance, std::string_view function) {
  return fmt::format("{}{}{}{}{}", prefix, kCallMark, instance, instance.empty() ? "" : ".", function);
}

std::string_view wire_function(std::string_view wit_name) {
  for (const std::string_view kind : {"[method]", "[static]", "[constructor]"})
    if (take_prefix(wit_name, kind)) break;
  return wit_name;
}

std::optional<CallSubject> parse_call_subject(std::string_view subject) {
  const size_t mark = subject.find(kCallMark);
  if (mark == std::string_view::npos) return {};
  std::string_view prefix = subject.substr(0, mark);
  CallSubject parts;
  parts.operation = subject.substr(mark + kCallMark.size());
  const auto words = std::count(prefix.begin(), prefix.end(), '.');
  if (words == 3 && take_prefix(prefix, kHostCallMark)) {
    parts.lattice = take_word(prefix);
    parts.host_id = take_word(prefix);
    if (parts.host_id.empty()) return {};
  } else if (words == 1) {
    parts.lattice = take_word(prefix);
  } else {
    return {};
  }
  parts.target = prefix;
  if (parts.lattice.empty() || parts.target.empty() || parts.operation.empty()) return {};
  return parts;
}

Operation split_operation(std::string_view operation) {
  // Without an interface's slash in front of the first dot, it is a function by itself.
  if (operation.substr(0, operation.find('.')).find('/') == std::string_view::npos) return {{}, operation};
  std::string_view rest = operation;
  std::string_view word = take_word(rest);
  if (word.find('@') != std::string_view::npos) {
    word = take_word(rest);  // minor
    word = take_word(rest);  // patch, with what follows a hyphen or plus
    if (word.find('-') != std::string_view::npos)
      while (is_number(rest.substr(0, rest.find('.')))) word = take_word(rest);
  }
  if (rest.empty()) return {operation, {}};
  return {operation.substr(0, operation.size() - rest.size() - 1), rest};
}

}  // namespace wattle::lattice
