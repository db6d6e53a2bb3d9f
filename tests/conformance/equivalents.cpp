#include "equivalents.h"

#include <string>

namespace wattle::conformance {
namespace {

struct Equivalent {
  std::string_view text;     // what a script may expect
  std::string_view message;  // what counts as that
};
constexpr Equivalent kEquivalents[] = {
    // The engine's words for a core function body that does not type-check.
    {"type mismatch", "not enough arguments on the stack"},
    // The script's words stand for both directions.
    {"expected a result, found none", "expected no result, found one"},
};

}  // namespace

bool names_rule(std::string_view message, std::string_view text) {
  if (message.find(text) != std::string_view::npos) return true;
  for (const Equivalent& equivalent : kEquivalents)
    if (text == equivalent.text && message.find(equivalent.message) != std::string_view::npos) return true;
  return false;
}

}  // namespace wattle::conformance
