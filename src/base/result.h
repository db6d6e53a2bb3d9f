// Expected failures are values. A function that can fail in a way its caller should handle returns Result<T>;
// exceptions and aborts mean bugs.
//
//   Result<Module> parse(std::span<const uint8_t> bytes);
//   auto module = parse(bytes);
//   if (!module) return failure(module.error().with_context("while loading " + path));
//
// or, where there is nothing to add:
//
//   WATTLE_TRY(auto module, parse(bytes));
#pragma once

#include <fmt/format.h>

#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace wattle {

// What kind of failure it is: what a program decides on. People read the message.
enum class ErrorCode : uint8_t {
  invalid_argument,   // the caller's argument is wrong: flag, value text, configuration
  malformed,          // bytes or text that do not parse
  invalid,            // parses, but breaks a validation rule
  unsupported,        // valid, but needs a feature this build does not have
  unlinkable,         // an import that nothing satisfies, or with another type
  not_found,          // file, function, name
  already_exists,     // occupied port, existing file
  permission_denied,  // refused by policy or by the operating system
  trap,               // the guest trapped
  exit,               // the guest ended itself with wasi:cli/exit
  deadline_exceeded,  // the wall-clock deadline passed
  cpu_time_exceeded,  // the guest used more CPU time than allowed
  memory_exceeded,    // the guest hit its memory limit where that ends it
  overloaded,         // no instance and no room in the queue
  cancelled,          // the caller went away
  unavailable,        // a peer cannot be reached or went away
  io,                 // the operating system refused or failed
  internal,           // a bug in wattle
};

// The code's name as shown to people and in JSON: "deadline-exceeded".
std::string_view to_string(ErrorCode code);

// One failure: a code, a message a person can act on, and the failure below it.
class Error {
 public:
  Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}
  Error(ErrorCode code, std::string message, Error cause)
      : code_(code), message_(std::move(message)), cause_(std::make_shared<const Error>(std::move(cause))) {}

  ErrorCode code() const { return code_; }
  const std::string& message() const { return message_; }
  // What the reader can do about it; empty when the message says it all.
  const std::string& remedy() const { return remedy_; }
  const Error* cause() const { return cause_.get(); }

  Error with_remedy(std::string remedy) && {
    remedy_ = std::move(remedy);
    return std::move(*this);
  }
  // A finer reason that the folder at fault defines, for callers that must tell cases apart; 0 when there is
  // none. The upper half names the folder, so that two folders' numbers never meet: see http/error.h.
  uint32_t detail() const { return detail_; }
  Error with_detail(uint32_t detail) && {
    detail_ = detail;
    return std::move(*this);
  }
  // The same failure seen from further up: same code, `context` as message, this as cause.
  Error with_context(std::string context) const { return Error(code_, std::move(context), *this); }

  // "message: cause: cause of the cause", without remedies.
  std::string full_message() const;

 private:
  ErrorCode code_;
  std::string message_;
  std::string remedy_;
  uint32_t detail_ = 0;
  std::shared_ptr<const Error> cause_;
};

template <class T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> failure(Error error) {
  return tl::unexpected<Error>(std::move(error));
}

// failure(ErrorCode::not_found, "no export named {}", name)
template <class... Args>
tl::unexpected<Error> failure(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  return tl::unexpected<Error>(Error(code, fmt::format(format, std::forward<Args>(args)...)));
}

}  // namespace wattle

#define WATTLE_CONCATENATE_INNER(a, b) a##b
#define WATTLE_CONCATENATE(a, b) WATTLE_CONCATENATE_INNER(a, b)
#define WATTLE_TRY_INNER(temporary, declaration, expression)              \
  auto temporary = (expression);                                          \
  if (!temporary) return ::wattle::failure(std::move(temporary).error()); \
  declaration = std::move(*temporary)

// WATTLE_TRY(auto x, f()): x is the value of f(), or the enclosing function returns f()'s error.
#define WATTLE_TRY(declaration, expression) \
  WATTLE_TRY_INNER(WATTLE_CONCATENATE(wattle_try_, __LINE__), declaration, expression)

// WATTLE_CHECK(f()): for Result<void>: the enclosing function returns f()'s error, if there is one.
#define WATTLE_CHECK(expression)                                   \
  do {                                                             \
    if (auto wattle_checked = (expression); !wattle_checked)       \
      return ::wattle::failure(std::move(wattle_checked).error()); \
  } while (false)
