#include "engine/trap_message.h"

#include <string_view>

namespace wattle::engine {
namespace {

struct Translation {
  std::string_view v8;
  std::string_view specification;
};

// V8 folds some of the specification's traps into one; there both names are given. Looked for in this order.
constexpr Translation kTranslations[] = {
    {"unreachable", "unreachable"},
    {"memory access out of bounds", "out of bounds memory access"},
    {"data segment", "out of bounds memory access"},
    {"divide by zero", "integer divide by zero"},
    {"remainder by zero", "integer divide by zero"},
    {"divide result unrepresentable", "integer overflow"},
    {"float unrepresentable in integer range", "integer overflow or invalid conversion to integer"},
    {"null function or function signature mismatch", "indirect call type mismatch or uninitialized element"},
    {"table index is out of bounds", "undefined element or out of bounds table access"},
    {"table or element segment", "out of bounds table access"},
    {"table access out of bounds", "out of bounds table access"},
    {"table initializer", "out of bounds table access"},
    {"element segment", "out of bounds table access"},
    {"dereferencing a null pointer", "null reference"},
    {"Maximum call stack size exceeded", "call stack exhausted"},
    {"operation does not support unaligned accesses", "unaligned atomic"},
};

std::string without_kind(std::string_view text) {
  for (std::string_view kind :
       {"RuntimeError: ", "RangeError: ", "LinkError: ", "TypeError: ", "CompileError: "}) {
    if (text.starts_with(kind)) text.remove_prefix(kind.size());
  }
  constexpr std::string_view kConstructor = "WebAssembly.Instance(): ";
  if (text.starts_with(kConstructor)) text.remove_prefix(kConstructor.size());
  return std::string(text);
}

}  // namespace

Error trap_error_of(const std::string& text) {
  for (const auto& [v8, specification] : kTranslations) {
    if (text.find(v8) != std::string::npos) return Error(ErrorCode::trap, std::string(specification));
  }
  if (text.find("WebAssembly.Exception") != std::string::npos) {
    return Error(ErrorCode::trap, "uncaught exception");
  }
  return Error(ErrorCode::trap, text.empty() ? "the guest ended without a reason" : without_kind(text));
}

Error instantiation_error_of(const std::string& text) {
  if (text.starts_with("LinkError") || text.starts_with("TypeError")) {
    return Error(ErrorCode::unlinkable, "a core module does not link: " + without_kind(text));
  }
  return trap_error_of(text);
}

}  // namespace wattle::engine
